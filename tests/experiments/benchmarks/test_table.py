import json

import pytest

from experiments.benchmarks import table
from experiments.benchmarks.workload import Candidate, Goal, Workload

pytestmark = pytest.mark.quick


def _workload(goal=None, ours=None):
    candidates = {
        "ours": Candidate("jaxnn, `fit`", prepare=dict, goal=ours),
        "peer": Candidate("a peer", prepare=dict, goal=goal),
    }
    return Workload("W9", "A title", "What is done.", "s per epoch", candidates, print)


def _lines(seconds, **fields):
    """name -> seconds by round, as the lines of a run."""
    common = {"workload": "W9", "run": "2026-01-02T03:04:05", "rounds": 3, "date": "2026-01-02",
              "processor": "a processor", "cores": 2, "system": "Linux",
              "versions": {"python": "3.11"}}  # fmt: skip
    return [
        {**common, "candidate": name, "round": number, "seconds": value, **fields}
        for name, values in seconds.items()
        for number, value in enumerate(values)
    ]


def _cells(text, label):
    (row,) = (line for line in text.splitlines() if line.startswith(f"| {label}"))
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_ratios_are_taken_within_a_round_and_not_of_medians():
    text = table.table(_workload(), _lines({"ours": [1, 4, 3], "peer": [2, 2, 12]}))
    _, seconds, ratio, *_ = _cells(text, "a peer")
    assert seconds == "2.000 [2.000, 12.000]"
    assert ratio == "0.50 [0.25, 2.00]"  # of the medians it would be 1.5


def test_rounds_in_which_one_is_missing_have_no_ratio():
    text = table.table(_workload(), _lines({"ours": [1, 1, 1], "peer": [4, 2]}))
    assert _cells(text, "a peer")[2] == "0.38 [0.25, 0.50]"


@pytest.mark.parametrize(
    ("goal", "expected"),
    [
        (Goal(0.5), "≤ 0.5: met"),
        (Goal(0.49), "≤ 0.49: **missed: 0.50**"),
        (Goal(-1.0, "difference"), "≤ -1 s more: met"),
        (Goal(-1.5, "difference"), "≤ -1.5 s more: **missed: -1.00**"),
        (Goal(1.0, "seconds"), "≤ 1 s: met"),
        (Goal(0.5, "seconds"), "≤ 0.5 s: **missed: 1.00**"),
        (Goal(3.0, "first call"), "≤ 3 s first call: met"),
        (Goal(2.0, "first call"), "≤ 2 s first call: **missed: 2.50**"),
        (None, ""),
    ],
)
def test_goals_are_met_by_the_median(goal, expected):
    lines = _lines({"ours": [1, 1, 1], "peer": [2, 2, 2]}, first_seconds=3.5, total_seconds=1.0)
    assert _cells(table.table(_workload(goal), lines), "a peer")[3] == expected


def test_a_goal_of_unknown_kind_is_refused():
    lines = _lines({"ours": [1], "peer": [1]})
    with pytest.raises(ValueError, match=r"a goal is a ratio.*'colour'"):
        table.table(_workload(Goal(1, "colour")), lines)


def test_a_goal_against_what_was_not_measured_is_neither_met_nor_missed():
    text = table.table(_workload(Goal(0.5)), _lines({"peer": [1, 1, 1]}))
    assert _cells(text, "a peer")[2:4] == ["", "≤ 0.5: not measured"]


def test_scaled_candidates_say_so():
    text = table.table(_workload(), _lines({"ours": [1], "peer": [1]}, scaled="2 of 8 epochs"))
    assert _cells(text, "a peer")[0] == "a peer (scaled from 2 of 8 epochs)"


def test_first_call_and_accuracy_are_shown():
    lines = _lines({"ours": [1], "peer": [1]}, first_seconds=3.26, total_seconds=1.0, accuracy=0.5)
    assert _cells(table.table(_workload(), lines), "a peer")[4:] == ["2.3", "0.5000"]


def test_candidates_without_a_measurement_are_named_with_the_reason():
    lines = _lines({"ours": [1, 1, 1]})
    error = {**lines[0], "candidate": "peer", "error": "no environment of torch"}
    del error["seconds"], error["round"]
    assert "- a peer: not measured, no environment of torch." in table.table(
        _workload(), [*lines, error]
    )
    assert "- a peer: not measured, not part of this run." in table.table(_workload(), lines)


def test_candidates_that_failed_in_between_keep_their_row():
    lines = _lines({"ours": [1, 1, 1], "peer": [2, 2]})
    error = {**lines[0], "candidate": "peer", "error": "out of memory"}
    del error["seconds"], error["round"]
    text = table.table(_workload(), [*lines, error])
    assert _cells(text, "a peer")[2] == "0.50 [0.50, 0.50]"
    assert "- a peer: not measured after round 2, out of memory." in text


def test_candidates_that_are_no_longer_measured_are_left_out():
    text = table.table(_workload(), _lines({"ours": [1], "peer": [1], "former": [1]}))
    assert "former" not in text


def test_a_page_is_made_of_the_last_run_alone(tmp_path):
    before = _lines({"ours": [100], "peer": [100]}, run="2026-01-01T00:00:00")
    lines = [*before, *_lines({"ours": [1], "peer": [2]})]
    (tmp_path / "W9.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    page = table.page(tmp_path, [_workload()])
    assert "100" not in page
    assert "| jaxnn, `fit` | 1.000 [1.000, 1.000] |" in page
    assert "\n\nRounds: 3, on 2026-01-02; 2 cores of a processor, Linux; python 3.11." in page


def test_a_quick_trial_is_called_one(tmp_path):
    lines = _lines({"ours": [1], "peer": [2]}, quick=True)
    (tmp_path / "W9.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert "A quick trial with less work. Rounds: 3" in table.page(tmp_path, [_workload()])


def test_a_page_names_what_was_never_measured(tmp_path):
    page = table.page(tmp_path, [_workload()])
    assert "## W9: A title\n\nWhat is done.\n\nNot measured yet." in page


def test_a_damaged_line_is_named_with_its_place(tmp_path):
    (tmp_path / "W9.jsonl").write_text('{"run": 1}\n{"run"')
    with pytest.raises(table.DamagedLineError, match=r"W9.jsonl, line 2, is no JSON.*remove it"):
        table.page(tmp_path, [_workload()])


@pytest.mark.parametrize(("busy", "is_said"), [(0.83, True), (0.02, False), (None, False)])
def test_a_busy_machine_is_said_to_be_unfair(tmp_path, busy, is_said):
    lines = _lines({"ours": [1], "peer": [2]}, busy=busy)
    (tmp_path / "W9.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    said = "Others took 83% of the machine's time as this began: not a fair measurement. Rounds"
    assert (said in table.page(tmp_path, [_workload()])) == is_said
