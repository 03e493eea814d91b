from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import smsearch
from smsearch import errors


def test_the_front_door_is_exactly_these_names() -> None:
    assert smsearch.__all__ == [
        *("BuildReport", "Document", "Fields", "Hit", "Hits", "Index", "SalvageReport", "Section", "SmsearchError"),
        *("Status", "build_index", "load_encoder", "open_index", "salvage_index"),
    ]
    assert dir(smsearch) == sorted([*smsearch.__all__, "__version__"])
    assert smsearch._HOMES.keys() == set(smsearch.__all__)


@pytest.mark.parametrize("name", smsearch.__all__)
def test_every_public_name_is_there_under_its_name_and_documented(name: str) -> None:
    found = getattr(smsearch, name)
    assert found.__name__ == name
    assert found.__module__ == smsearch._HOMES[name]
    own = found.__dict__.get("__doc__") if inspect.isclass(found) else found.__doc__
    assert own
    assert not own.startswith(f"{name}(")  # what dataclass writes where nobody did


@pytest.mark.parametrize("name", ["Index", "Hits"])
def test_every_public_method_is_documented(name: str) -> None:
    members = {key: value for key, value in vars(getattr(smsearch, name)).items() if not key.startswith("_")}
    documented = {key for key, value in members.items() if inspect.getdoc(value)}
    assert documented == set(members)


def test_a_star_import_brings_the_public_names_and_no_others() -> None:
    code = "before = {*globals(), 'before'}\nfrom smsearch import *\nprint(*sorted({*globals()} - before))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.split() == smsearch.__all__


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'smsearch' has no attribute 'build'"):
        _ = smsearch.build  # type: ignore[attr-defined]


def test_options_cannot_be_given_by_place_after_the_first_two() -> None:
    for function in (smsearch.build_index, smsearch.open_index, smsearch.load_encoder):
        kinds = [each.kind for each in inspect.signature(function).parameters.values()]
        assert kinds.count(inspect.Parameter.POSITIONAL_OR_KEYWORD) <= 2
        assert inspect.Parameter.VAR_KEYWORD not in kinds


def test_one_except_clause_catches_every_error_of_ours() -> None:
    ours = [value for value in vars(errors).values() if inspect.isclass(value)]
    assert len(ours) == 12
    assert all(issubclass(error, smsearch.SmsearchError) for error in ours)
    assert all(error.__name__ in (errors.__doc__ or "") for error in ours)
