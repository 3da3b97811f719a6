"""The command line: list the experiments, run them, or verify what is committed.

    python -m experiments list
    python -m experiments run                          everything; writes reports/
    python -m experiments run momentum --seeds 3       one, other settings; writes build/custom/
    python -m experiments gradients                    every hand-derived gradient before its judges
    python -m experiments verify --quick               a small part again, held against reports/
    python -m experiments claims [ID ...]              what became of every claim, or all about one
    python -m experiments data list | prepare | verify what data is at hand, and whether it is right

Each command explains itself: python -m experiments run --help
"""

import argparse
import dataclasses
import pathlib
import sys
import time
import typing
from collections.abc import Callable, Sequence
from typing import Any

from experiments import (
    gradients,
    ledger,
    machine,
    registry,
    report,
    results,
    store,
    style,
    verdicts,
    verification,
)
from experiments.data_command import add_data_command, run_data_command
from experiments.registry import Experiment
from jaxnn import compilation_cache, data

REPORTS = results.ROOT / "reports"
BUILD = results.ROOT / "build"
LEDGER = "ledger"


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 fine, 1 something differs or failed, 2 wrong usage."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    parser, command_parsers = _parser()
    named = [name for name in registry.NAMES if name in arguments]
    flags = _add_settings(command_parsers["run"], named[0]) if len(named) == 1 else []
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        hint = "; settings need the name of exactly one experiment" if len(named) != 1 else ""
        parser.error(f"unknown: {' '.join(unknown)}{hint}")
    try:
        if options.command == "list":
            return _list()
        if options.command == "run":
            return _run(options, {flag: getattr(options, flag) for flag in flags})
        if options.command == "gradients":
            status = _gradients(options.out, force=True)
            _write_index(options.out)
            return status
        if options.command == "claims":
            return _claims(options)
        if options.command == "data":
            return run_data_command(options)
        return _verify(options)
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
        dest="command", required=True, metavar="list | run | verify | gradients | claims | data"
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
    verify.add_argument(
        "--against",
        type=pathlib.Path,
        default=REPORTS,
        help="folder of the results to compare with",
    )
    judged = commands.add_parser(
        "gradients",
        help="write the report on every hand-derived gradient; a run without names does so too",
    )
    judged.add_argument("--out", type=pathlib.Path, default=REPORTS, help="folder to write to")
    claims = commands.add_parser(
        "claims",
        help="what became of the claims of the slides",
        description="A table of all claims, or everything about those named. What needs no "
        "training is computed now; the rest is read from the committed reports.",
    )
    claims.add_argument("ids", nargs="*", metavar="id", help="a claim; without one, all of them")
    add_data_command(commands)
    return parser, {"run": run, "verify": verify}


def _add_settings(parser: argparse.ArgumentParser, name: str) -> list[str]:
    """Each field of the experiment's Config as a flag; returns the fields."""
    group = parser.add_argument_group(f"settings of {name}")
    config = registry.load(name).module.Config
    types = typing.get_type_hints(config)
    for field in dataclasses.fields(config):
        flag, default = f"--{field.name.replace('_', '-')}", _text(field.default)
        if types[field.name] is bool:
            group.add_argument(flag, action=argparse.BooleanOptionalAction, help=default)
        else:
            read = _reader(types[field.name])
            group.add_argument(flag, type=read, metavar=read.__name__, help=f"default {default}")
    return [field.name for field in dataclasses.fields(config)]


def _reader(kind: Any) -> Callable[[str], Any]:
    """Reads a setting of that type; a tuple is a comma list."""
    if typing.get_origin(kind) is not tuple:
        return typing.cast(Callable[[str], Any], kind)
    item = typing.get_args(kind)[0]

    def comma_list(text: str) -> tuple[Any, ...]:
        return tuple(item(part) for part in text.split(",") if part.strip())

    comma_list.__name__ = f"{item.__name__},..."
    return comma_list


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _list() -> int:
    for experiment in registry.select():
        takes = experiment.about.get("takes", "")
        print(f"{experiment.name:<16} {takes}\n{'':<16} {experiment.question}")
    print(f"{LEDGER:<16} about 20 s\n{'':<16} Which numbers and tables of the slides are right?")
    return 0


