"""The page of results, from the JSON lines alone."""

import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from experiments.benchmarks.workload import Goal, Workload
from experiments.pages import report

Line = dict[str, Any]
BUSY = 0.1  # of the machine's time


class DamagedLineError(ValueError):
    """A line in a file of results that cannot be read."""


INTRODUCTION = """\
<!-- Written by `nox -s benchmarks`; changes here are lost. -->

# Benchmarks

jaxnn beside its peers, each in an environment of its own, on the same data, in one run. The
candidates take turns, round by round, after a first call that compiles and warms up; only one works
at a time. Times are the median over the rounds [smallest, largest]. Machines are noisy, so what
counts is the ratio within a round: ours divided by the candidate's, below 1 where jaxnn is faster.

    nox -s benchmarks                                   # everything
    nox -s benchmarks -- --workload W1 --rounds 5
    nox -s benchmarks -- --table                        # this page again, from the JSON lines"""


def page(
    folder: pathlib.Path, workloads: Sequence[Workload], pages: Mapping[str, str] | None = None
) -> str:
    """A section for every workload, of its last run; before them links to the pages, by title."""
    parts = [INTRODUCTION]
    links = [f"- [{title}]({name}.md)" for name, title in (pages or {}).items()
             if (folder / f"{name}.md").exists()]  # fmt: skip
    parts += ["\n".join(links)] if links else []
    for workload in workloads:
        parts += [f"## {workload.name}: {workload.title}", workload.about]
        lines = last_run(folder / f"{workload.name}.jsonl")
        parts += [table(workload, lines), made_with(lines)] if lines else ["Not measured yet."]
    return "\n\n".join(parts) + "\n"


def last_run(path: pathlib.Path) -> list[Line]:
    """The lines of the latest run in the file; none where there is no file."""
    if not path.exists():
        return []
    lines = []
    for number, text in enumerate(path.read_text("utf-8").splitlines(), start=1):
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError as error:
            raise DamagedLineError(f"{path.name}, line {number}, is no JSON: remove it") from error
    return [line for line in lines if line["run"] == lines[-1]["run"]]


def table(workload: Workload, lines: Sequence[Line]) -> str:
    """A row for every candidate, those not measured at the end with the reason."""
    measured = {
        name: {
            line["round"]: line for line in lines if line["candidate"] == name and "round" in line
        }
        for name in workload.candidates
    }
    ours = measured[next(iter(workload.candidates))]
    rows = [
        [
            _escape(candidate.label) + _scaled(measured[name]),
            _spread([line["seconds"] for line in measured[name].values()]),
            _spread(ratios(ours, measured[name]), digits=2),
            _reached(candidate.goal, ours, measured[name]),
            _first_call(measured[name]),
            _accuracy(measured[name]),
        ]
        for name, candidate in workload.candidates.items()
        if measured[name]
    ]
    header = [
        workload.unit, "median [range]", "ours / this, by round", "goal", "first call, s more",
        "accuracy",
    ]  # fmt: skip
    return "\n\n".join(
        [report.table(header, rows), *(_missing(workload.candidates, lines, measured))]
    )


def ratios(ours: dict[int, Line], theirs: dict[int, Line]) -> list[float]:
    """Ours divided by theirs in every round in which both were measured."""
    both = sorted(set(ours) & set(theirs))
    return [ours[number]["seconds"] / theirs[number]["seconds"] for number in both]


def value_of(goal: Goal, ours: dict[int, Line], theirs: dict[int, Line]) -> float | None:
    """What the goal limits, None where it was not measured."""
    if goal.kind == "ratio":
        values = ratios(ours, theirs)
    elif goal.kind == "difference":
        both = sorted(set(ours) & set(theirs))
        values = [ours[number]["seconds"] - theirs[number]["seconds"] for number in both]
    elif goal.kind == "seconds":
        values = [line["seconds"] for line in ours.values()]
    elif goal.kind == "first call":
        values = first_call(ours)
    else:
        raise ValueError(f"a goal is a ratio, a difference, seconds or first call: {goal.kind!r}")
    return float(np.median(values)) if values else None


def first_call(lines: dict[int, Line]) -> list[float]:
    """By how much the first call took longer than each later one: compiling, mostly."""
    return [
        line["first_seconds"] - line["total_seconds"]
        for line in lines.values()
        if "first_seconds" in line
    ]


def _reached(goal: Goal | None, ours: dict[int, Line], theirs: dict[int, Line]) -> str:
    if goal is None:
        return ""
    value = value_of(goal, ours, theirs)
    if value is None:
        return f"≤ {goal.limit:g}: not measured"
    what = {"ratio": "", "difference": " s more", "seconds": " s", "first call": " s first call"}
    met = "met" if value <= goal.limit else f"**missed: {value:.2f}**"
    return f"≤ {goal.limit:g}{what[goal.kind]}: {met}"


def _scaled(lines: dict[int, Line]) -> str:
    notes = {line["scaled"] for line in lines.values() if "scaled" in line}
    return f" (scaled from {', '.join(sorted(notes))})" if notes else ""


def _spread(values: Sequence[float], digits: int = 3) -> str:
    if not values:
        return ""
    median, low, high = np.median(values), min(values), max(values)
    return f"{median:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def _first_call(lines: dict[int, Line]) -> str:
    values = first_call(lines)
    return f"{max(np.median(values), 0):.1f}" if values else ""


def _accuracy(lines: dict[int, Line]) -> str:
    values = [line["accuracy"] for line in lines.values() if "accuracy" in line]
    return f"{np.median(values):.4f}" if values else ""


def _missing(
    candidates: Any, lines: Sequence[Line], measured: dict[str, dict[int, Line]]
) -> list[str]:
    errors = {line["candidate"]: line["error"] for line in lines if "error" in line}
    notes = [
        f"- {_escape(candidate.label)}: not measured"
        f"{f' after round {max(measured[name]) + 1}' if measured[name] else ''},"
        f" {_escape(errors.get(name, 'not part of this run'))}."
        for name, candidate in candidates.items()
        if name in errors or not measured[name]
    ]
    return ["\n".join(notes)] if notes else []


def _escape(text: str) -> str:
    """As in reports, but with code as code."""
    return report.escape(text).replace("\\`", "`")


def made_with(lines: Sequence[Line]) -> str:
    """When, where and with which versions."""
    versions: dict[str, str] = {}
    for line in lines:
        versions |= line.get("versions", {})
    last = lines[-1]
    numbers = ", ".join(f"{name} {number}" for name, number in versions.items())
    notes = "A quick trial with less work. " if last.get("quick") else ""
    if (last.get("busy") or 0) > BUSY:
        notes += (
            f"Others took {last['busy']:.0%} of the machine's time as this began: not a fair"
            " measurement. "
        )
    return report.escape(
        f"{notes}Rounds: {last['rounds']}, on {last['run'][:10]}; {last['cores']} cores of"
        f" {last['processor']}, {last['system']}; {numbers}."
    )
