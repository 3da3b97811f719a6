import dataclasses

import pytest

from experiments.train import command, config
from experiments.train.config import TrainConfig

pytestmark = pytest.mark.quick


def test_each_flag_is_explained_with_its_default(capsys):
    assert set(config.explanations()) == {field.name for field in dataclasses.fields(TrainConfig)}
    with pytest.raises(SystemExit, match="0"):
        command.parse(["--help"], "what it is for")
    printed = " ".join(capsys.readouterr().out.split())
    for name in config.FLAGS:
        assert f"--{name.replace('_', '-')}" in printed
    assert "what it is for" in printed
    assert "length of a step; 0.1 suits gradient_descent, 0.001 adam; default 0.1" in printed
    assert "default 128,64" in printed


def test_without_flags_everything_has_its_default():
    assert command.parse([], "") == (TrainConfig(), set())


def test_flags_are_read_as_their_type():
    typed = "--hidden 32,16 --batch-size full --learning-rate 1e-3 --sweep seed=0:3 --sweep l2=0,1"
    flags, given = command.parse([*typed.split(), "--out", "here", "--quiet"], "")
    assert given == {"hidden", "batch_size", "learning_rate", "sweep", "out", "quiet"}
    assert (flags.hidden, flags.batch_size, flags.learning_rate) == ((32, 16), None, 0.001)
    assert flags.sweep == ("seed=0:3", "l2=0,1")
    assert flags.quiet
    with pytest.raises(dataclasses.FrozenInstanceError):
        flags.seed = 1


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("--lerning-rate 0.1", "did you mean --learning-rate?"),
        ("--epochs 0", "--epochs must be at least 1, got 0"),
        ("--epochs ten", "--epochs: 'ten' is not a whole number"),
        ("--epochs", "--epochs: expected one argument"),
        ("--learning-rate -1", "--learning-rate must be finite and at least 0, got -1"),
        ("--learning-rate inf", "must be finite"),
        ("--dropout 1", "--dropout must be finite and in [0, 1), got 1"),
        ("--label-noise 1.5", "in [0, 1], got 1.5"),
        ("--model cnnn", "there are mlp"),
        ("--optimizer adma", "did you mean adam?"),
        ("--precision float16", "there are float32, bfloat16"),
        ("--hidden 64,y", "--hidden: 'y' is not a whole number"),
        ("--seed -1", "--seed must be at least 0"),
        ("--processes here", "such as localhost:9876,2,0"),
        ("--processes h:1,2,2", "such as localhost:9876,2,0"),
    ],
)
def test_a_wrong_flag_is_refused_in_one_line(typed, message, capsys):
    with pytest.raises(SystemExit, match="2"):
        command.parse(typed.split(), "")
    said = capsys.readouterr().err
    assert message in said
    assert len(said.splitlines()) == 1
