from __future__ import annotations

import io

import pytest

from smsearch.records import Document, Fields, Section
from smsearch.sources import feeds
from smsearch.sources.feeds import read_feed
from smsearch.sources.reader import NotOfThisKindError
from tests.sources.reading_help import documents, ids, only_document, read_bytes

WXR = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"
 xmlns:excerpt="http://wordpress.org/export/1.2/excerpt/"
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:wp="http://wordpress.org/export/1.2/">
<channel><title>Bloggen</title><language>en-US</language><wp:wxr_version>1.2</wp:wxr_version>
<item><title>Sociala &amp;amp; medier</title><link>https://example.org/1</link><dc:creator>anna</dc:creator>
<pubDate>Tue, 09 Mar 2010 10:00:00 +0000</pubDate><guid>https://example.org/?p=12</guid>
<content:encoded><![CDATA[Första stycket.

Andra <b>stycket</b>
på två rader.]]></content:encoded><excerpt:encoded><![CDATA[]]></excerpt:encoded>
<wp:post_id>12</wp:post_id><wp:post_date>2010-03-09 11:00:00</wp:post_date>
<wp:post_date_gmt>2010-03-09 10:00:00</wp:post_date_gmt>
<wp:status>publish</wp:status><wp:post_type>post</wp:post_type>
<category domain="category" nicename="web">Webb</category><category domain="post_tag">pr</category>
<wp:comment><wp:comment_author><![CDATA[Bo]]></wp:comment_author>
<wp:comment_date>2010-03-10 09:00:00</wp:comment_date><wp:comment_date_gmt>2010-03-10 08:00:00</wp:comment_date_gmt>
<wp:comment_content><![CDATA[Håller med.]]></wp:comment_content><wp:comment_approved>1</wp:comment_approved>
<wp:comment_type></wp:comment_type></wp:comment>
<wp:comment><wp:comment_author>Spam</wp:comment_author><wp:comment_content>Köp</wp:comment_content>
<wp:comment_approved>spam</wp:comment_approved><wp:comment_type></wp:comment_type></wp:comment>
<wp:comment><wp:comment_author>Ping</wp:comment_author><wp:comment_content>[...]</wp:comment_content>
<wp:comment_approved>1</wp:comment_approved><wp:comment_type>pingback</wp:comment_type></wp:comment>
</item>
<item><title>Utkast</title><content:encoded>u</content:encoded><wp:post_id>13</wp:post_id>
<wp:status>draft</wp:status><wp:post_type>post</wp:post_type></item>
<item><title>Bild</title><wp:post_id>14</wp:post_id><wp:status>inherit</wp:status>
<wp:post_type>attachment</wp:post_type></item>
<item><title>Om</title><content:encoded>Om oss</content:encoded><wp:post_id>15</wp:post_id>
<wp:status>publish</wp:status><wp:post_type>page</wp:post_type></item>
</channel></rss>"""

RSS = """

<?xml version="1.0"?><rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel>
<title>Feed</title>
<item><title>One</title><guid>g1</guid><link>https://example.org/one</link><author>a@example.org</author>
<pubDate>Tue, 09 Mar 2010 10:00:00 GMT</pubDate><category>web</category>
<description>Short</description><content:encoded>&lt;p&gt;Long&lt;/p&gt;&lt;p&gt;text&lt;/p&gt;</content:encoded></item>
<item><title>Two</title><description>&lt;p&gt;Only this&lt;/p&gt;</description><pubDate>någon gång</pubDate></item>
</channel></rss>"""

ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xmlns:thr="http://purl.org/syndication/thread/1.0">
<title>Feed</title>
<entry xml:lang="da"><id>e1</id><title type="html">Sociale &lt;b&gt;medier&lt;/b&gt;</title>
<author><name>Åse</name></author><published>2010-03-09T10:00:00Z</published><updated>2011-01-01T00:00:00Z</updated>
<link rel="self" href="https://example.org/self"/><link href="https://example.org/e1"/>
<category term="web"/><content type="html">&lt;p&gt;Indlæg&lt;/p&gt;</content></entry>
<entry><id>c2</id><thr:in-reply-to ref="c1"/><author><name>Eva</name></author><content>Svar på svar</content></entry>
<entry><id>c1</id><thr:in-reply-to ref="e1"/><author><name>Bo</name></author>
<published>2010-03-10T10:00:00Z</published><content type="html">Enig</content></entry>
<entry><id>c3</id><thr:in-reply-to ref="elsewhere"/><content>Forældreløs</content></entry>
<entry><id>e2</id><title>X</title>
<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>a</p><p>b &amp; c</p>
</div></content></entry>
<entry><id>t</id><category scheme="http://schemas.google.com/g/2005#kind"
 term="http://schemas.google.com/blogger/2008/kind#template"/><content>skabelon</content></entry>
</feed>"""


