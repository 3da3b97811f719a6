import json

import numpy as np
import pytest

from experiments.benchmarks import precision


@pytest.fixture
def programs_are_compiled_quickly():
    """Not here: where XLA does not optimise, bfloat16 gave the accuracies of float32."""


def test_both_precisions_are_trained_by_seed_and_a_page_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr(precision, "WIDTHS", (8,))
    assert precision.main([str(tmp_path), "--quick"]) == 0
    (line,) = map(json.loads, (tmp_path / "precision.jsonl").read_text().splitlines())
    assert line["dataset"] == "digits"
    single, half = (np.array(line[name]) for name in precision.PRECISIONS)
    assert single.shape == half.shape == (2,)
    assert (single != half).any()
    assert "| digits | 2 | 2 |" in (tmp_path / "precision.md").read_text()


@pytest.mark.quick
@pytest.mark.parametrize(
    ("shift", "told"),
    [(0.01, "lower in bfloat16"), (-0.01, "higher in bfloat16"), (0.0, "not told apart")],
)
def test_the_cost_is_judged_by_pairs(shift, told):
    noise = np.random.default_rng(0).normal(0, 0.03, 6)  # common to both: it cancels
    own = np.array([1, -1, 2, -2, 1, -1]) * 1e-4
    line = {
        "dataset": "toy", "epochs": 3, "float32": [*(0.9 + noise)],
        "bfloat16": [*(0.9 + noise + own - shift)], "run": "2026-01-02", "quick": False,
        "versions": {}, "device": "cpu", "processor": "",
    }  # fmt: skip
    page = precision.page([line])
    assert f"| {shift:+.4f} [" in page.replace("-0.0000 [", "+0.0000 [")
    assert f"| {told} |" in page
    assert "diverged" not in page
    line["bfloat16"][0] = float("nan")
    assert "], 1 diverged |" in precision.page([line])
