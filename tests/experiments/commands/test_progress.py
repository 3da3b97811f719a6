import pytest

from experiments.commands import progress
from experiments.commands.progress import Progress, told


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now[0])
    return now


def test_a_line_says_how_many_are_done_and_how_long_the_rest_takes(clock, capsys):
    shown = Progress({"long": 600.0, "short": 60.0})
    shown.begin("long")
    assert capsys.readouterr().out == ""  # a log has whole lines
    clock[0] = 600.0
    shown.end("long", 599.04, "well")
    clock[0] = 660.0
    shown.end("short", 60.0, "done")
    assert capsys.readouterr().out.splitlines() == [
        "1/2  about 60 s left     long   599.0 s  well",
        "2/2                      short   60.0 s  done",
    ]


@pytest.mark.parametrize(("pace", "jobs"), [(0.5, 1), (1.0, 1), (3.0, 1), (1.0, 2)])
def test_the_estimate_follows_the_pace_that_is_seen(clock, pace, jobs):
    shown = Progress({f"{number}": 1000.0 for number in range(8)}, jobs)
    for number in range(4):
        clock[0] += pace * 1000.0 / jobs
        shown.end(f"{number}", 1.0, "")
    assert shown.left() == pytest.approx(4 * pace * 1000.0 / jobs, rel=0.05)


def test_a_terminal_shows_what_goes_on_until_its_line_comes(clock, capsys, monkeypatch):
    monkeypatch.setattr(progress.sys.stdout, "isatty", lambda: True)
    shown = Progress({"one": 5.0})
    shown.begin("one")
    shown.end("one", 5.0, "well")
    printed = capsys.readouterr().out
    assert printed.startswith("0/1  about 5 s left      one ...\r\033[K1/1 ")
    assert printed.count("\n") == 1


@pytest.mark.parametrize(
    ("seconds", "text"), [(1, "5 s"), (58, "60 s"), (89, "90 s"), (91, "2 min"), (3600, "60 min")]
)
def test_seconds_and_minutes_are_told_as_one_would(seconds, text):
    assert told(seconds) == text
