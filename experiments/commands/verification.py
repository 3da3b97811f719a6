"""The command `verify`: results computed again and held against the committed ones."""

import argparse
import pathlib
import sys
import time
from collections.abc import Callable, Sequence

from experiments.claims import ledger
from experiments.commands import plan, running
from experiments.commands.plan import LEDGER
from experiments.course import registry
from experiments.process import side_by_side
from experiments.record import compare, results
from experiments.record.experiment import Experiment
from jaxnn import data


def verify(options: argparse.Namespace, *, jobs: int) -> tuple[list[str], list[str]]:
    """Returns what differs, and what lacks its data.

    Args:
      options: names, against, quick and full.
      jobs: how many experiments go on at once.

    Raises:
      NoResultsError: there is nothing to compare with.
    """
    chosen, with_ledger = plan.select(options.names)
    tasks = _tasks(chosen, options)
    if with_ledger:
        committed = _read_ledger(options.against / LEDGER)
        tasks = {LEDGER: (check_ledger, (committed,)), **tasks}
    differing, lacking = [], []
    with side_by_side.results_of(tasks, jobs) as result_of:
        for name in [*(experiment.name for experiment in chosen), *[LEDGER] * with_ledger]:
            if name not in tasks:
                print(f"{name}  takes hours: `verify --full` computes it again\n")
                continue
            try:
                if not result_of(name):
                    differing.append(name)
            except data.DataNotFoundError as error:
                print(f"{name}: {error}\n", file=sys.stderr)
                lacking.append(name)
    return differing, lacking


def _tasks(
    chosen: Sequence[Experiment], options: argparse.Namespace
) -> dict[str, tuple[Callable, tuple]]:
    """What is computed, once it is known that there is something to compare each with."""
    for experiment in chosen:
        command = f"python -m experiments run {experiment.name}"
        try:
            results.load(options.against / experiment.name)
        except results.NoResultsError as error:
            raise results.NoResultsError(f"{error}; `{command}` makes them") from error
    with_heavy = options.quick or options.full
    return {
        experiment.name: (check, (experiment.name, options.against, options.quick))
        for experiment in chosen
        if with_heavy or not running.is_heavy(experiment, experiment.module.Config())
    }


def _read_ledger(folder: pathlib.Path) -> list[ledger.Row]:
    try:
        return ledger.load(folder)[0]
    except results.NoResultsError as error:
        command = f"python -m experiments run {LEDGER}"
        raise results.NoResultsError(f"{error}; `{command}` makes them") from error


def check(name: str, against: pathlib.Path, quick: bool) -> bool:
    """Runs it again, prints how each variable compares, and answers whether all is as committed.

    Raises:
      DataNotFoundError: it cannot run without its data.
    """
    start, experiment = time.perf_counter(), registry.load(name)
    module, committed = experiment.module, results.load(against / name)
    config = module.QUICK if quick else module.Config()
    identities = results.identities(module.DATA)
    fresh = module.run(config)
    judged = [] if quick else module.judge(fresh)
    record = results.record(name, config, identities, judged)
    held = compare.hold(experiment, (fresh, record), committed, quick=quick)
    agrees = not (held.different_numbers or held.verdicts)
    seconds = time.perf_counter() - start
    print(f"{name}  {seconds:.1f} s  {'as committed' if agrees else 'DIFFERS'}")
    print(_comparison_table(held.variables))
    for remark in [*held.remarks, *compare.made_elsewhere(record, committed[1])]:
        print(f"  note: {remark}")
    for problem in [*held.problems, *held.verdicts]:
        print(f"  DIFFERS: {problem}")
    print(flush=True)
    return agrees


def _comparison_table(rows: Sequence[compare.Comparison]) -> str:
    cells = [("variable", "compared", "largest difference", "allowed", "")]
    for row in rows:
        rtol, atol = row.allowed
        allowed = f"{atol:g} + {rtol:g} |x|" if rtol or atol else "none"
        outcome = "identical" if row.identical else "within tolerance" if row.agrees else "DIFFERS"
        if row.compared:
            numbers = (f"{row.compared:,}", f"{row.largest:.3g}", allowed)
            cells.append((row.variable, *numbers, f"{outcome}  {row.note}".rstrip()))
        else:
            outcome = row.note if row.agrees else f"DIFFERS  {row.note}"
            cells.append((row.variable, "-", "-", "-", outcome))
    widths = [max(len(line[i]) for line in cells) for i in range(5)]
    return "\n".join(
        "  " + "  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )


def check_ledger(committed: Sequence[ledger.Row]) -> bool:
    """Computes the ledger again, and answers whether it is as committed."""
    start = time.perf_counter()
    fresh = ledger.make()
    lines = list(ledger.changes(fresh, ledger.answers_of(committed)))
    agrees = not any(differs for differs, _ in lines)
    outcome = "as committed" if agrees else "DIFFERS"
    print(f"ledger  {time.perf_counter() - start:.1f} s  {outcome}")
    for differs, line in lines:
        print(f"  {'DIFFERS' if differs else 'note'}: {line}")
    print(flush=True)
    return agrees
