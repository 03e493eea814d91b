"""Small valid files of every format, and the words each format is made of."""

from __future__ import annotations

import gzip
import io
from typing import Final

from tests.contracts.test_reader import EXAMPLES
from tests.sources.test_feeds import ATOM, RSS, WXR
from tests.sources.test_pdf import make_pdf
from tests.torture.fuzz_inputs import Corpus

_POST: Final = """Sociala medier

tisdag, mars 09, 2010

Jag har funderat på det här. Vad säger ni? Se http://example.org/a?b=c och hör av er!

- ett
- två

2 kommentarer:

Lena Carlsson sa...
Håller med dig. Mycket bra skrivet!
9 mars 2010 10:12

Bo
今天天气很好。我们去公园吧！
Leave a Reply
"""
_MARKDOWN: Final = """---
title: Rubrik: med kolon
date: 2010-03-09
tags: [a, b]
n: 0x1F
when: 2010-03-09 10:00:00 +01:00
more: &x {a: 1.5, b: .inf}
again: *x
---
# Första

Text med **fetstil** och `kod`.

```python
# ingen rubrik
```

## Andra
> citat
"""
_TOML: Final = """+++
title = "En titel"
date = 2010-03-09T10:00:00Z
n = 1e5
[extra]
a = [1, 2.5, true]
+++
Text
"""
_PAGE: Final = """<!DOCTYPE html><html lang="sv-SE"><head><meta charset="utf-8"><title>En sida</title>
<meta name="author" content="Anna"><meta property="article:published_time" content="2010-03-09T10:00:00Z">
<script type="application/ld+json">{"@type": "Article",
"datePublished": "2010-03-09", "author": {"name": "Bo"}}</script>
</head><body><nav><a href="/">Hem</a></nav><article><h1>En sida</h1>
<p>Första stycket är så långt att det räknas som huvudtext, med en bisats till, och mer därtill.</p>
<ul><li>ett</li><li>två &amp; tre</li></ul><table><tr><td>a</td><td>b</td></tr></table>
<pre>rad
  två</pre><p>Andra stycket är också en mening, och den är minst lika lång som den förra var.</p></article>
<div id="comments" class="comments"><p>Bo sa...</p><p>Håller med!</p></div></body></html>"""
_JSON_ROWS: Final = """[{"id": 7, "text": "Ett två", "title": "T", "date": "2010-03-09", "lang": "sv", "n": 1.5,
 "tags": ["a", "b"], "deep": {"a": {"b": true}}}, {"text": null}, 3, {"id": "x", "text": "\\ud83d\\ude00 \\u0000"}]"""
_JSONL_ROWS: Final = """{"id": 1, "text": "Ett", "author": ["A", "B"], "date": "9 mars 2010", "extra": {"a": [1, 2]}}
{"id": "b", "text": 5, "lang": "sv_SE", "ok": true}

{"text": "\\u00e5\\ud800", "n": 123456789012345678901234567890}
"""
_CSV_ROWS: Final = 'id;text;title;date;lang\n1;"Ett; ""två""\nrad";T;2010-03-09;sv\n2;Tre;;3/4/2010;xx\n;;;;\n'
_TSV_ROWS: Final = 'id\ttext\tauthor\n1\tEtt\tAnna\n2\t"Två\ttre"\tBo\n'
_MAIL: Final = """From: =?utf-8?q?Anna_=C3=85?= <anna@example.org>
To: "Bo, B." <bo@example.org>, c@example.org
Date: Tue, 09 Mar 2010 10:00:00 +0100 (CET)
Subject: =?iso-8859-1?B?5eT2?= hej
Message-ID: <1@example.org>
In-Reply-To: <0@example.org>
Content-Language: sv
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary="b1"

--b1
Content-Type: text/plain; charset=iso-8859-1; format=flowed
Content-Transfer-Encoding: quoted-printable

H=E5ller med =
dig.
> From me
--b1
Content-Type: text/html; charset="utf-8"
Content-Transfer-Encoding: base64

PHA+SGVqPC9wPg==
--b1--
"""
_ATTACHED: Final = """Subject: a
Content-Type: multipart/mixed; boundary=x

--x
Content-Type: message/rfc822

Subject: inner
Content-Type: text/html

<p>Ett &amp; två</p>
--x
Content-Type: text/plain; name*0*=utf-8''%C3%A5; name*1=b
Content-Disposition: attachment; filename="a.txt"
Content-Transfer-Encoding: x-uuencode

begin 644 a
#86)C
end
--x--
"""
_ENVELOPE: Final = "From anna@example.org Tue Mar  9 10:00:00 2010\n"