def test_wordpress_export_gives_published_posts_and_pages() -> None:
    assert ids(read_bytes(read_feed, WXR.encode())) == ["https://example.org/?p=12", "15"]


def test_wordpress_post_keeps_its_approved_comments_as_sections() -> None:
    post = documents(read_bytes(read_feed, WXR.encode()))[0]
    assert post == Document(
        doc_id="https://example.org/?p=12",
        text="Första stycket.\n\nAndra stycket\npå två rader.\n\nHåller med.",
        title="Sociala & medier",
        author="anna",
        date="2010-03-09T10:00:00+00:00",
        metadata={"url": "https://example.org/1", "categories": "Webb", "tags": "pr"},
        sections=(Section(0, 44), Section(46, 57, "comment", "Bo", "2010-03-10T08:00:00+00:00")),
    )
    assert post.text[46:57] == "Håller med."


def test_rss_items_take_full_content_before_the_description() -> None:
    one, two = documents(read_bytes(read_feed, RSS.encode(), doc_id="feed.xml"))
    assert (one.doc_id, one.title, one.text) == ("g1", "One", "Long\n\ntext")
    assert (one.author, one.date) == ("a@example.org", "2010-03-09T10:00:00+00:00")
    assert one.metadata == {"url": "https://example.org/one", "categories": "web"}
    assert (two.doc_id, two.text) == ("feed.xml#2", "Only this")
    assert (two.date, two.metadata) == (None, {"date": "någon gång"})


def test_atom_replies_become_comments_of_their_entry() -> None:
    found = read_bytes(read_feed, ATOM.encode())
    assert ids(found) == ["e1", "c3", "e2"]
    post = documents(found)[0]
    assert post.text == "Indlæg\n\nSvar på svar\n\nEnig"
    assert post.sections == (
        Section(0, 6, "post", "Åse"),
        Section(8, 20, "comment", "Eva"),
        Section(22, 26, "comment", "Bo", "2010-03-10T10:00:00+00:00"),
    )
    assert (post.title, post.author, post.lang) == ("Sociale medier", "Åse", "da")
    assert post.date == "2010-03-09T10:00:00+00:00"
    assert post.metadata == {"url": "https://example.org/e1", "categories": "web"}


def test_atom_reply_to_something_elsewhere_is_a_document_of_comment_kind() -> None:
    orphan = documents(read_bytes(read_feed, ATOM.encode()))[1]
    assert (orphan.text, [one.kind for one in orphan.sections]) == ("Forældreløs", ["comment"])


def test_atom_xhtml_becomes_paragraphs() -> None:
    assert documents(read_bytes(read_feed, ATOM.encode()))[2].text == "a\n\nb & c"


def test_replies_in_a_ring_lose_nothing() -> None:
    ring = """<feed xmlns="http://www.w3.org/2005/Atom" xmlns:thr="http://purl.org/syndication/thread/1.0">
    <entry><id>a</id><thr:in-reply-to ref="b"/><content>A</content></entry>
    <entry><id>b</id><thr:in-reply-to ref="a"/><content>B</content></entry>
    <entry><id>c</id><thr:in-reply-to ref="a"/><content>C</content></entry></feed>"""
    assert [one.text for one in documents(read_bytes(read_feed, ring.encode()))] == ["A", "B", "C"]


