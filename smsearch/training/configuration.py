"""What a model is trained from, in one TOML file."""

from __future__ import annotations

import dataclasses
import tomllib
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from smsearch.errors import InputError
from smsearch.training.adapting import AdapterPlan
from smsearch.training.batches import SamplingPlan
from smsearch.training.corpus import CorpusLimits
from smsearch.training.growing import GrowthPlan
from smsearch.training.settling import SettlingPlan
from smsearch.training.student import StudentPlan
from smsearch.training.teacher import TeacherPlan
from smsearch.training.vocabulary import VocabularyPlan
from smsearch.training.words import WordsPlan

_Record = TypeVar("_Record")


@dataclass(frozen=True, slots=True)
class CardNotes:
    """What the model card says that no stage can know.

    Attributes:
        description: A sentence or two at the top.
        licence: Of the weights.
        licences: Of the sources, by the beginning of their names.
        weaknesses: What the model is known to be bad at.
        check_texts: The card gives the cosines of the first with the others.
    """

    description: str = ""
    licence: str = ""
    licences: typing.Mapping[str, str] = field(default_factory=dict)
    weaknesses: tuple[str, ...] = ()
    check_texts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """All of a training run; each part is described where it is used.

    Attributes:
        name: Of the model.
        version: Of the model.
        langs: Languages besides English; empty for all that the folder has.
        late_exponent: A query token counts in late interaction as its vector's norm to this power.
        whitening: Directions of the finished table are divided by their mean square to this power.
        norm_power: Its norms are then raised to this power.
        query_power: In the vector of a query a row counts as its norm to this power; below 0, telling words weigh less.
        limits: What a pair must keep to.
        vocabulary: How many entries go where.
        teacher: Who teaches.
        sampling: What is drawn how often.
        student: How the table is trained.
        settling: How it is trained on, whitened and with the norms it will have.
        growth: Which entries are then added to the vocabulary.
        words: Which whole words are added to it after that.
        adapter: How passages are turned towards the questions they answer.
        card: What the card says besides the figures.
    """

    name: str
    version: str
    langs: tuple[str, ...] = ()
    late_exponent: float = 2.0
    whitening: float = 0.2
    norm_power: float = 0.6
    query_power: float = 0.0
    limits: CorpusLimits = field(default_factory=CorpusLimits)
    vocabulary: VocabularyPlan = field(default_factory=VocabularyPlan)
    teacher: TeacherPlan = field(default_factory=TeacherPlan)
    sampling: SamplingPlan = field(default_factory=SamplingPlan)
    student: StudentPlan = field(default_factory=StudentPlan)
    settling: SettlingPlan = field(default_factory=SettlingPlan)
    growth: GrowthPlan = field(default_factory=GrowthPlan)
    words: WordsPlan = field(default_factory=WordsPlan)
    adapter: AdapterPlan = field(default_factory=AdapterPlan)
    card: CardNotes = field(default_factory=CardNotes)

    @classmethod
    def read(cls, path: Path) -> TrainingConfig:
        """Read a TOML file.

        Raises:
            InputError: If it cannot be read, lacks a name, or holds an unknown setting or a value of another kind.
        """
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"cannot read the configuration {str(path)!r}: {error.strerror}") from None
        except ValueError as error:
            raise InputError(f"the configuration {str(path)!r} is no TOML: {error}") from None
        return _record(cls, content, "")


def _record(kind: type[_Record], content: dict[str, Any], where: str) -> _Record:
    """A frozen record from a table of the same names."""
    hints = typing.get_type_hints(kind)
    values = {}
    for name, value in content.items():
        if name not in hints:
            raise InputError(f"there is no setting {where + name!r}; there are {', '.join(hints)}")
        values[name] = _value(hints[name], value, where + name)
    needed = [
        each.name
        for each in dataclasses.fields(kind)  # type: ignore[arg-type]  # only records come here
        if each.default is each.default_factory is dataclasses.MISSING
    ]
    for name in needed:
        if name not in values:
            raise InputError(f"the setting {where + name!r} is missing")
    return kind(**values)


def _value(kind: Any, value: Any, where: str) -> Any:  # noqa: ANN401  settings are of many kinds
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin in {tuple, typing.get_origin(typing.Mapping[str, str])}:
        if origin is tuple and isinstance(value, list):
            return tuple(_value(parts[0], each, where) for each in value)
        if origin is not tuple and isinstance(value, dict):
            return {key: _value(parts[1], each, f"{where}.{key}") for key, each in value.items()}
    elif isinstance(kind, type) and dataclasses.is_dataclass(kind):
        if isinstance(value, dict):
            return _record(kind, value, f"{where}.")
    elif kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    elif isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    wanted = getattr(kind, "__name__", str(kind)) if origin is None else types.GenericAlias(origin, parts)
    raise InputError(f"the setting {where!r} is {value!r}; it should be {wanted}")