_XML_TOKENS: Final = (
    "<item> </item> <entry> </entry> <rss> </rss> <channel> <feed <content type='xhtml'> <![CDATA[ ]]> <!-- --> <?xml "
    "<!DOCTYPE <!ENTITY &lt; &amp; &#0; &#x1F600; &#1114112; &nbsp; xmlns= xmlns:a='b' <wp:comment> </wp:comment> "
    "<wp:post_type>post</wp:post_type> <wp:status>publish</wp:status> <content:encoded> </content:encoded> <guid> "
    "<pubDate>0000-00-00</pubDate> <published>9999-12-31T23:59:59Z</published> encoding='utf-16' encoding='shift_jis' "
    "version='1.1' thr:in-reply-to ref='e1' <thr:in-reply-to/> <id> </id> </ /> <a: <html:p> <description> <dc:date> "
    "<category term='a'/> <link href='x'/> xml:lang='sv' <title> </title> <summary type='html'>"
)
_HTML_TOKENS: Final = (
    "<p> </p> <div> </div> <table> <tr> <td> </table> <li> <ul> </ul> <br> <pre> </pre> <script> </script> <style> "
    "<title> </title> <meta <html> </html> <body> <head> </head> <!-- --> <![CDATA[ <? ?> <svg> <math> <template> "
    "<select><option> <iframe> <object> <noscript> <a href='x'> </a> <article> </article> <h1> </h1> &amp; &#0; "
    "&#xD800; &#x110000; &nbsp &lt; charset=utf-7 charset=utf-16 charset=x charset=shift_jis class='comments' "
    "id='comments' lang='sv' datetime='2010' <time <span <frameset> <plaintext> <textarea> <q> <blockquote> <dl><dt> "
    '{"@type": "datePublished": "author":'
)
_TEXT_TOKENS: Final = (
    "# ## --- +++ ``` ~~~ > - * 1. | \n\n \n \t : ... ; https:// http:// @x a@b.c www. 2010-03-09 9/3/2010 tisdag "
    "kommentarer: sa... says: Reply Comments Svar • [1] (a) ?! 。！ … « » '' “ ” 12:00 Mr. Dr. z.B. St. e.g. "
    "==== ---- **** Kommentarer (2) 2 svar Lena säger: http://example.org/ &copy; © 2010 Till toppen Leave a Reply"
)
_YAML_TOKENS: Final = (
    "--- ... +++ key: - [ ] { } & * ! !! !!bool !!binary !!timestamp !!int !!float !!set !!omap !!pairs "
    "!!python/object:x %YAML 1.2 %TAG | > |2- ? << : <<: *x ~ null .inf -.inf .nan 0x 0o7 0b1 1:20:30 190:20:30.15 "
    "2001-12-14t21:59:43.10-05:00 "
    "9999-12-31 0001-01-01 0000-00-00 2001-12-14 99:99:99 \"\\x \"\\u \"\\UFFFFFFFF' # a: b = = [[ ]] . '''"
)
_JSON_TOKENS: Final = (
    '{ } [ ] : , " null true false NaN Infinity -Infinity 1e999 -0 1E400 \\u0000 \\ud800 \\udc00 \\u \\ "text": "id": '
    '"title": "date": "lang": "author": {"text": [{"text": "a"} {"text":"b"} [[ {"a": \\"'
)
_TABLE_TOKENS: Final = 'text id title date lang author , ; \t | " "" \n \r \r\n \'" "\n text,text id,id =1+1 \0'
_MAIL_TOKENS: Final = (
    "From: To: Date: Subject: Message-ID: In-Reply-To: Content-Type: Content-Transfer-Encoding: Content-Disposition: "
    "Content-Language: MIME-Version: text/plain text/html multipart/mixed multipart/alternative multipart/related "
    "multipart/digest message/rfc822 message/partial message/delivery-status message/external-body boundary= "
    "boundary=\"\" --b1 --b1-- charset= charset*= charset*0*=utf-8''%41 name*0*= name*1= =?utf-8?q? =?utf-8?b? ?= "
    "=?x?z?a?= "
    "base64 quoted-printable x-uuencode 8bit 7bit start= type= <> <@> <a@b> (c (( )) \\ ,,, ;; ;a=b :: []: <a@[1.2]> "
    "[127.0.0.1] =C3 =?iso-2022-jp?b?GyRC?= =?utf-8*sv?q?a?= undisclosed-recipients:; a:b;c: -0000 +9999 -2400 "
    "99:99:99 Feb 30 -1 1e9 unicode-escape utf-7 idna punycode hex rot13 zlib begin 644 end"
)
_PDF_TOKENS: Final = (
    "obj endobj stream endstream xref trailer startxref %%EOF << >> [ ] ( ) <41> /Type /Page /Pages /Kids /Count "
    "/Parent /Contents /Resources /Font /F1 /Length /Filter /FlateDecode /LZWDecode /ASCIIHexDecode /ASCII85Decode "
    "/RunLengthDecode /DecodeParms /Predictor 12 /Columns /Root /Info /Size /Prev /XRef /ObjStm /W /Index /First /N "
    "/Encoding /Differences /ToUnicode /DescendantFonts /Type0 /Identity-H /CIDFontType2 /Encrypt /V /R /O /U /P "
    "/Title /CreationDate D:99999999 1 0 R 2 0 R 3 0 R 4 0 R 5 0 R BT ET Tf Td TD Tm Tj TJ T* ' Do q Q cm BI ID EI "
    "/Annots /Widths /FirstChar /LastChar /MissingWidth null true false -1 99999999999 1e9 65535 f 00000 n"
)
_ASK_TOKENS: Final = (
    "\x1e --where --where= --since --since= --until --until= --lang --lang= --kind --kind= --source --source= --mode "
    "--mode= -k -k0 -k1 -k99999999999999999999 --per-document --per-document= --min-score --min-score= --json --jsonl "
    "--full --exact --where\x1en=5 --where\x1etag=red --where\x1e=x --where\x1ea --lang\x1esv --lang\x1ezh_Hant "
    "--kind\x1epost --kind\x1ecomment --since\x1e2010 --until\x1e2010-03-09T10:00:00Z --mode\x1elexical "
    "--source\x1eseeds --per-document\x1e1 --min-score\x1enan --min-score\x1e-inf --min-score\x1e1e999 -- - -h --help "
    "hybrid dense lexical post comment sv und 2010-03 2010-13 2010-02-30 0000 9999 n tag deep.a yes true None "
    "' \" % _ ? --group --group= --group\x1etranslations "
    '--where\x1e$.a=1 --where\x1e"=" ;-- \' OR 1=1 INSTR( json_each( \\ * nan inf -0 medier'
)
_QUERY_TOKENS: Final = (
    "medier sociala säga nej AND OR NOT NEAR( * \" ' : ^ - + ( ) ape bee 社交媒体 メディア ソーシャル ΜΈΣΑ соц.сети "
    "وسائل שלום ฉันรัก 👨\u200d👩\u200d👧 e\u0301\u0323 \u202e \u200b \u00ad \0 \n \t % _ \\ <b> &amp; [bold] "
    "[/] :smile: "
    "a-b a'b don't l'été ﬃ ſ ı İ ß ẞ Ǆ ① ½ ² ٣ 2010-03-09 http://a.b/c @x #y _ __ ° ™ ∑ \u0300\u0301\u0302 \ufdfa"
)


