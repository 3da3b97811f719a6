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
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from experiments.claims import ledger, verdicts
from experiments.commands import suite, verification
from experiments.commands.data_command import add_data_command, run_data_command
from experiments.commands.plan import LEDGER
from experiments.commands.settings import add_settings
from experiments.course import registry
from experiments.pages import ledger_pages
from experiments.process import machine
from experiments.record import results, unchanged


def main(arguments: Sequence[str] | None = None, *, jobs: int = 1) -> int:
    """Returns the exit status; parts of a run go on in so many processes.

    0 fine, 1 something failed or, of what is verified, differs, 2 wrong usage, 3 fine but for data
    not at hand.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    parser, run_parser = _parser()
    named = [name for name in registry.NAMES if name in arguments]
    flags = add_settings(run_parser, named[0]) if len(named) == 1 else []
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        hint = "; settings need the name of exactly one experiment" if len(named) != 1 else ""
        parser.error(f"unknown: {' '.join(unknown)}{hint}")
    given = {flag: getattr(options, flag, None) for flag in flags}
    settings = {flag: value for flag, value in given.items() if value is not None}
    try:
        return _COMMANDS[options.command](options, settings, jobs)
    except (
        registry.UnknownExperimentError,
        verdicts.UnknownClaimError,
        results.NoResultsError,
        machine.FolderError,
    ) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _list() -> int:
    for experiment in registry.select():
        takes = experiment.about.get("takes", "")
        print(f"{experiment.name:<16} {takes}\n{'':<16} {experiment.question}")
    print(f"{LEDGER:<16} about 20 s\n{'':<16} Which numbers and tables of the slides are right?")
    return 0


def _site(out: pathlib.Path) -> int:
    suite.write_pages(out)
    return 0


def _verify(options: argparse.Namespace, jobs: int) -> int:
    differing, lacking = verification.verify(options, jobs=jobs if options.quick else 1)
    if lacking:
        print(f"not compared, their data are not at hand: {', '.join(lacking)}")
    rest = "all else as committed" if lacking else "all as committed"
    print(f"differs: {', '.join(differing)}" if differing else rest)
    return 1 if differing else suite.WITHOUT_DATA if lacking else 0


def _claims(options: argparse.Namespace) -> int:
    for claim in options.ids:
        verdicts.check_known(claim)
    names = options.ids or verdicts.claims()
    mine = [ledger.answer(claim) for claim in ledger.answered() if claim in names]
    rows = [row for row in ledger.rows(mine, unchanged.REPORTS) if row.id in names]
    if options.ids:
        print("\n\n".join(ledger_pages.details(row) for row in rows))
    else:
        print(ledger_pages.table(rows))
    return 0


_COMMANDS: Mapping[str, Callable[[argparse.Namespace, Mapping[str, Any], int], int]] = {
    "list": lambda options, settings, jobs: _list(),
    "run": lambda options, settings, jobs: suite.run(options, settings, jobs=jobs),
    "site": lambda options, settings, jobs: _site(options.out),
    "verify": lambda options, settings, jobs: _verify(options, jobs),
    "gradients": lambda options, settings, jobs: suite.run_gradients(options.out, jobs),
    "claims": lambda options, settings, jobs: _claims(options),
    "data": lambda options, settings, jobs: run_data_command(options),
}


# The options


def _parser() -> tuple[argparse.ArgumentParser, argparse.ArgumentParser]:
    """The parser of all commands, and that of `run`, which may get settings."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        "python -m experiments", description=__doc__, formatter_class=raw
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar=" | ".join(_COMMANDS))
    commands.add_parser("list", help="name, time and question of each experiment")
    run_parser = _add_run(commands)
    _add_verify(commands)
    _add_pages(commands)
    claims = commands.add_parser(
        "claims",
        help="what became of the claims of the slides",
        description="A table of all claims, or everything about those named. What needs no "
        "training is computed now; the rest is read from the committed reports.",
    )
    claims.add_argument("ids", nargs="*", metavar="id", help="a claim; without one, all of them")
    add_data_command(commands)
    return parser, run_parser


def _add_names(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "names",
        nargs="*",
        metavar="name",
        help=f"an experiment, or {LEDGER!r} for the numbers and tables; without a name, all",
    )
    parser.add_argument(
        "--quick", action="store_true", help="fewer seeds, settings and epochs; the same numbers"
    )


def _add_run(commands: Any) -> argparse.ArgumentParser:
    run: argparse.ArgumentParser = commands.add_parser(
        "run",
        help="run experiments and write their results, figures and pages",
        description="Runs experiments and writes results, figures, verdicts and pages. What ran on "
        "this machine before, with the same code, settings, versions and data, is not computed "
        "again, only drawn and judged. In reports, what is committed stands where it agrees with "
        "what comes out, as `verify` compares them, and where data are lacking; the last line says "
        "`as committed`, or what is not. With exactly one name, its settings are options too: "
        "run NAME --help shows them.",
    )
    _add_names(run)
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
        "--rewrite",
        action="store_true",
        help="write what was computed here even where the committed results agree with it",
    )
    run.add_argument(
        "--out",
        type=pathlib.Path,
        help="folder to write to; by default reports, build/quick with --quick, build/custom with "
        "other settings",
    )
    return run


def _add_verify(commands: Any) -> None:
    verify = commands.add_parser(
        "verify",
        help="run again and compare with the committed results",
        description="Computes the results again and holds each number against the committed one, "
        "within the experiment's tolerances, or to the bit where processor and versions are those "
        "of the committed run; the verdicts must be the same. --quick does so for "
        "a part of the runs, and leaves the verdicts, for which it has too few seeds.",
    )
    _add_names(verify)
    verify.add_argument("--full", action="store_true", help="the heavy experiments too")
    verify.add_argument(
        "--against",
        type=pathlib.Path,
        default=unchanged.REPORTS,
        help="folder of the results to compare with",
    )


def _add_pages(commands: Any) -> None:
    """What writes pages and trains nothing."""
    judged = commands.add_parser(
        "gradients",
        help="write the report on every hand-derived gradient; a run without names does so too",
    )
    pages = commands.add_parser(
        "site",
        help="write the pages anew over results that are there; every run ends so",
        description="Writes README.md and the static site, index.html and what it leads to, over "
        "the results in a folder. Nothing is computed.",
    )
    for parser in (judged, pages):
        parser.add_argument(
            "--out", type=pathlib.Path, default=unchanged.REPORTS, help="folder to write to"
        )
