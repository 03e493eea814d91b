from __future__ import annotations

import pytest

from smsearch.sources.markup import html_to_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>ett</p><p>två</p>", "ett\n\ntvå"),
        ("<p>ett\n  två</p>", "ett två"),
        ("ett<br>två<br/>tre", "ett\ntvå\ntre"),
        ("<ul><li>ett</li><li>två</li></ul>slut", "ett\ntvå\n\nslut"),
        ("a <b>fet</b>stil", "a fetstil"),
        ("&aring;&#228;&amp;&lt;p&gt;", "åä&<p>"),
        ("<script>x()</script>ord<style>p{}</style> kvar", "ord kvar"),
        ('<img src="a.png" alt="bild"> text', "text"),
        ("<!-- wp:paragraph --><p>text</p><!-- /wp:paragraph -->", "text"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
        ("<pre>rad ett\nrad två</pre>", "rad ett\nrad två"),
        ("bara text", "bara text"),
        ("", ""),
        ("  ", ""),
        ("<p></p>", ""),
        ("<!-- bara en kommentar -->", ""),
    ],
)
def test_html_becomes_paragraphs(html: str, text: str) -> None:
    assert html_to_text(html) == text


def test_line_ends_are_kept_where_they_count() -> None:
    assert html_to_text("ett <i>x</i>\n\ntvå\ntre", keep_lines=True) == "ett x\n\ntvå\ntre"


def test_deep_nesting_loses_no_words() -> None:
    assert html_to_text("<div>" * 3000 + "djup" + "</div>" * 3000) == "djup"


def test_comments_that_are_never_closed_take_no_time_and_hide_the_rest() -> None:
    html = "words" + "<div>" * 3_000 + "<!--" * 100_000 + "hidden"
    assert html_to_text(html) == "words"
