import json
import sys

import pytest

from experiments.benchmarks import frame
from experiments.benchmarks.workload import Candidate, Workload

TOY = '''
"""Candidates that note in a common file when they work."""

import os
import sys
import time


def _noting(name, folder, units=1, **answer):
    def run():
        with (folder / "turns").open("a") as file:
            file.write(name + " ")
        print("this is no JSON line")
        time.sleep(0.01)
        return {"units": units, **answer}

    return run


def ours(folder, units=1):
    return _noting("ours", folder, units, accuracy=0.5, pid=os.getpid())


def peer(folder, units=1):
    return _noting("peer", folder, scaled="1 of 2")


def unable(folder, units=1):
    raise RuntimeError("the library is not there")


def failing(folder, units=1):
    calls = []

    def run():
        calls.append(1)
        if len(calls) == 3:  # after the first call and one turn
            sys.exit("out of memory")
        return {}

    return run


def mute(folder, units=1):
    time.sleep(60)
'''


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """workload(candidates, **fields) of a toy module that the workers can import."""
    (tmp_path / "toy_candidates.py").write_text(TOY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    module = __import__("toy_candidates")

    def make(*names, **fields):
        candidates = {name: Candidate(name, getattr(module, name)) for name in names}
        return Workload("toy", "", "", "s", candidates, lambda folder: None, **fields)

    yield make
    del sys.modules["toy_candidates"]


def _measure(workload, folder, **settings):
    path = frame.measure(
        workload, {"jax": sys.executable}, data=folder, out=folder / "out", **settings
    )
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_candidates_take_turns_round_by_round_after_a_first_call_each(toy, tmp_path):
    _measure(toy("ours", "peer"), tmp_path, rounds=3)
    first_calls, rounds = ["ours", "peer"], ["ours", "peer", "peer", "ours", "ours", "peer"]
    assert (tmp_path / "turns").read_text().split() == first_calls + rounds


def test_every_measurement_is_one_line_that_says_what_where_and_when(toy, tmp_path):
    lines = _measure(toy("ours", "peer"), tmp_path, rounds=2)
    assert [(line["candidate"], line["round"]) for line in lines] == [
        ("ours", 0), ("peer", 0), ("peer", 1), ("ours", 1),
    ]  # fmt: skip
    ours = lines[0]
    assert {"workload", "run", "date", "processor", "cores", "system", "versions"} <= set(ours)
    assert ours["versions"]["python"] == sys.version.split()[0]
    assert ours["accuracy"] == 0.5
    assert lines[1]["scaled"] == "1 of 2"
    assert ours["first_seconds"] >= 0.01


@pytest.mark.quick
def test_seconds_are_per_unit(toy, tmp_path):
    workload = toy("ours", settings={"units": 4})
    (line,) = _measure(workload, tmp_path, rounds=1)
    assert line["seconds"] == line["total_seconds"] / 4
    assert line["total_seconds"] >= 0.01


@pytest.mark.quick
def test_quick_settings_win(toy, tmp_path):
    workload = toy("ours", settings={"units": 4}, quick={"units": 2})
    (line,) = _measure(workload, tmp_path, rounds=1, quick=True)
    assert line["seconds"] == line["total_seconds"] / 2
    assert line["quick"]


def test_lines_are_appended_and_runs_are_told_apart(toy, tmp_path):
    _measure(toy("ours"), tmp_path, rounds=1)
    lines = _measure(toy("ours"), tmp_path, rounds=1)
    assert len({line["run"] for line in lines}) == len(lines) == 2


@pytest.mark.quick
def test_a_waiting_candidate_keeps_its_process(toy, tmp_path):
    lines = _measure(toy("ours"), tmp_path, rounds=2)
    assert len({line["pid"] for line in lines}) == 1


def test_a_fresh_candidate_is_a_new_process_each_turn_timed_as_a_whole(toy, tmp_path):
    lines = _measure(toy("ours", "peer", fresh=True), tmp_path, rounds=2)
    assert [line["candidate"] for line in lines] == ["ours", "peer", "peer", "ours"]
    assert len({line["pid"] for line in lines if "pid" in line}) == 2
    assert all(line["seconds"] > line["total_seconds"] for line in lines)
    assert (tmp_path / "turns").read_text().split() == ["ours", "peer", "peer", "ours"]


@pytest.mark.parametrize("fresh", [False, True])
def test_a_candidate_that_cannot_prepare_does_not_end_the_run(toy, tmp_path, fresh):
    lines = _measure(toy("ours", "unable", fresh=fresh), tmp_path, rounds=2)
    errors = [line for line in lines if "error" in line]
    assert [(line["candidate"], line["error"]) for line in errors] == [
        ("unable", "ended: RuntimeError: the library is not there")
    ]
    assert [line["round"] for line in lines if line["candidate"] == "ours"] == [0, 1]


def test_a_candidate_that_fails_in_between_is_out_and_says_after_which_round(toy, tmp_path):
    lines = _measure(toy("ours", "failing"), tmp_path, rounds=3)
    failing = [line for line in lines if line["candidate"] == "failing"]
    assert [line.get("round") for line in failing] == [0, None]
    assert failing[-1]["error"] == "ended: out of memory"
    assert [line["round"] for line in lines if line["candidate"] == "ours"] == [0, 1, 2]


@pytest.mark.quick
def test_a_candidate_that_does_not_answer_is_out(toy, tmp_path, monkeypatch):
    monkeypatch.setattr(frame, "LIMIT", 0.5)
    monkeypatch.setattr(frame, "PATIENCE", 0.1)
    (line,) = _measure(toy("mute"), tmp_path, rounds=1)
    assert line["error"] == "gave no answer within 0.5 s"


@pytest.mark.quick
def test_a_family_without_an_environment_is_named_with_the_remedy(toy, tmp_path):
    workload = toy("ours", "peer")
    peer = workload.candidates["peer"]._replace(family="torch")
    workload = workload._replace(candidates={**workload.candidates, "peer": peer})
    lines = _measure(workload, tmp_path, rounds=1)
    assert lines[0]["error"] == "no environment of torch: `nox -s benchmarks` makes it where it can"
    assert lines[1]["candidate"] == "ours"


@pytest.mark.quick
def test_a_python_that_is_not_there_is_an_error_of_its_candidate(toy, tmp_path):
    nowhere = {"jax": str(tmp_path / "nowhere")}
    path = frame.measure(toy("ours"), nowhere, rounds=1, data=tmp_path, out=tmp_path)
    assert "cannot start" in json.loads(path.read_text())["error"]


@pytest.mark.quick
def test_the_share_of_others_is_a_share_or_unknown():
    share = frame.busy_share(0.05)
    assert share is None or 0 <= share <= 1
