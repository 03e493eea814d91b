from __future__ import annotations

import json
import lzma
from pathlib import Path

import pytest

from smsearch.errors import SourceError
from smsearch.training.corpus import CorpusLimits, build_corpus, read_lines, read_pairs
from smsearch.training.decontamination import ForbiddenTexts, text_key

ENGLISH = [
    "The cat sleeps on the warm kitchen table.",
    "We will meet at the railway station tomorrow.",
    "Copy this file to another folder before you go on.",
    "house",
]
SWEDISH = [
    "Katten sover på det varma köksbordet.",
    "Vi träffas på järnvägsstationen i morgon.",
    "Copy this file to another folder before you go on, tack.",
    "hus",
]


def write_pairs(folder: Path, lang: str, pairs: list[tuple[str, str]]) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{lang}.tsv").write_text("".join(f"{one}\t{other}\n" for one, other in pairs), encoding="utf-8")


def kept(out: Path, lang: str) -> list[str]:
    return [text for _, _, text in read_pairs(out / f"{lang}.tsv")]


def test_untranslated_text_is_dropped_and_counted(tmp_path: Path) -> None:
    write_pairs(tmp_path / "texts", "sv", list(zip(ENGLISH, SWEDISH, strict=True)))
    report = build_corpus(tmp_path / "texts", tmp_path / "out")
    assert kept(tmp_path / "out", "sv") == [SWEDISH[0], SWEDISH[1], SWEDISH[3]]
    assert report.dropped == {"untranslated": 1}
    assert (report.english_lines, report.pairs) == (4, {"sv": 3})
    assert json.loads((tmp_path / "out" / "report.json").read_text())["pairs"] == {"sv": 3}


def test_evaluation_texts_are_dropped_on_either_side(tmp_path: Path) -> None:
    write_pairs(tmp_path / "texts", "sv", list(zip(ENGLISH[:2], SWEDISH[:2], strict=True)))
    keys = tmp_path / "keys.tsv"
    keys.write_text(f"{text_key('THE CAT sleeps, on the warm kitchen table')}\ta test\n")
    report = build_corpus(tmp_path / "texts", tmp_path / "out", forbidden=keys)
    assert (kept(tmp_path / "out", "sv"), report.dropped) == ([SWEDISH[1]], {"evaluation text": 1})
    assert SWEDISH[1] not in ForbiddenTexts(keys)


@pytest.mark.parametrize(
    ("lang", "text", "reason"),
    [
        ("ru", "The cat sleeps on the table", "other script"),
        ("zh", "猫睡在厨房的桌子上。", None),
        ("sv", "Katt.", "lengths differ"),
        ("sv", "x" * 700, "too long"),
        ("sv", "", "empty"),
    ],
)
def test_each_fault_has_its_reason(tmp_path: Path, lang: str, text: str, reason: str | None) -> None:
    usual = [(ENGLISH[0], SWEDISH[0]), (ENGLISH[1], SWEDISH[1])] if lang == "sv" else []
    write_pairs(tmp_path / "texts", lang, [*usual, ("The cat sleeps on the warm kitchen table again.", text)])
    report = build_corpus(tmp_path / "texts", tmp_path / "out")
    assert report.dropped == ({reason: 1} if reason else {})


def test_numbered_and_compressed_text_keeps_numbers_and_source_names(tmp_path: Path) -> None:
    texts = tmp_path / "texts"
    texts.mkdir()
    with lzma.open(texts / "english.txt.xz", "wt", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in ENGLISH))
    with lzma.open(texts / "da.tsv.xz", "wt", encoding="utf-8") as file:
        file.write("3\t7\thus\n1\t8\tVi mødes på banegården i morgen.\n3\t7\thus\n")
    (texts / "sources.tsv").write_text("id\tsource\tpairs\n7\tdict_one\t1\n8\tprose\t1\n")
    report = build_corpus(texts, tmp_path / "out", limits=CorpusLimits(max_length_factor=4))
    assert list(read_pairs(tmp_path / "out" / "da.tsv")) == [
        (3, "dict_one", "hus"),
        (1, "prose", "Vi mødes på banegården i morgen."),
    ]
    assert list(read_lines(tmp_path / "out" / "english.txt")) == ENGLISH
    assert (report.sources, report.dropped) == ({"dict_one": 1, "prose": 1}, {"repeated": 1})


def test_a_language_that_is_done_is_not_read_again(tmp_path: Path) -> None:
    write_pairs(tmp_path / "texts", "sv", [(ENGLISH[0], SWEDISH[0])])
    first = build_corpus(tmp_path / "texts", tmp_path / "out")
    (tmp_path / "texts" / "sv.tsv").write_text("no longer two fields\n")
    assert build_corpus(tmp_path / "texts", tmp_path / "out") == first


@pytest.mark.parametrize(
    ("content", "langs", "message"),
    [
        ("one field\n", (), "line 1 has 1 fields"),
        ("a\tb\tc\td\n", (), "line 1 has 4 fields"),
        ("Good day\tgod dag\n", ("fi",), "has no text in fi; it has sv"),
    ],
)
def test_bad_text_is_refused_in_one_sentence(
    tmp_path: Path, content: str, langs: tuple[str, ...], message: str
) -> None:
    (tmp_path / "sv.tsv").write_text(content)
    with pytest.raises(SourceError, match=message):
        build_corpus(tmp_path, tmp_path / "out", langs=langs)


def test_an_empty_folder_and_broken_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no parallel text"):
        build_corpus(tmp_path, tmp_path / "out")
    (tmp_path / "english.txt").write_text("one line\n")
    (tmp_path / "sv.tsv").write_text("5\t0\ttext\n")
    with pytest.raises(SourceError, match="line 1 names English line 5 of 1"):
        build_corpus(tmp_path, tmp_path / "out")
    (tmp_path / "sv.tsv").write_text("x\t0\ttext\n")
    with pytest.raises(SourceError, match="begins with 'x', which is no line number"):
        build_corpus(tmp_path, tmp_path / "out2")
    (tmp_path / "keys").write_text("not a key\n")
    with pytest.raises(SourceError, match="holds other lines than keys"):
        assert "a text that is long enough" in ForbiddenTexts(tmp_path / "keys")
