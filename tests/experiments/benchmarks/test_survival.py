import json
import sys

import numpy as np
import pytest

from experiments.benchmarks import survival
from experiments.record import results

STAND_IN = """
import argparse, pathlib, time
import numpy as np
from jaxnn.train.saving.checkpoint import Checkpoint
from jaxnn.train.saving.part import Part

parser = argparse.ArgumentParser()
parser.add_argument("--workers")
parser.add_argument("--run-in", type=pathlib.Path)
folder = parser.parse_args().run_in
lanes, params, losses = np.arange(2), np.ones((2, 3)), np.zeros((2, 0))
with Checkpoint(folder / "checkpoints", {"setup": "stand-in"}) as checkpoint:
    for part in checkpoint.newest(params, lanes):
        params, losses = part.carry, part.history["loss"]
    for epoch in range(losses.shape[1], 20):
        params = np.sin(params + lanes[:, None])
        losses = np.concatenate([losses, params.sum(axis=1, keepdims=True)], axis=1)
        checkpoint.save(Part(lanes, epoch + 1, params, {"loss": losses}))
np.savez(folder / "result.npz", loss=losses, params=params)
"""


@pytest.fixture
def command(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(results.ROOT))

    def command_fn(source):
        (tmp_path / "stand_in.py").write_text(source, "utf-8")
        return [sys.executable, str(tmp_path / "stand_in.py")]

    return command_fn


def test_a_few_kills_do_not_change_a_bit(command, tmp_path):
    (tmp_path / "runs").mkdir()
    tally = survival.survive(command(STAND_IN), tmp_path / "runs", kills=2, seed=0)
    assert tally.differences == []
    assert tally.kills == sum(tally.resumed_at.values()) == 2
    assert tally.arrays == 2 * tally.runs > 0


@pytest.mark.quick
def test_a_sweep_that_fails_by_itself_is_no_survivor(command, tmp_path):
    with pytest.raises(survival.SurvivalError, match=r"ended with 1:\nTraceback"):
        survival.survive(command("\n1 / 0"), tmp_path, kills=1, seed=0)


@pytest.mark.quick
def test_one_bit_is_a_difference():
    one = {"loss": np.float32([1, 0]), "params": np.ones(2)}
    other = {"loss": np.float32([1, -0.0]), "params": np.ones(2)}
    assert survival._differing(one, one) == []
    assert survival._differing(other, one) == ["loss"]
    assert survival._differing({}, one) == ["loss", "params"]
    assert survival._differing({"loss": np.float64([1, 0]), "params": np.ones(2)}, one) == ["loss"]


@pytest.mark.quick
def test_the_page_says_whether_all_bits_are_the_same(tmp_path):
    tally = survival.Tally(kills=3, while_saving=1, runs=2, arrays=14)
    tally.resumed_at.update([0, 20, 20])
    summary = json.loads(json.dumps(survival._summary(tally, seed=0)))
    assert summary["resumed_at"] == {"0": 1, "20": 2}
    assert "not one bit differs" in survival._page(summary)
    assert "| starts that found a saved state | 2 |" in survival._page(summary)
    summary["differences"] = ["run_1: params"]
    assert "NOT ALL ARE THE SAME" in survival._page(summary)


@pytest.mark.quick
def test_wrong_usage_is_refused(capsys):
    with pytest.raises(SystemExit) as caught:
        survival.main(["--kills", "0"])
    assert caught.value.code == 2
    assert "must be at least 1" in capsys.readouterr().err
