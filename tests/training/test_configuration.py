from __future__ import annotations

from pathlib import Path

import pytest

from smsearch.encoders.static import StaticEncoder
from smsearch.errors import InputError
from smsearch.training.configuration import TrainingConfig

ROOT = Path(__file__).parents[2]
NAMED = 'name = "x"\nversion = "1"\n'


def read(folder: Path, content: str) -> TrainingConfig:
    (folder / "x.toml").write_text(content)
    return TrainingConfig.read(folder / "x.toml")


def test_what_is_not_said_is_the_default(tmp_path: Path) -> None:
    config = read(
        tmp_path, NAMED + 'langs = ["sv", "da"]\n[student]\nlearning_rate = 1\n[sampling.lang_weights]\nsv = 2\n'
    )
    assert config.langs == ("sv", "da")
    assert config.student.learning_rate == 1.0
    assert config.student.temperature == 0.05
    assert config.sampling.lang_weights == {"sv": 2.0}
    assert config.teacher.backend == "torch"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (NAMED + "[student]\nstepz = 5\n", "there is no setting 'student.stepz'; there are dim, "),
        (NAMED + "[student]\nsteps = 'many'\n", "the setting 'student.steps' is 'many'; it should be int"),
        (NAMED + "[student]\nsteps = true\n", "the setting 'student.steps' is True; it should be int"),
        (NAMED + "student = 3\n", "the setting 'student' is 3; it should be StudentPlan"),
        (NAMED + "langs = 'sv'\n", "the setting 'langs' is 'sv'; it should be tuple"),
        (NAMED + "[sampling.lang_weights]\nsv = 'x'\n", "the setting 'sampling.lang_weights.sv' is 'x'"),
        ("version = '1'\n", "the setting 'name' is missing"),
        ("name = \n", "is no TOML"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name_and_value(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, content)
    with pytest.raises(InputError, match="cannot read the configuration"):
        TrainingConfig.read(tmp_path / "missing.toml")


def test_the_built_in_model_keeps_the_configuration_it_was_trained_from() -> None:
    folder = ROOT / "smsearch" / "models" / "builtin"
    config, encoder = TrainingConfig.read(folder / "training.toml"), StaticEncoder(folder)
    assert (config.name, config.version) == (encoder.config.model, encoder.config.version)
    assert (config.student.dim, config.late_exponent) == (encoder.dim, encoder.config.late_exponent)
    assert (config.query_power, config.adapter.steps > 0) == (encoder.config.query_power, encoder.matrix is not None)