def _encoded(tokens: str) -> tuple[bytes, ...]:
    """Tokens that stand in one text, divided by spaces."""
    return tuple(token.encode() for token in tokens.split(" ") if token)


def _compressed_pdf() -> bytes:
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(make_pdf("Packed page"))))
    for page in writer.pages:
        page.compress_content_streams()
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def _bytes(*texts: str) -> tuple[bytes, ...]:
    return tuple(text.encode() for text in texts)


def reader_corpora() -> dict[str, Corpus]:
    """Seeds and tokens of every reader, by the name of its format."""
    text, feed, page = (_encoded(tokens) for tokens in (_TEXT_TOKENS, _XML_TOKENS, _HTML_TOKENS))
    rows, table, mail = (_encoded(tokens) for tokens in (_JSON_TOKENS, _TABLE_TOKENS, _MAIL_TOKENS))
    pdfs = (make_pdf("Ett"), make_pdf("One page", "Another"), _compressed_pdf(), make_pdf("Ett", password="p"))  # noqa: S106  a made-up one
    mbox = _bytes(_ENVELOPE + _MAIL + "\n" + _ENVELOPE + "Subject: b\n\nTvå\n>From x\n", _ENVELOPE + _ATTACHED)
    found = {
        "csv": Corpus(_bytes(_CSV_ROWS, "text,n\nEtt,1\nTvå,2\n"), table),
        "eml": Corpus(_bytes(_MAIL, _ATTACHED), mail),
        "feed": Corpus(_bytes(WXR[:3000], RSS, ATOM, WXR), feed),
        "html": Corpus(_bytes(_PAGE, "<p>Ett <b>två</b><br>tre</p>"), page),
        "json": Corpus(_bytes(_JSON_ROWS, '{"text": "Ett", "n": 1}'), rows),
        "jsonl": Corpus(_bytes(_JSONL_ROWS), rows),
        "markdown": Corpus(_bytes(_MARKDOWN, _TOML), text + _encoded(_YAML_TOKENS)),
        "mbox": Corpus(mbox, (*mail, b"\nFrom a 1:00", b">From ")),
        "pdf": Corpus(pdfs, _encoded(_PDF_TOKENS)),
        "text": Corpus((*_bytes(_POST), "på åäö Ärlig".encode("cp1252"), gzip.compress(b"a", mtime=0)), text),
        "tsv": Corpus(_bytes(_TSV_ROWS), table),
    }
    return {name: Corpus((*corpus.seeds, EXAMPLES[name]), corpus.tokens) for name, corpus in found.items()}


