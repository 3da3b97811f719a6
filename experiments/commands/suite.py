"""The command `run`: a plan, its parts one after the other, the pages, and what came of it."""

import argparse
import ast
import collections
import functools
import pathlib
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from experiments.claims import verdicts
from experiments.commands import gradients_run, ledger_run, plan, running
from experiments.commands.plan import LEDGER, How, Outcome, Plan
from experiments.commands.progress import Progress
from experiments.course import registry
from experiments.pages import ledger_pages, report, site
from experiments.process import machine, side_by_side
from experiments.record import provenance, results, store, unchanged
from experiments.record.experiment import Experiment
from jaxnn import data
from jaxnn.data import cache
from jaxnn.data.published import catalog, release

GRADIENTS = gradients_run.NAME
WITHOUT_DATA = 3  # the exit status where all is well, but for data that are not at hand

_DRAWING, _QUICK, _UNKNOWN = 2.0, 3.0, 10.0  # seconds of a part, where no run of it is on record
_OTHERS = {LEDGER: 20.0, GRADIENTS: 60.0}


def run(options: argparse.Namespace, settings: Mapping[str, Any], *, jobs: int = 1) -> int:
    """Returns the exit status.

    Args:
      options: names, out, quick, full, force, changed and rewrite.
      settings: of the one experiment that is named, where they are not those of its Config.
      jobs: how many processes there may be.
    """
    chosen, _ = plan.select(options.names)
    try:
        planned = plan.of(options, settings, jobs)
        outcomes = _work_through(planned)
    except (TypeError, ValueError) as error:
        if not settings:
            raise  # a mistake of ours
        print(f"error: {chosen[0].name} cannot run so: {error}", file=sys.stderr)
        return 2
    write_pages(planned.how.out)
    print(_summary(planned, outcomes))
    status = _status(outcomes.values())
    if planned.is_whole and planned.how.into_reports and status == 0:
        unchanged.remember(f"the whole run of {time.strftime('%Y-%m-%d')}", _data_folders(chosen))
    return status


def run_gradients(out: pathlib.Path, jobs: int) -> int:
    """The report on every gradient alone, and the pages; returns the exit status."""
    machine.check_writable(out, "--out")
    how = How(out, force=True)
    with side_by_side.results_of(gradients_run.tasks(how), jobs) as result_of:
        outcome = gradients_run.write(how, result_of)
    print(f"{GRADIENTS}  {outcome.seconds:.1f} s  {outcome.text}")
    write_pages(out)
    return _status([outcome])


def write_pages(out: pathlib.Path) -> None:
    """Writes the pages that lead to all others, and the site, over whatever the folder holds."""
    machine.check_writable(out, "--out")
    experiments = registry.select()
    results.write(out / "README.md", report.index(out, experiments))
    number = site.write(out, experiments)
    print(f"wrote {_shown(out / 'README.md')}, and beside it index.html and its {number} files")


def _shown(path: pathlib.Path) -> str:
    path = path.resolve()
    return str(path.relative_to(results.ROOT)) if path.is_relative_to(results.ROOT) else str(path)


# The parts, and how far they are


def _work_through(planned: Plan) -> dict[str, Outcome]:
    """Does the parts in their order, and prints a line for each, while others go on beside it."""
    out, progress = planned.how.out, Progress(_expected(planned), planned.jobs)
    for folder in (out, *(out / name for name in planned.configs)):
        if folder == out or folder.exists():
            machine.check_writable(folder, "--out")
    beside = _tasks(planned)
    alone = {name: beside.pop(name) for name in _timed(planned)}
    with side_by_side.results_of(alone, 1) as result_of:
        outcomes = {name: _do(name, functools.partial(result_of, name), progress) for name in alone}
    with side_by_side.results_of(beside, planned.jobs) as result_of:
        for name, part in _parts(planned, beside, result_of).items():
            outcomes[name] = _do(name, part, progress)
    if not planned.with_ledger and (out / LEDGER / "results.json").exists():
        ledger_pages.refresh(out / LEDGER)
    return outcomes


def _tasks(planned: Plan) -> dict[str, tuple[Callable, tuple]]:
    """What can go on side by side, the first of it first: the ledger, which takes one core."""
    how = planned.how
    tasks = ledger_run.tasks(how) if planned.with_ledger else {}
    tasks |= {name: (running.run_one, (name, c, how)) for name, c in planned.configs.items()}
    return tasks | (gradients_run.tasks(how) if planned.is_whole else {})


def _timed(planned: Plan) -> list[str]:
    """The experiments whose results are seconds, in a full run: nothing may go on beside them."""
    full = [] if planned.is_quick else planned.configs
    return [name for name in full if getattr(registry.load(name).module, "UNREPEATED", ())]


