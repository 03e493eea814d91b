from __future__ import annotations

import json
import os
from functools import cache
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

import smsearch.files
from smsearch.encoders import vocabulary as module
from smsearch.encoders.derivation import derive_vocabulary
from smsearch.encoders.vocabulary import FILE_NAME, Vocabulary, cache_folder, open_vocabulary

ROOT = Path(__file__).parents[2]
BUILTIN = ROOT / "smsearch" / "models" / "builtin" / "tokenizer.json"
SMALL = {
    "version": "1.0",
    "truncation": None,
    "padding": None,
    "added_tokens": [],
    "normalizer": {"type": "Lowercase"},
    "pre_tokenizer": {"type": "WhitespaceSplit"},
    "post_processor": None,
    "decoder": None,
    "model": {
        "type": "Unigram",
        "unk_id": 0,
        "byte_fallback": False,
        "vocab": [["?", 0.0], ["a", -3], ["b", -3], ["c", -3], ["bc", -4], ["ab", -4], ["aa", -5], ["abc", -7]],
    },
}


@cache
def builtin() -> tuple[Vocabulary, Tokenizer]:
    vocabulary = open_vocabulary(BUILTIN)
    assert vocabulary is not None
    return vocabulary, Tokenizer.from_file(str(BUILTIN))


def mismatches(texts: list[str]) -> list[str]:
    vocabulary, tokenizer = builtin()
    expected = [encoding.ids for encoding in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]
    return [text for text, ids in zip(texts, expected, strict=True) if vocabulary.cut(text) not in (ids, None)]


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "model" / "tokenizer.json"
    path.parent.mkdir()
    path.write_text(json.dumps(SMALL))
    return path


def test_the_cut_of_the_highest_sum_wins_and_of_equals_the_longest_last_piece(small: Path) -> None:
    vocabulary = open_vocabulary(small)
    assert vocabulary is not None
    assert vocabulary.cut("abc") == [7]  # -7, as a + bc and ab + c are, but longest at the end
    assert vocabulary.cut("aabc") == [6, 4]  # aa + bc are -9, a + abc -10
    assert vocabulary.cut("AB aaa") == [5, 1, 6]
    assert vocabulary.cut("axxb") == [1, 0, 2]  # unknown characters in a row are one
    assert vocabulary.cut("") == []


def test_small_vocabularies_are_cut_like_tokenizers(small: Path) -> None:
    vocabulary, tokenizer = open_vocabulary(small), Tokenizer.from_file(str(small))
    assert vocabulary is not None
    for letters in product("abcx", repeat=5):
        text = "".join(letters)
        assert vocabulary.cut(text) == tokenizer.encode(text, add_special_tokens=False).ids


def test_words_of_a_text_whose_token_ids_are_known_are_cut_alike_without_a_search(small: Path) -> None:
    tokenizer = Tokenizer.from_file(str(small))
    for letters in product("abc", repeat=6):
        text = f"{''.join(letters[:2])} {''.join(letters)}"
        vocabulary = open_vocabulary(small)
        assert vocabulary is not None
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        vocabulary.learn([([text], sorted({*ids, 1, 5}))])  # others too
        assert vocabulary.cut(text) == ids
        assert vocabulary.n_lookups == 0


def test_a_word_that_is_an_entry_is_cut_where_its_pieces_score_more(small: Path) -> None:
    model = {**SMALL["model"], "vocab": [["?", 0.0], ["a", -3], ["b", -3], ["ab", -9]]}  # type: ignore[dict-item]
    small.write_text(json.dumps({**SMALL, "model": model}))
    vocabulary = open_vocabulary(small)
    assert vocabulary is not None
    vocabulary.learn([(["ab"], [1, 2, 3])])
    assert vocabulary.cut("ab") == [1, 2]
    assert vocabulary.n_lookups == 0


def test_words_of_which_token_ids_say_too_little_are_searched_for(small: Path) -> None:
    vocabulary = open_vocabulary(small)
    assert vocabulary is not None
    unknown, too_few, none = (["axb abc"], [1, 0, 2, 7]), (["aabc"], [6]), (["abc"], [7, 8, -1])
    for groups, n_lookups in (([unknown, too_few, none], 9 + 6), ([], 0), ([unknown], 0)):
        vocabulary.learn(groups)
        assert vocabulary.cut("aabc abc") == [6, 4, 7]
        assert vocabulary.n_lookups == n_lookups  # pieces of up to three characters, once