def ask_corpus() -> Corpus:
    """Arguments of `smsearch ask`, divided by U+001E."""
    seeds = (
        "medier\x1e--where\x1en=5\x1e--since\x1e2010-03\x1e--until\x1e2011",
        "sociala\x1e--lang\x1esv\x1e--kind\x1epost\x1e--source\x1eseeds\x1e-k\x1e2",
        "nej\x1e--where\x1etag=red\x1e--where\x1eyes=true\x1e--per-document\x1e1\x1e--min-score\x1e0.1\x1e--jsonl",
    )
    return Corpus(_bytes(*seeds), _encoded(_ASK_TOKENS))


def query_corpus() -> Corpus:
    """Queries, each behind a byte that says how it is asked and shown."""
    texts = ("varför säga nej till sociala medier", "ape bee", "社交媒体", "why say no to social media?", "من", "a")
    seeds = tuple(bytes([32 + i]) + text.encode() for i, text in enumerate(texts))
    return Corpus(seeds, _encoded(_QUERY_TOKENS))


def text_corpus() -> Corpus:
    """Texts to be cut into passages."""
    every = reader_corpora()
    seeds = [seed for name in ("text", "markdown", "html", "feed", "jsonl") for seed in every[name].seeds]
    return Corpus(tuple(seeds), (*_encoded(_TEXT_TOKENS), *_bytes("\n\n", "\n# ", "\u2028", "sa...\n", "\x85")))
