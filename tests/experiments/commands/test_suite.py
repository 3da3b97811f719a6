"""In which order and where the parts of a run go on."""

import pytest

from experiments.__main__ import main
from experiments.commands import command_line, suite
from experiments.process import side_by_side

pytestmark = pytest.mark.usefixtures("toy")


@pytest.fixture
def pools(monkeypatch):
    """The tasks of each pool, and its jobs."""
    seen = []

    def results_of(tasks, jobs):
        seen.append((list(tasks), jobs))
        return original(tasks, 1)

    original = side_by_side.results_of
    monkeypatch.setattr(suite.side_by_side, "results_of", results_of)
    return seen


def test_what_takes_one_core_goes_on_beside_the_rest(pools):
    assert command_line.main(["run"], jobs=2) == 0
    assert pools == [([], 1), (["ledger", "toy", "none"], 2)]


def test_nothing_goes_on_beside_an_experiment_whose_results_are_seconds(pools, rewrite):
    rewrite("WHOLE_RUN", 'UNREPEATED = ("last",)\nWHOLE_RUN')
    assert command_line.main(["run"], jobs=2) == 0
    assert pools == [(["toy"], 1), (["ledger", "none"], 2)]
    pools.clear()
    assert command_line.main(["run", "--quick"], jobs=2) == 0
    assert pools == [([], 1), (["ledger", "toy"], 2)]


def test_the_time_left_is_that_of_the_committed_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(suite.provenance, "read", lambda folder: {"seconds": 3598.0})
    monkeypatch.setattr(suite, "_do", lambda name, part, progress: print(progress.left()))
    monkeypatch.setattr(suite, "_summary", lambda planned, outcomes: "")
    monkeypatch.setattr(suite, "_status", lambda outcomes: 0)
    main(["run", "--out", str(tmp_path / "elsewhere")])
    left = float(capsys.readouterr().out.splitlines()[0])
    assert left == pytest.approx(3600 + 20 + 60, rel=0.05)
