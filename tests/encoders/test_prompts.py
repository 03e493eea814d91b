from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from smsearch.encoders.prompts import Prompts, family_prompts, find_prompts

if TYPE_CHECKING:
    from pathlib import Path

E5 = Prompts("query: ", "passage: ")
BGE = Prompts("Represent this sentence for searching relevant passages: ", "")
INSTRUCT = "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery: "


@pytest.mark.parametrize(
    ("name", "prompts"),
    [
        ("multilingual-e5-small", E5),
        ("e5-base-v2", E5),
        ("multilingual-e5-large-instruct", Prompts(INSTRUCT, "")),
        ("bge-m3", Prompts()),
        ("bge-small-en-v1.5", BGE),
        ("Qwen3-Embedding-0.6B", Prompts(INSTRUCT.rstrip(" "), "")),
        ("embeddinggemma-300m", Prompts("task: search result | query: ", "title: none | text: ")),
        ("snowflake-arctic-embed-m-v2.0", Prompts("query: ", "")),
        ("snowflake-arctic-embed-xs", BGE),
        ("nomic-embed-text-v1.5", Prompts("search_query: ", "search_document: ")),
        ("mxbai-embed-large-v1", BGE),
        ("gte-multilingual-base", None),
        ("all-MiniLM-L6-v2", None),
        ("some5-model", None),
    ],
)
def test_families_have_the_prompts_of_their_cards(name: str, prompts: Prompts | None) -> None:
    assert family_prompts(name) == prompts


def test_the_models_own_prompts_win_over_its_family(tmp_path: Path) -> None:
    config = {"prompts": {"query": "Q> ", "document": "", "clustering": "c"}}
    (tmp_path / "config_sentence_transformers.json").write_text(json.dumps(config))
    assert find_prompts("intfloat/e5-small", tmp_path) == Prompts("Q> ", "")


def test_empty_prompts_that_are_written_by_default_say_nothing(tmp_path: Path) -> None:
    config = {"prompts": {"query": "", "document": ""}}
    (tmp_path / "config_sentence_transformers.json").write_text(json.dumps(config))
    assert find_prompts("intfloat/e5-small", tmp_path) == E5


def test_a_renamed_folder_is_known_by_its_origin(tmp_path: Path) -> None:
    assert find_prompts("/models/mine", tmp_path) == Prompts()
    (tmp_path / "README.md").write_text("---\ntags: [x]\nbase_model:\n- intfloat/multilingual-e5-base\n---\n# e\n")
    assert find_prompts("/models/mine", tmp_path) == E5
    (tmp_path / "config.json").write_text('{"_name_or_path": "BAAI/bge-base-en-v1.5"}')
    assert find_prompts("/models/mine", tmp_path) == BGE


def test_folders_above_the_model_do_not_name_its_family(tmp_path: Path) -> None:
    folder = tmp_path / "e5-trials" / "other"
    folder.mkdir(parents=True)
    assert find_prompts(str(folder), folder) == Prompts()


def test_damaged_configurations_are_no_prompts(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("[")
    (tmp_path / "config_sentence_transformers.json").write_text("[]")
    assert find_prompts("mine", tmp_path) == Prompts()
