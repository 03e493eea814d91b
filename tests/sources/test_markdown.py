from __future__ import annotations

import pytest

from smsearch.sources.markdown import first_heading, read_markdown
from tests.sources.reading_help import only_document, read_bytes

YAML = """---
title: Sociala medier
date: 2010-03-09
author: Anna Ek
tags: [web, medier]
lang: sv
draft: false
deep: {a: 1}
---

# Rubrik

Text
"""
TOML = """+++
Title = "Sociala medier"
date = 2010-03-09T10:00:00Z
tags = ["web"]
+++
Text
"""


def test_yaml_front_matter_describes_the_document() -> None:
    document = only_document(read_bytes(read_markdown, YAML.encode()))
    assert document.title == "Sociala medier"
    assert (document.date, document.author, document.lang) == ("2010-03-09", "Anna Ek", "sv")
    assert document.metadata == {"tags": "web, medier", "draft": False, "deep.a": 1}
    assert document.text == "# Rubrik\n\nText\n"


def test_toml_front_matter_describes_the_document() -> None:
    document = only_document(read_bytes(read_markdown, TOML.encode()))
    assert document.title == "Sociala medier"
    assert document.date == "2010-03-09T10:00:00+00:00"
    assert document.metadata == {"tags": "web"}
    assert document.text == "Text\n"


def test_title_falls_back_to_the_first_heading() -> None:
    document = only_document(read_bytes(read_markdown, b"intro\n\n## Second\n\n# First #\n"))
    assert document.title == "First"


def test_heading_in_fenced_code_is_no_title() -> None:
    assert first_heading("```\n# comment\n```\n\n# Titel") == "Titel"


def test_colon_in_an_unquoted_title_does_not_lose_the_front_matter() -> None:
    document = only_document(read_bytes(read_markdown, b"---\ntitle: Web: a story\ndate: 2010-03-09\n---\nText"))
    assert (document.title, document.date, document.text) == ("Web: a story", "2010-03-09", "Text")


@pytest.mark.parametrize("text", ["---\n\nBetween two rules.\n\n---\n\nEnd", "---\nnever closed", "--- a\nb\n---\n"])
def test_rule_on_top_is_text(text: str) -> None:
    assert only_document(read_bytes(read_markdown, text.encode())).text == text


def test_broken_toml_is_text() -> None:
    text = "+++\nno = = toml\n+++\nText"
    assert only_document(read_bytes(read_markdown, text.encode())).text == text


@pytest.mark.parametrize(
    "value", ["!!bool x", "!!int ''", "!!float ''", "!!timestamp x", '"\\UFFFFFFFF"', "!!python/name:os.system"]
)
def test_front_matter_with_a_value_that_is_not_what_it_claims_is_taken_line_by_line(value: str) -> None:
    document = only_document(read_bytes(read_markdown, f"---\ntitle: A\nk: {value}\n---\nText".encode()))
    assert (document.title, document.text, list(document.metadata)) == ("A", "Text", ["k"])


@pytest.mark.parametrize(
    "matter",
    [
        "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{k: {[f'*a{n - 1}'] * 10}}}\n" for n in range(1, 9)),
        "a: &a {b: *a, c: *a, d: *a}\n",
        "a: &a [*a, *a]\ntitle: *a\n",
    ],
)
def test_front_matter_that_stands_for_endless_values_leaves_the_text(matter: str) -> None:
    document = only_document(read_bytes(read_markdown, f"---\n{matter}---\nbody\n".encode()))
    assert document.text == "body\n"
    assert len(document.metadata) <= 1_000


def test_front_matter_too_long_to_be_any_is_text() -> None:
    text = f"---\na: {'[' * 100_000}\n---\nbody\n"
    assert only_document(read_bytes(read_markdown, text.encode())).text == text
