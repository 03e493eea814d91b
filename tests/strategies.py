"""Texts of the kind that breaks programs, for hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

FRAGMENTS = (
    "Hej.",
    "En mening som är lite längre än de andra, med bisats; och mer.",
    "# Rubrik",
    "8 svar",
    "5 Responses",
    "1 kommentar:",
    "Lena Carlsson sa...",
    " • Krister\n\n  Jag håller med.",
    "Leave a Reply",
    "*",
    "http://example.org/a?b=c",
    "3. […] ping […]",
    "• Pingback: x()",
    "\0",
    "\ufeff",
    "שלום עולם. מה שלומך?",
    "ฉันรักคุณมากและจะไม่ไปไหนอีกแล้ว",
    "今天天气很好。我们去公园吧！",
    "👨\u200d👩\u200d👧\u200d👦🏽",
    "e\u0301\u0323",
    "\u202eabc\u202c",
    "x" * 70,
    "\x1c\x85",
    "Till toppen",
)
_JOINTS = ("", " ", "\n", "\n\n", "\r\n", "\u2028", "\t", "\n \n")


def texts() -> st.SearchStrategy[str]:
    """Fragments of posts and of anything else, joined by any kind of white space."""
    fragments = st.sampled_from(FRAGMENTS) | st.text(max_size=25)
    pairs = st.lists(st.tuples(fragments, st.sampled_from(_JOINTS)), max_size=12)
    return pairs.map(lambda found: "".join(fragment + joint for fragment, joint in found))