def _parts(
    planned: Plan, tasks: Mapping[str, Any], result_of: Callable[[str], Any]
) -> dict[str, Callable[[], Outcome]]:
    """What finishes each part: of the ledger and the gradients, writing them."""
    parts: dict[str, Callable[[], Outcome]] = {
        name: functools.partial(result_of, name) for name in planned.configs if name in tasks
    }
    if planned.with_ledger:
        computed = result_of if LEDGER in tasks else None
        parts[LEDGER] = functools.partial(ledger_run.write, planned.how, computed)
    if planned.is_whole:
        computed = result_of if gradients_run.tasks(planned.how) else None
        parts[GRADIENTS] = functools.partial(gradients_run.write, planned.how, computed)
    return parts


def _do(name: str, part: Callable[[], Outcome], progress: Progress) -> Outcome:
    progress.begin(name)
    try:
        outcome = part()
    except data.DataNotFoundError as error:
        print(f"{name}: {error}", file=sys.stderr)
        reason, _, _ = str(error).partition(":")
        outcome = Outcome("not computed", f"not judged: {reason}", unjudged=claims_of(name))
    except results.NoResultsError as error:
        print(f"{name}: {error}", file=sys.stderr)
        outcome = Outcome("failed", f"FAILED: {error}")
    progress.end(name, outcome.seconds, outcome.text)
    return outcome


def claims_of(name: str) -> tuple[str, ...]:
    """The claims that an experiment's sources name, whether or not it has run."""
    trees = [ast.parse(source) for source in store.own_sources(registry.load(name))]
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    named = {node.value for node in nodes if isinstance(node.value, str)}
    return tuple(claim for claim in verdicts.claims() if claim in named)


def _expected(planned: Plan) -> dict[str, float]:
    """Part -> the seconds that it took where its committed results were made."""
    expected = {}
    for name, config in planned.configs.items():
        was = provenance.read(unchanged.REPORTS / name) or {"seconds": _UNKNOWN}
        redrawn = running.is_heavy(registry.load(name), config) and not planned.how.full
        expected[name] = _DRAWING + (0 if redrawn else was["seconds"])
        if planned.is_quick:
            expected[name] = min(expected[name], _QUICK)
    others = [LEDGER] * planned.with_ledger + [GRADIENTS] * planned.is_whole
    return expected | {name: _OTHERS[name] for name in others}


# What came of it


def _status(outcomes: Collection[Outcome]) -> int:
    if any(outcome.how == "failed" for outcome in outcomes):
        return 1
    return WITHOUT_DATA if any(o.lacks or o.stands or o.unjudged for o in outcomes) else 0


def _summary(planned: Plan, outcomes: Mapping[str, Outcome]) -> str:
    counts = collections.Counter(outcomes[name].how for name in planned.configs)
    done = ", ".join(f"{number} {how}" for how, number in counts.items())
    lines = [f"experiments: {done}"] if done else []
    lacking = sorted({name for outcome in outcomes.values() for name in outcome.lacks})
    if lacking:
        became = "stands as committed" if planned.how.into_reports else "is not judged"
        lines.append(
            f"not at hand: {', '.join(lacking)}; what rests on them {became}; "
            f"`python -m experiments data prepare {' '.join(lacking)}` gets them, or says how"
        )
    for name, outcome in outcomes.items():
        if claims := outcome.unjudged:
            lines.append(f"{name}: {len(claims)} claims stay unjudged: {', '.join(claims)}")
    failed = [name for name, outcome in outcomes.items() if outcome.how == "failed"]
    if failed:
        lines.append(f"FAILED: {', '.join(failed)}")
    elif planned.how.into_reports:
        lines.append(_beside_committed(outcomes))
    return "\n".join(lines)


def _beside_committed(outcomes: Mapping[str, Outcome]) -> str:
    """The last line of a run into reports: all as committed, or where it is not."""
    differs = {name: outcome for name, outcome in outcomes.items() if outcome.differs}
    if not differs:
        rest = ", but for what could not be computed here" if _status(outcomes.values()) else ""
        return f"as committed{rest}"
    lines = [
        f"  {name}{' (in part)' * outcome.stands}: {', '.join(outcome.differs)}"
        for name, outcome in differs.items()
    ]
    return "\n".join(["not as committed:", *lines])


def _data_folders(chosen: Sequence[Experiment]) -> list[pathlib.Path]:
    """Where the experiments' data sets are looked for."""
    root = release.data_root()
    folders = []
    for name in {name for experiment in chosen for name in experiment.module.DATA}:
        if name in catalog.PUBLISHED:
            folders += [root / name, release.raw_folder(catalog.PUBLISHED[name], root)]
            folders += [place / name for place in cache.user_folders("tfds", root)]
    return folders
