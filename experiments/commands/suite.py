"""The command `run`: the chosen experiments, the ledger, the gradients, and what came of them."""

import argparse
import ast
import collections
import dataclasses
import functools
import inspect
import pathlib
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from experiments.claims import ledger, verdicts
from experiments.commands import running
from experiments.course import registry
from experiments.pages import gradients, ledger_pages, report, site, style
from experiments.process import machine, side_by_side
from experiments.record import results, store, unchanged
from experiments.record.experiment import Experiment
from jaxnn import data
from jaxnn.data import cache
from jaxnn.data.published import catalog, release

BUILD = results.ROOT / "build"
LEDGER = "ledger"
WITHOUT_DATA = 3  # the exit status where all is well, but for data that are not at hand


def run(options: argparse.Namespace, settings: Mapping[str, Any], *, jobs: int = 1) -> int:
    """Returns the exit status.

    Args:
      options: names, out, quick, full, force and changed.
      settings: of the one experiment that is named, where they are not those of its Config.
      jobs: in how many processes a quick run goes on, and gradients are judged; other full runs
        keep every core busy by themselves.
    """
    chosen, with_ledger = select(options.names)
    default = (
        BUILD / "quick" if options.quick else BUILD / "custom" if settings else running.REPORTS
    )
    out = options.out or default
    for folder in (out, *(out / experiment.name for experiment in chosen)):
        if folder == out or folder.exists():
            machine.check_writable(folder, "--out")
    outcomes, unjudged, failed = [], {}, []
    how = {name: getattr(options, name) for name in ("full", "force", "changed")}
    how["full"] |= options.quick and bool(options.names)  # a heavy one's quick run takes seconds
    tasks: dict[str, tuple[Callable, tuple]] = {}
    if with_ledger and not (is_same := _ledger_is_written(out, force=options.force)):
        tasks[LEDGER] = ledger.make, ()
    try:
        for experiment in chosen:
            base = experiment.module.QUICK if options.quick else experiment.module.Config()
            config = dataclasses.replace(base, **settings)
            tasks[experiment.name] = _run_named, (experiment.name, config, out, how)
    except (TypeError, ValueError) as error:
        return _refused(chosen[0], error, settings)
    with side_by_side.results_of(tasks, jobs if options.quick else 1) as result_of:
        for experiment in chosen:
            try:
                outcomes.append(result_of(experiment.name))
            except data.DataNotFoundError as error:
                print(f"{experiment.name}: {error}", file=sys.stderr)
                unjudged[experiment.name] = claims_of(experiment)
            except results.NoResultsError as error:
                print(f"{experiment.name}: {error}", file=sys.stderr)
                failed.append(experiment.name)
            except (TypeError, ValueError) as error:
                return _refused(experiment, error, settings)
        if with_ledger:
            write_ledger(out, None if is_same else functools.partial(result_of, LEDGER))
    if not with_ledger and (out / LEDGER / "results.json").exists():
        ledger_pages.refresh(out / LEDGER)
    is_whole = not (options.names or options.quick)
    if is_whole and not run_gradients(out, force=options.force, jobs=jobs):
        failed.append("gradients")
    write_pages(out)
    print(_summary(outcomes, unjudged, failed))
    if is_whole and out == running.REPORTS and not (unjudged or failed):
        unchanged.remember(f"the whole run of {time.strftime('%Y-%m-%d')}", _data_folders(chosen))
    lacks_data = bool(unjudged) or any(outcome.lacks for outcome in outcomes)
    return 1 if failed else WITHOUT_DATA if lacks_data else 0


def select(names: Sequence[str]) -> tuple[list[Experiment], bool]:
    """The named experiments, and whether the ledger is among them; all where none is named."""
    others = [name for name in names if name != LEDGER]
    chosen = registry.select(others) if others or not names else []
    return chosen, LEDGER in names or not names


def claims_of(experiment: Experiment) -> list[str]:
    """The claims that an experiment's sources name, whether or not it has run."""
    trees = [ast.parse(source) for source in store.own_sources(experiment)]
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    named = {node.value for node in nodes if isinstance(node.value, str)}
    return [claim for claim in verdicts.claims() if claim in named]


def _run_named(name: str, config: Any, out: pathlib.Path, how: dict[str, bool]) -> running.Outcome:
    return running.run_one(registry.load(name), config, out, **how)


