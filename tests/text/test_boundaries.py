"""Ends of sentences as sentencex sees them, in the languages in which it is slow."""

from __future__ import annotations

from pathlib import Path

import pytest
from sentencex import get_sentence_boundaries

from smsearch.text.boundaries import _PLAIN_RULES, sentence_boundaries

SEEDS = Path(__file__).parents[2] / "seeds"
DANISH = """\
Han kom kl. 10.30 med hr. Jensen m.fl. Hun sagde f.eks. Ja! Det var bl.a. derfor. Se nr. 3 osv. De gik hjem... så kom
de. Hvorfor? „Fordi jeg vil.” Nej! siger han. (Det er sandt.) Dr. Hansen, cand.mag. Ida og A. P. Møller: jf. § 4,
stk. 2. Det er d. 5. maj. Den 6. maj 2011 ... og så? Man kan spørge: Er det rigtigt?! Ja. ”Kom nu.” Så gik de
ca. 20 km. Mere... Prisen er 3.000 kr. Ikke mere [1]. Læs om det på www.eksempel.dk. Eller ring på tlf. 12 34 56 78.
Æbler er gode. Ål med. Han gik... (det var sent) Så kom hun. Hun råbte nr! Det gik.
Et samfund i nord, M. Hansen sagde. Et i nord, Z. Hansen sagde."""
CATALAN = """\
El Dr. Puig va arribar a les 10.30 h. Va dir: «Sí.» Vegeu la pàg. 3, núm. 4, etc. La Sra. Vila no hi era. Per què? No
ho sé! Això és d'en Pere i cia. Després van marxar... fins demà. L'art. 5 diu que sí. Amb vostè. També amb tothom.
És a dir, no."""
UNUSUAL = (
    *("Vi skal vælge. a) Gå hjem. b) Blive her.", "Noget. (a) Første ting. (b) Anden ting.", "Slut. 5) Det sidste."),
    *("Køb ind. • 2 æg. • 3 løg. • 4 kål.", "Se. 1.) Æg. 2.) Mel.", "Noget. ii) En. iii) To.", "1. En\n2. To. Tre"),
    *("Sikke en dag! ❤️ men nu.", "Tilsæt mel. ½ dl mælk.", "Hvad ‼ siger han.", "Hvad ? ! (og så videre) Ja."),
    *("Slut. ---------------------------------- skrev Peter.", f"Slut.{40 * ' '}så.", "Husk f.eks. 1) Æg 2) Mel"),
)


def by_sentencex(block: str, lang: str) -> list[tuple[int, int]]:
    return [(each["start_index"], each["end_index"]) for each in get_sentence_boundaries(lang, block)]


@pytest.mark.parametrize(("lang", "text"), [("da", DANISH), ("ca", CATALAN)])
def test_prose_is_cut_as_by_the_slow_rules(lang: str, text: str) -> None:
    lines = text.splitlines()
    for block in (text, *lines):
        assert list(sentence_boundaries(block, lang)) == by_sentencex(block, lang)
    n = sum(len(by_sentencex(line, lang)) for line in lines)
    assert sum(len(by_sentencex(line, _PLAIN_RULES)) for line in lines) > n + 5  # other rules would cut it otherwise


def test_the_seeds_are_cut_as_by_the_slow_rules() -> None:
    for path in SEEDS.glob("*.txt"):
        for line in path.read_text(encoding="utf-8").splitlines():
            assert list(sentence_boundaries(line, "da")) == by_sentencex(line, "da")


@pytest.mark.parametrize("lang", ["da", "ca", "oc", "kl"])
@pytest.mark.parametrize("block", UNUSUAL)
def test_lists_and_unusual_signs_are_left_to_the_slow_rules(block: str, lang: str) -> None:
    assert list(sentence_boundaries(block, lang)) == by_sentencex(block, lang)


def test_a_stop_before_a_comma_ends_no_sentence() -> None:
    assert list(sentence_boundaries("Han sagde ja., Peter kom. Slut.", "da")) == [(0, 26), (26, 31)]