def _run(options: argparse.Namespace, settings: dict[str, Any]) -> int:
    chosen, with_ledger = _select(options.names)
    changed = {name: value for name, value in settings.items() if value is not None}
    default = BUILD / "quick" if options.quick else BUILD / "custom" if changed else REPORTS
    out = options.out or default
    machine.check_writable(out, "--out")
    status = 0
    for experiment in chosen:
        base = experiment.module.QUICK if options.quick else experiment.module.Config()
        try:
            _run_one(experiment, dataclasses.replace(base, **changed), out, force=options.force)
        except data.DataNotFoundError as error:
            print(f"{experiment.name}: {error}", file=sys.stderr)
            status = 1
        except (TypeError, ValueError) as error:  # of the library: a setting that cannot be
            if not changed:
                raise
            print(f"error: {experiment.name} cannot run so: {error}", file=sys.stderr)
            return 2
    if with_ledger:
        start = time.perf_counter()
        rows = ledger.write(out / LEDGER, ledger.make())
        seconds = time.perf_counter() - start
        print(f"{LEDGER:<16} {seconds:6.1f} s   {ledger.tally(rows)}", flush=True)
    elif (out / LEDGER / "results.json").exists():
        ledger.refresh(out / LEDGER)
    if not (options.names or options.quick):
        status = max(status, _gradients(out, force=options.force))
    _write_index(out)
    return status


def _gradients(out: pathlib.Path, *, force: bool) -> int:
    machine.check_writable(out, "--out")
    folder, start = out / "gradients", time.perf_counter()
    modules = (gradients, report, results, style)
    if not force and store.is_written(folder, modules):
        print(f"{'gradients':<16}          as they were written here, all PASS")
        return 0
    all_pass = gradients.write(folder)
    if all_pass:
        store.note_written(folder, modules)
    outcome = "all PASS" if all_pass else "FAIL, see the report"
    print(f"{'gradients':<16} {time.perf_counter() - start:6.1f} s   {outcome}", flush=True)
    return 0 if all_pass else 1


def _write_index(out: pathlib.Path) -> None:
    results.write(out / "README.md", report.index(out, registry.select()))
    print(f"wrote {_shown(out / 'README.md')}")


def _run_one(experiment: Experiment, config: Any, out: pathlib.Path, *, force: bool) -> None:
    start, module, name = time.perf_counter(), experiment.module, experiment.name
    identities = results.identities(module.DATA)
    key = store.fingerprint(experiment, config, identities)
    dataset = None if force else store.get(key)
    reused = dataset is not None
    if dataset is None:
        dataset = results.decode(results.encode(module.run(config)))
        store.put(key, dataset, results.record(name, config, identities, []))
    record = results.record(name, config, identities, module.judge(dataset))
    results.save(out / name, dataset, record)
    with style.applied():
        style.save(module.draw(dataset), out / name / "figure")
    results.write(out / name / "README.md", report.page(experiment, record))
    note = "; unchanged since it ran here, --force runs it again" if reused else ""
    seconds = time.perf_counter() - start
    print(f"{name:<16} {seconds:6.1f} s   {report.tally(record['verdicts'])}{note}", flush=True)


def _verify(options: argparse.Namespace) -> int:
    chosen, with_ledger = _select(options.names)
    committed = {}
    for experiment in chosen:  # all of them before any work
        command = f"python -m experiments run {experiment.name}"
        try:
            committed[experiment.name] = results.load(options.against / experiment.name)
        except results.NoResultsError as error:
            raise results.NoResultsError(f"{error}; `{command}` makes them") from error
    answers = _read_ledger(options.against / LEDGER) if with_ledger else None
    failed = [
        experiment.name
        for experiment in chosen
        if not verification.check(experiment, *committed[experiment.name], quick=options.quick)
    ]
    if answers is not None and not verification.check_ledger(answers):
        failed.append(LEDGER)
    print(f"differs: {', '.join(failed)}" if failed else "all as committed")
    return 1 if failed else 0


def _select(names: Sequence[str]) -> tuple[list[Experiment], bool]:
    """The named experiments, and whether the ledger is among them; all where none is named."""
    others = [name for name in names if name != LEDGER]
    chosen = registry.select(others) if others or not names else []
    return chosen, LEDGER in names or not names


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
    rows = [row for row in ledger.rows(mine, REPORTS) if row.id in names]
    if options.ids:
        print("\n\n".join(ledger.details(row) for row in rows))
    else:
        print(ledger.table(rows))
    return 0


def _shown(path: pathlib.Path) -> str:
    path = path.resolve()
    return str(path.relative_to(results.ROOT)) if path.is_relative_to(results.ROOT) else str(path)


if __name__ == "__main__":
    compilation_cache.enable()
    sys.exit(main())