def test_words_are_forgotten_before_they_are_too_many(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_CHARACTERS", 2)
    vocabulary = open_vocabulary(small)
    assert vocabulary is not None
    assert vocabulary.cut("a b ab bc a") == [1, 2, 5, 4, 1]
    assert vocabulary.n_lookups == 1 + 1 + 3 + 3 + 1  # a is looked for twice
    assert vocabulary.cut("a") == [1]
    assert vocabulary.n_lookups == 9


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(alphabet="aAåsøtedn 12½,.▁-’é\u0301İß\tか가ไ👍", max_size=30), max_size=3))
def test_learned_texts_are_cut_like_tokenizers(texts: list[str]) -> None:
    _, tokenizer = builtin()
    vocabulary = open_vocabulary(BUILTIN)
    assert vocabulary is not None
    expected = [encoding.ids for encoding in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]
    vocabulary.learn([(texts, {i for ids in expected for i in ids})])
    assert [vocabulary.cut(text) for text in texts] == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        " \t\n ",
        "hej",
        "  Hej,  på   DIG!  ",
        "123abc 4½ ⅷ ²",
        "a ,b , c",
        "…",
        "ﬁne ＡＢＣ ㍿",
        "e\u0301t\u0301 \u0301x",
        "İstanbul ẞ ΣΑΣ",
        "สวัสดีครับ नमस्ते 한국어 \u1112\u1161\u11ab",
        "👩‍👩‍👧‍👦 🫨 \U0001f9ff",
        "…a… 👍12👍 𝟙𝟚x 𐌰𐌱 x²³ ①…½",
        "wait … 3…4 ™ a™",
        "a\0b \x1c\x85 \u200b\u2060 \ufeff",
        "▁ a▁b _▁_",
        "\u3099か\u3099 ﾞ ｶﾞ",
        "مرحبا بالعالم שלום",
        "x" * 399,
        "<unk> [UNK] <s>",
        "\ufffd \uffff \ue000 \U0010ffff",
        "\u2028a\u2029b\u00a0c\u3000d\u1680e",
    ],
)
def test_edges_are_cut_like_tokenizers(text: str) -> None:
    vocabulary, tokenizer = builtin()
    assert vocabulary.cut(text) == tokenizer.encode(text, add_special_tokens=False).ids


def test_a_word_of_more_than_400_characters_is_left_to_tokenizers() -> None:
    vocabulary, _ = builtin()
    assert vocabulary.cut("a " + "x" * 400 + " b") is None


def test_every_character_is_cut_like_tokenizers_alone_and_among_letters() -> None:
    characters = [chr(point) for point in range(0x3000) if not 0xD800 <= point < 0xE000]
    assert mismatches([f"{c} a{c}b {c}{c}" for c in characters]) == []


def test_every_line_of_the_seeds_is_cut_like_tokenizers() -> None:
    lines = [line for path in sorted(ROOT.glob("seeds/*.txt")) for line in path.read_text("utf-8").splitlines()]
    assert len(lines) > 200
    assert mismatches(lines) == []
    vocabulary, tokenizer = open_vocabulary(BUILTIN), builtin()[1]
    assert vocabulary is not None
    expected = [encoding.ids for encoding in tokenizer.encode_batch_fast(lines, add_special_tokens=False)]
    vocabulary.learn([([line], set(ids)) for line, ids in zip(lines, expected, strict=True)])
    assert [vocabulary.cut(line) for line in lines] == expected
    assert vocabulary.n_lookups < 5_000


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_cut_like_tokenizers(text: str) -> None:
    assert mismatches([text]) == []


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="aAåÅ 12½,.▁-’é\u0301İß\t\u00a0ﬁか\u3099가\u11a8ไ", max_size=30))
def test_texts_of_awkward_characters_are_cut_like_tokenizers(text: str) -> None:
    assert mismatches([text]) == []


@pytest.mark.skipif("SMSEARCH_EVAL" not in os.environ, reason="SMSEARCH_EVAL names no folder of evaluation sets")
def test_evaluation_sets_are_cut_like_tokenizers() -> None:
    folder = Path(os.environ["SMSEARCH_EVAL"])
    texts = [
        cell
        for path in sorted(folder.glob("tatoeba/*.tsv"))
        for line in path.read_text("utf-8").split("\n")
        for cell in line.split("\t")
    ]
    for path in sorted(folder.glob("*/*.jsonl")):
        rows = (json.loads(line) for line in path.read_text("utf-8").split("\n") if line)
        texts += [value for row in rows for value in row.values() if isinstance(value, str)]
    assert len(texts) > 100_000
    assert mismatches(texts) == []