def _refused(experiment: Experiment, error: Exception, settings: Mapping[str, Any]) -> int:
    """Says that a setting of the user's cannot be; any other error is ours."""
    if not settings:
        raise error
    print(f"error: {experiment.name} cannot run so: {error}", file=sys.stderr)
    return 2


def write_ledger(out: pathlib.Path, made: Callable[[], list] | None) -> None:
    """Writes the page of the numbers and tables; None of them where the folder has them."""
    start, folder = time.perf_counter(), out / LEDGER
    if made is None:
        ledger_pages.refresh(folder)
    else:
        ledger_pages.write(folder, made())
    rows, _ = ledger.load(folder)
    if not any(row.lacks_data for row in rows):
        store.note_written(folder, _ledger_sources())
    note = "; numbers unchanged since they were computed here" if made is None else ""
    seconds = time.perf_counter() - start
    print(f"{LEDGER:<16} {seconds:6.1f} s   {ledger_pages.tally(rows)}{note}", flush=True)


def _ledger_is_written(out: pathlib.Path, *, force: bool) -> bool:
    """Whether the numbers and tables in the folder are of the present code."""
    return not force and store.is_written(out / LEDGER, _ledger_sources())


def _ledger_sources() -> list[str]:
    sources = [path.read_text("utf-8") for path in sorted(_ledger_files())]
    return [*sources, verdicts.ledger_text()]


def _ledger_files() -> list[pathlib.Path]:
    return [path for folder in ledger.__path__ for path in pathlib.Path(folder).glob("*.py")]


def run_gradients(out: pathlib.Path, *, force: bool, jobs: int = 1) -> bool:
    """Writes the report on every gradient, unless nothing has changed; whether all pass."""
    machine.check_writable(out, "--out")
    folder, start = out / "gradients", time.perf_counter()
    sources = [inspect.getsource(module) for module in (gradients, report, results, style)]
    if not force and store.is_written(folder, sources):
        print(f"{'gradients':<16}          as they were written here, all PASS")
        return True
    all_pass = gradients.write(folder, jobs=jobs)
    if all_pass:
        store.note_written(folder, sources)
    outcome = "all PASS" if all_pass else "FAIL, see the report"
    print(f"{'gradients':<16} {time.perf_counter() - start:6.1f} s   {outcome}", flush=True)
    return all_pass


def write_pages(out: pathlib.Path) -> None:
    """Writes the pages that lead to all others, and the site, over whatever the folder holds."""
    machine.check_writable(out, "--out")
    experiments = registry.select()
    results.write(out / "README.md", report.index(out, experiments))
    number = site.write(out, experiments)
    print(f"wrote {_shown(out / 'README.md')}, and beside it index.html and its {number} files")


def _summary(
    outcomes: Sequence[running.Outcome],
    unjudged: Mapping[str, Sequence[str]],
    failed: Sequence[str],
) -> str:
    counts = collections.Counter(outcome.how for outcome in outcomes)
    done = ", ".join(f"{number} {how}" for how, number in counts.items()) or "none ran"
    lines = [f"experiments: {done}"]
    lacking = sorted({name for outcome in outcomes for name in outcome.lacks})
    if lacking:
        lines.append(
            f"not at hand: {', '.join(lacking)}; what rests on them is not judged; "
            f"`python -m experiments data prepare {' '.join(lacking)}` gets them, or says how"
        )
    lines += [
        f"{name} could not run without its data"
        + (f": {len(claims)} claims stay unjudged: {', '.join(claims)}" if claims else "")
        for name, claims in unjudged.items()
    ]
    return "\n".join([*lines, *([f"FAILED: {', '.join(failed)}"] if failed else [])])


def _data_folders(chosen: Sequence[Experiment]) -> list[pathlib.Path]:
    """Where the experiments' data sets are looked for."""
    root = release.data_root()
    folders = []
    for name in {name for experiment in chosen for name in experiment.module.DATA}:
        if name in catalog.PUBLISHED:
            folders += [root / name, release.raw_folder(catalog.PUBLISHED[name], root)]
            folders += [place / name for place in cache.user_folders("tfds", root)]
    return folders


def _shown(path: pathlib.Path) -> str:
    path = path.resolve()
    return str(path.relative_to(results.ROOT)) if path.is_relative_to(results.ROOT) else str(path)
