import json
import sys

import pytest

from experiments.benchmarks import __main__ as command_line
from experiments.benchmarks import frame


@pytest.mark.quick
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--workload", "W9"], "there is no workload 'W9'; there are W1, W1-process"),
        (["--workload", "W"], "there is no workload 'W'"),
        (["--rounds", "0"], "must be an int of at least 1, got 0"),
        (["--rounds", "two"], "must be an int of at least 1, got two"),
        (["--python", "torch"], "--python takes FAMILY=PATH"),
        (["--python", "theano=/bin/sh"], "scikit-learn, tensorflow, torch, got 'theano=/bin/sh'"),
        (["--python", "torch=nowhere"], "there is no nowhere; `nox -s benchmarks` makes it"),
        (["--fast"], "unrecognized arguments: --fast"),
    ],
)
def test_nonsense_is_refused_before_any_work(arguments, message, capsys, monkeypatch):
    monkeypatch.setattr(frame, "measure", None)
    with pytest.raises(SystemExit) as exit_:
        command_line.main(arguments)
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.quick
def test_list_names_every_workload(capsys):
    assert command_line.main(["--list"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    named = [workload.name for workload in command_line.WORKLOADS]
    assert listed == [*named, "pytorch", "accelerator", "precision"]


@pytest.mark.quick
@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["W1"], ["W1", "W1-process"]),
        (["W1-process"], ["W1-process"]),
        (["W4-import", "W1"], ["W1", "W1-process", "W4-import"]),
        (["pytorch"], []),
        (["accelerator", "W1-process"], ["W1-process"]),
    ],
)
def test_a_name_stands_for_itself_and_for_all_that_begin_so(names, expected):
    chosen, pages = command_line.select(names)
    assert [workload.name for workload in chosen] == expected
    assert pages == {"pytorch", "accelerator", "precision"} & set(names)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "scikit-learn tensorflow torch"),
        (["--workload", "W2-full-n16"], "torch"),
        (["--workload", "pytorch"], "torch"),
        (["--workload", "W4"], ""),
        (["--workload", "accelerator", "precision"], ""),
        (["--table"], ""),
        (["--list"], ""),
    ],
)
def test_only_the_environments_that_are_needed_are_asked_for(arguments, expected, capsys):
    assert command_line.main([*arguments, "--families"]) == 0
    assert capsys.readouterr().out.strip() == expected


@pytest.mark.quick
def test_every_candidate_can_be_found_by_its_worker():
    for workload in command_line.WORKLOADS:
        for candidate in workload.candidates.values():
            module = sys.modules[candidate.prepare.__module__]
            assert getattr(module, candidate.prepare.__name__) is candidate.prepare


@pytest.mark.quick
def test_the_page_is_written_again_without_measuring(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(frame, "measure", None)
    line = {"workload": "W4-import", "run": "2026-01-02T03:04:05", "rounds": 1, "round": 0,
            "candidate": "jax", "seconds": 1.25, "date": "", "processor": "", "cores": 1,
            "system": ""}  # fmt: skip
    (tmp_path / "W4-import.jsonl").write_text(json.dumps(line) + "\n")
    assert command_line.main(["--table", "--out", str(tmp_path)]) == 0
    assert "1.250 [1.250, 1.250]" in (tmp_path / "README.md").read_text()


def test_importing_is_timed_end_to_end(tmp_path, monkeypatch):
    monkeypatch.setattr(command_line, "TRIAL", tmp_path)
    assert command_line.main(["--workload", "W4-import", "--quick", "--rounds", "1"]) == 0
    lines = (tmp_path / "W4-import.jsonl").read_text().splitlines()
    assert [json.loads(line)["candidate"] for line in lines] == ["jaxnn", "jax"]
    assert "`import jaxnn`" in (tmp_path / "README.md").read_text()