def test_what_only_tokenizers_can_cut_is_left_to_it(small: Path) -> None:
    added = {"id": 0, "content": "[X]", "single_word": False, "lstrip": False, "rstrip": False}
    special = [{**added, "normalized": False, "special": True}]
    small.write_text(json.dumps({**SMALL, "added_tokens": special}))
    vocabulary = open_vocabulary(small)
    assert vocabulary is not None
    assert vocabulary.cut("ab [X] c") is None
    assert vocabulary.cut("ab [x] c") is not None
    assert vocabulary.cut("a" * 401) is None
    assert vocabulary.cut("a" * 400) == [6] * 200


def test_it_is_derived_once_and_then_mapped(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_vocabulary(small)
    assert small.with_name(FILE_NAME).is_file()
    monkeypatch.setattr(module, "derive_vocabulary", lambda _: pytest.fail("derived again"))
    vocabulary = open_vocabulary(small)
    assert vocabulary is not None
    assert vocabulary.cut("abc") == [7]


def test_any_flipped_byte_is_found_and_mended(small: Path) -> None:
    open_vocabulary(small)
    path = small.with_name(FILE_NAME)
    whole = path.read_bytes()
    for place in (0, 25, 60, len(whole) // 2, len(whole) - 1):
        damaged = bytearray(whole)
        damaged[place] ^= 4
        path.write_bytes(damaged)
        vocabulary = open_vocabulary(small)
        assert vocabulary is not None
        assert vocabulary.cut("abc") == [7]
        assert path.read_bytes() == whole


@pytest.mark.parametrize("content", [b"", b"x", b"smsearch-vocabulary-2\n", b"\0" * 4096])
def test_a_truncated_file_is_derived_anew(small: Path, content: bytes) -> None:
    small.with_name(FILE_NAME).write_bytes(content)
    vocabulary = open_vocabulary(small)
    assert vocabulary is not None
    assert vocabulary.cut("aa") == [6]


def test_a_changed_tokenizer_makes_it_stale(small: Path) -> None:
    open_vocabulary(small)
    model = {**SMALL["model"], "vocab": [["?", 0.0], ["a", -3], ["b", -3], ["c", -3]]}  # type: ignore[dict-item]
    small.write_text(json.dumps({**SMALL, "model": model}))
    vocabulary = open_vocabulary(small)
    assert vocabulary is not None
    assert vocabulary.cut("abc") == [1, 2, 3]


def refuse_beside(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Root may write anywhere, so a read-only folder has to be played."""
    write = smsearch.files.write_atomically

    def refuse(path: Path, data: bytes) -> str:
        if path.is_relative_to(folder):
            raise PermissionError(13, "Permission denied", str(path))
        return write(path, data)

    monkeypatch.setattr(smsearch.files, "write_atomically", refuse)


def test_beside_a_read_only_model_it_goes_to_the_users_cache(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "cache_folder", lambda: tmp_path / "cache" / "smsearch")
    refuse_beside(monkeypatch, small.parent)
    open_vocabulary(small)
    assert not small.with_name(FILE_NAME).exists()
    assert [path.name.endswith(FILE_NAME) for path in (tmp_path / "cache" / "smsearch").iterdir()] == [True]
    monkeypatch.setattr(module, "derive_vocabulary", lambda _: pytest.fail("derived again"))
    vocabulary = open_vocabulary(small)
    assert vocabulary is not None
    assert vocabulary.cut("abc") == [7]


def test_nowhere_to_write_is_no_error(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "cache_folder", lambda: tmp_path / "cache")
    refuse_beside(monkeypatch, tmp_path)
    assert open_vocabulary(small) is None


def test_the_cache_follows_the_users_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("os.name", "posix")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("SMSEARCH_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "smsearch"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "smsearch"
    monkeypatch.setenv("SMSEARCH_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"


@pytest.mark.parametrize(
    "change",
    [{"type": "BPE"}, {"unk_id": None}, {"byte_fallback": True}, {"alpha": 0.1}, {"nbest_size": 8}],
)
def test_other_tokenizers_have_no_mapped_form(change: dict[str, object]) -> None:
    model = {**SMALL["model"], **change}  # type: ignore[dict-item]
    assert derive_vocabulary(json.dumps({**SMALL, "model": model}).encode()) is None


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"model": 3}'])
def test_a_damaged_tokenizer_has_none_either(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(content)
    assert open_vocabulary(path) is None
    assert open_vocabulary(tmp_path / "missing.json") is None
