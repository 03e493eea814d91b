from __future__ import annotations

from smsearch.records import Section
from smsearch.sources.webpages import read_html
from tests.sources.reading_help import only_document, read_bytes

PAGE = """<!DOCTYPE html><html lang="sv-se"><head><meta charset="{charset}"><title>Sidan | Bloggen</title>
<meta name="author" content="Anna Ek"><link rel="canonical" href="https://example.org/inlagg">
<meta property="article:published_time" content="2010-03-09T10:00:00+00:00"></head><body>
<nav><a href="/">Hem</a> <a href="/om">Om bloggen</a></nav><article><h1>Sociala medier</h1>
<p>Sociala medier bygger inte på tillgången till internet, utan på att människor talar med varandra.</p>
<p>Det startade förra veckan i en diskussion om kampanjer, och den diskussionen är långt ifrån slut.</p>
</article><div id="comments" class="comments"><div class="comment">
<p>Bra skrivet, jag håller med om detta helt och hållet och vill gärna läsa mer.</p></div></div></body></html>"""


def test_page_gives_main_text_and_comments_apart() -> None:
    document = only_document(read_bytes(read_html, PAGE.format(charset="utf-8").encode()))
    post, comment = document.sections
    assert document.text[post.start : post.end] == (
        "Sociala medier\n\n"
        "Sociala medier bygger inte på tillgången till internet, utan på att människor talar med varandra.\n\n"
        "Det startade förra veckan i en diskussion om kampanjer, och den diskussionen är långt ifrån slut."
    )
    assert document.text[comment.start :] == (
        "Bra skrivet, jag håller med om detta helt och hållet och vill gärna läsa mer."
    )
    assert comment == Section(post.end + 2, len(document.text), "comment")


def test_page_says_title_author_date_language_and_address() -> None:
    document = only_document(read_bytes(read_html, PAGE.format(charset="utf-8").encode()))
    assert (document.title, document.author) == ("Sociala medier", "Anna Ek")
    assert (document.date, document.lang) == ("2010-03-09", "sv-SE")
    assert document.metadata["url"] == "https://example.org/inlagg"


def test_declared_charset_is_used() -> None:
    data = "<html><head><meta charset=iso-8859-2></head><body><p>łąka</p></body></html>".encode("iso8859-2")
    assert only_document(read_bytes(read_html, data)).text == "łąka"


def test_page_without_main_text_gives_all_its_words() -> None:
    document = only_document(read_bytes(read_html, b"<html><title>T</title><body><div>Hej</div></body></html>"))
    assert (document.text, document.title, document.sections) == ("Hej", "T", ())


def test_broken_markup_still_gives_its_words() -> None:
    assert only_document(read_bytes(read_html, b"<p>a <b>b <i>c</p></td>d")).text.split() == ["a", "b", "c", "d"]


def test_page_without_words_has_empty_text() -> None:
    assert only_document(read_bytes(read_html, b"<html><body><script>x()</script></body></html>")).text == ""
