"""The command line: list the experiments, run them, or verify what is committed.

    python -m experiments list
    python -m experiments run                          everything; writes reports/
    python -m experiments run momentum --seeds 3       one, other settings; writes build/custom/
    python -m experiments run --changed                what has changed since it ran, nothing else
    python -m experiments site                         the pages anew, over results that are there
    python -m experiments gradients                    every hand-derived gradient before its judges
    python -m experiments verify --quick               a small part again, held against reports/
    python -m experiments claims [ID ...]              what became of every claim, or all about one
    python -m experiments data list | prepare | verify what data is at hand, and whether it is right

Each command explains itself: python -m experiments run --help
"""

import argparse
import pathlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

from experiments.claims import ledger, verdicts
from experiments.commands import running, suite, verification
from experiments.commands.data_command import add_data_command, run_data_command
from experiments.commands.settings import add_settings
from experiments.commands.suite import LEDGER
from experiments.course import registry
from experiments.pages import ledger_pages
from experiments.process import machine, side_by_side
from experiments.record import results
from jaxnn import data


def main(arguments: Sequence[str] | None = None, *, jobs: int = 1) -> int:
    """Returns the exit status; quick runs and gradients go on in so many processes.

    0 fine, 1 something differs or failed, 2 wrong usage, 3 fine but for data not at hand.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    parser, command_parsers = _parser()
    named = [name for name in registry.NAMES if name in arguments]
    flags = add_settings(command_parsers["run"], named[0]) if len(named) == 1 else []
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        hint = "; settings need the name of exactly one experiment" if len(named) != 1 else ""
        parser.error(f"unknown: {' '.join(unknown)}{hint}")
    try:
        if options.command == "list":
            return _list()
        if options.command == "run":
            given = {flag: getattr(options, flag) for flag in flags}
            settings = {k: v for k, v in given.items() if v is not None}
            return suite.run(options, settings, jobs=jobs)
        if options.command == "gradients":
            all_pass = suite.run_gradients(options.out, force=True, jobs=jobs)
            suite.write_pages(options.out)
            return 0 if all_pass else 1
        if options.command == "site":
            suite.write_pages(options.out)
            return 0
        if options.command == "claims":
            return _claims(options)
        if options.command == "data":
            return run_data_command(options)
        return _verify(options, jobs if options.quick else 1)
    except (
        registry.UnknownExperimentError,
        verdicts.UnknownClaimError,
        results.NoResultsError,
        machine.FolderError,
    ) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _parser() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        "python -m experiments", description=__doc__, formatter_class=raw
    )
    commands = parser.add_subparsers(
        dest="command",
        required=True,
        metavar="list | run | site | verify | gradients | claims | data",
    )
    names: dict[str, Any] = {
        "nargs": "*",
        "metavar": "name",
        "help": f"an experiment, or {LEDGER!r} for the numbers and tables; without a name, all",
    }
    quick: dict[str, Any] = {
        "action": "store_true",
        "help": "fewer seeds, settings and epochs; the same numbers",
    }

    commands.add_parser("list", help="name, time and question of each experiment")
    run = commands.add_parser(
        "run",
        help="run experiments and write their results, figures and pages",
        description="Runs experiments and writes results, figures, verdicts and pages. What ran on "
        "this machine before, with the same code, settings, versions and data, is not computed "
        "again, only drawn and judged. With exactly one name, its settings are options too: "
        "run NAME --help shows them.",
    )
    run.add_argument("names", **names)
    run.add_argument("--quick", **quick)
    run.add_argument("--force", action="store_true", help="compute again what ran here before")
    run.add_argument(
        "--changed",
        action="store_true",
        help="leave alone what neither code, settings, data nor versions have changed; committed "
        "results of this very state count as run",
    )
    run.add_argument(
        "--full",
        action="store_true",
        help="compute the heavy experiments too, which take hours and are otherwise redrawn from "
        "their committed results; with --quick, one that is named is computed",
    )
    run.add_argument(
        "--out",
        type=pathlib.Path,
        help="folder to write to; by default reports, build/quick with --quick, build/custom with "
        "other settings",
    )
    verify = commands.add_parser(
        "verify",
        help="run again and compare with the committed results",
        description="Computes the results again and holds each number against the committed one, "
        "within the experiment's tolerances, or to the bit where processor and versions are those "
        "of the committed run; the verdicts must be the same. --quick does so for "
        "a part of the runs, and leaves the verdicts, for which it has too few seeds.",
    )
    verify.add_argument("names", **names)
    verify.add_argument("--quick", **quick)
    verify.add_argument("--full", action="store_true", help="the heavy experiments too")
    verify.add_argument(
        "--against",
        type=pathlib.Path,
        default=running.REPORTS,
        help="folder of the results to compare with",
    )
    judged = commands.add_parser(
        "gradients",
        help="write the report on every hand-derived gradient; a run without names does so too",
    )
    judged.add_argument(
        "--out", type=pathlib.Path, default=running.REPORTS, help="folder to write to"
    )
    pages = commands.add_parser(
        "site",
        help="write the pages anew over results that are there; every run ends so",
        description="Writes README.md and the static site, index.html and what it leads to, over "
        "the results in a folder. Nothing is computed.",
    )
    pages.add_argument("--out", type=pathlib.Path, default=running.REPORTS, help="the folder")
    claims = commands.add_parser(
        "claims",
        help="what became of the claims of the slides",
        description="A table of all claims, or everything about those named. What needs no "
        "training is computed now; the rest is read from the committed reports.",
    )
    claims.add_argument("ids", nargs="*", metavar="id", help="a claim; without one, all of them")
    add_data_command(commands)
    return parser, {"run": run, "verify": verify}


def _list() -> int:
    for experiment in registry.select():
        takes = experiment.about.get("takes", "")
        print(f"{experiment.name:<16} {takes}\n{'':<16} {experiment.question}")
    print(f"{LEDGER:<16} about 20 s\n{'':<16} Which numbers and tables of the slides are right?")
    return 0


def _verify(options: argparse.Namespace, jobs: int) -> int:
    chosen, with_ledger = suite.select(options.names)
    for experiment in chosen:  # all of them before any work
        command = f"python -m experiments run {experiment.name}"
        try:
            results.load(options.against / experiment.name)
        except results.NoResultsError as error:
            raise results.NoResultsError(f"{error}; `{command}` makes them") from error
    tasks: dict[str, tuple[Callable, tuple]] = {}
    if with_ledger:
        tasks[LEDGER] = verification.check_ledger, (_read_ledger(options.against / LEDGER),)
    for experiment in chosen:
        if not running.is_heavy(experiment, experiment.module.Config()) or (
            options.quick or options.full
        ):
            tasks[experiment.name] = _check, (experiment.name, options.against, options.quick)
    failed, lacking = [], []
    with side_by_side.results_of(tasks, jobs) as result_of:
        for name in [*(experiment.name for experiment in chosen), *[LEDGER] * with_ledger]:
            if name not in tasks:
                print(f"{name}  takes hours: `verify --full` computes it again\n")
                continue
            try:
                if not result_of(name):
                    failed.append(name)
            except data.DataNotFoundError as error:
                print(f"{name}: {error}\n", file=sys.stderr)
                lacking.append(name)
    if lacking:
        print(f"not compared, their data are not at hand: {', '.join(lacking)}")
    print(
        f"differs: {', '.join(failed)}"
        if failed
        else "all else as committed"
        if lacking
        else "all as committed"
    )
    return 1 if failed else suite.WITHOUT_DATA if lacking else 0


def _check(name: str, against: pathlib.Path, quick: bool) -> bool:
    return verification.check(registry.load(name), *results.load(against / name), quick=quick)


def _read_ledger(folder: pathlib.Path) -> list[ledger.Row]:
    try:
        return ledger.load(folder)[0]
    except results.NoResultsError as error:
        command = f"python -m experiments run {LEDGER}"
        raise results.NoResultsError(f"{error}; `{command}` makes them") from error


def _claims(options: argparse.Namespace) -> int:
    for claim in options.ids:
        verdicts.check_known(claim)
    names = options.ids or verdicts.claims()
    mine = [ledger.answer(claim) for claim in ledger.answered() if claim in names]
    rows = [row for row in ledger.rows(mine, running.REPORTS) if row.id in names]
    if options.ids:
        print("\n\n".join(ledger_pages.details(row) for row in rows))
    else:
        print(ledger_pages.table(rows))
    return 0