def test_two_atom_entries_without_a_name_are_both_kept() -> None:
    feed = (
        '<feed xmlns="http://www.w3.org/2005/Atom"><entry><content>A</content></entry>'
        "<entry><content>B</content></entry></feed>"
    )
    assert ids(read_bytes(read_feed, feed.encode(), doc_id="f")) == ["f#1", "f#2"]


def test_two_atom_entries_under_one_name_are_both_kept() -> None:
    feed = """<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>x</id><content>A</content></entry>
    <entry><id>x</id><content>B</content></entry></feed>"""
    assert [one.text for one in documents(read_bytes(read_feed, feed.encode()))] == ["A", "B"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1"])
def test_feed_is_read_in_its_own_encoding(encoding: str) -> None:
    name = encoding.removesuffix("-sig")
    feed = f"""<?xml version="1.0" encoding="{name}"?>
    <rss><channel><item><description>æøå</description></item></channel></rss>"""
    assert only_document(read_bytes(read_feed, feed.encode(encoding))).text == "æøå"


def test_control_characters_do_not_break_a_feed() -> None:
    feed = b"<rss><channel><item><description>a\x0bb\x00c</description></item></channel></rss>"
    assert only_document(read_bytes(read_feed, feed)).text == "a b c"


def test_entity_bomb_is_refused() -> None:
    bomb = b"""<!DOCTYPE r [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>
    <rss><channel><item><title>&b;</title></item></channel></rss>"""
    with pytest.raises(ValueError, match=r"XML entities are refused for safety \(EntitiesForbidden a\)"):
        read_bytes(read_feed, bomb)


def test_external_entity_is_refused() -> None:
    attack = b"""<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/hostname">]>
    <rss><channel><item><title>&x;</title></item></channel></rss>"""
    with pytest.raises(ValueError, match="XML entities are refused for safety"):
        read_bytes(read_feed, attack)


def test_unknown_xml_is_skipped_and_not_failed() -> None:
    with pytest.raises(NotOfThisKindError, match="its root element is 'svg'"):
        read_bytes(read_feed, b'<svg xmlns="http://www.w3.org/2000/svg"/>')


def test_xml_in_an_encoding_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="broken XML: unknown encoding: UTF-1e999") as caught:
        read_bytes(read_feed, b'<?xml version="1.0" encoding="UTF-1e999"?><rss></rss>')
    assert type(caught.value) is ValueError


def test_broken_xml_is_refused() -> None:
    with pytest.raises(ValueError, match="broken XML"):
        read_bytes(read_feed, b"<rss><channel><item>")


def test_entry_nested_too_deeply_for_markup_gives_its_words() -> None:
    content = "<div>" * 5_000 + "deep  words" + "</div>" * 5_000
    feed = f"<feed xmlns='http://www.w3.org/2005/Atom'><entry><content type='xhtml'>{content}</content></entry></feed>"
    assert only_document(read_bytes(read_feed, feed.encode())).text == "deep words"


def test_too_much_before_an_item_is_whole_is_refused_and_the_items_before_it_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    item = "<item><guid>g{}</guid><description>words</description></item>"
    start = "<rss><channel>" + "".join(map(item.format, range(10)))
    for many, reason in (("<x/>" * 1_100, "1,000 elements"), ("x" * 6_000_000, "4 MB")):
        monkeypatch.setattr(feeds, "_MOST_ELEMENTS", 1_000)
        monkeypatch.setattr(feeds, "_HELD_LIMIT", 4_000_000)
        found = read_feed(io.BytesIO(f"{start}{many}</channel></rss>".encode()), doc_id="f", fields=Fields())
        with pytest.raises(ValueError, match=f"more than {reason} without a whole item"):
            assert [next(found).doc_id for _ in range(11)] == []
