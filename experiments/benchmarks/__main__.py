"""Times jaxnn beside its peers, and writes the page of results.

    nox -s benchmarks                                   everything, with the peers' environments
    nox -s benchmarks -- --workload W1 W4 --rounds 5    some of it
    nox -s benchmarks -- --quick                        a trial of every candidate
    nox -s benchmarks -- --table                        the page again, without measuring

Every measurement is a line of JSON in <out>/<workload>.jsonl; the page, <out>/README.md, is made
from these lines alone. nox installs the peers; without nox only what this Python has is measured.
"""

import argparse
import pathlib
import subprocess
import sys
from collections.abc import Sequence

from experiments.benchmarks import (
    accelerator,
    cnn_run,
    frame,
    mlp_run,
    precision,
    start_up,
    sweep_run,
    table,
)
from experiments.benchmarks.workload import Workload
from experiments.record import results
from jaxnn import data

WORKLOADS: tuple[Workload, ...] = (
    *mlp_run.WORKLOADS,
    *sweep_run.WORKLOADS,
    *cnn_run.WORKLOADS,
    *start_up.WORKLOADS,
)
PYTORCH = "pytorch"
ALONE = {module.NAME: module for module in (accelerator, precision)}  # they have no peers
PAGES = {
    PYTORCH: "Values and gradients beside those of PyTorch",
    **{name: module.TITLE for name, module in ALONE.items()},
}
REPORT, TRIAL = results.ROOT / "reports" / "benchmarks", results.ROOT / "build" / "benchmarks"


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 fine, 1 a disagreement with PyTorch, 2 wrong usage or no data."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        chosen, pages = select(options.workload)
        pythons = {"jax": sys.executable} | dict(map(_family_and_python, options.python))
    except ValueError as error:
        parser.error(str(error))
    if options.families:
        measured = not (options.list or options.table)
        print(*sorted(families(chosen, PYTORCH in pages) if measured else ()))
        return 0
    if options.list:
        for workload in WORKLOADS:
            print(f"{workload.name:<16} {workload.title} ({', '.join(workload.candidates)})")
        for name, title in PAGES.items():
            print(f"{name:<16} {title}")
        return 0
    out = (options.out or (TRIAL if options.quick else REPORT)).resolve()
    status = 0
    if not options.table:
        rounds = options.rounds or (2 if options.quick else 5)
        try:
            for workload in chosen:
                _measure(workload, pythons, rounds, out, quick=options.quick)
        except data.DataNotFoundError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        if PYTORCH in pages:
            status = _compare_with_pytorch(pythons.get("torch"), out)
        for name in sorted(ALONE.keys() & pages):
            status = max(status, _measure_alone(name, out, quick=options.quick))
    out.mkdir(parents=True, exist_ok=True)
    try:
        for module in ALONE.values():
            module.write_page(out)
        results.write(out / "README.md", table.page(out, WORKLOADS, PAGES))
    except table.DamagedLineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"wrote {out / 'README.md'}")
    return status


def select(names: Sequence[str]) -> tuple[list[Workload], set[str]]:
    """The workloads that the names stand for, and those of the PAGES.

    Raises:
      ValueError: a name that stands for none.
    """
    if not names:
        return list(WORKLOADS), set(PAGES)
    for name in names:
        if name not in PAGES and not any(_is_named(workload, name) for workload in WORKLOADS):
            known = ", ".join([*(workload.name for workload in WORKLOADS), *PAGES])
            raise ValueError(f"there is no workload {name!r}; there are {known}")
    chosen = [w for w in WORKLOADS if any(_is_named(w, name) for name in names)]
    return chosen, PAGES.keys() & set(names)


def families(workloads: Sequence[Workload], with_pytorch: bool) -> set[str]:
    """The environments that are needed besides this one."""
    needed = {c.family for workload in workloads for c in workload.candidates.values()}
    return (needed | ({"torch"} if with_pytorch else set())) - {"jax"}


def _is_named(workload: Workload, name: str) -> bool:
    return workload.name == name or workload.name.startswith(f"{name}-")


def _measure(
    workload: Workload, pythons: dict[str, str], rounds: int, out: pathlib.Path, *, quick: bool
) -> None:
    folder = TRIAL / "data"
    folder.mkdir(parents=True, exist_ok=True)
    workload.write_data(folder)
    frame.measure(workload, pythons, rounds=rounds, data=folder, out=out, quick=quick)


def _compare_with_pytorch(python: str | None, out: pathlib.Path) -> int:
    if python is None:
        print("PyTorch is not compared: there is no environment of torch", file=sys.stderr)
        return 0
    out.mkdir(parents=True, exist_ok=True)
    module = "experiments.benchmarks.torch_equality"
    done = subprocess.run([python, "-m", module, str(out / "pytorch.md")], cwd=results.ROOT)
    return int(done.returncode != 0)


def _measure_alone(name: str, out: pathlib.Path, *, quick: bool) -> int:
    """In a process of its own, since one that has started JAX keeps the accelerator's memory."""
    command = [sys.executable, "-m", ALONE[name].__name__, str(out), *["--quick"] * quick]
    return subprocess.run(command, cwd=results.ROOT).returncode


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "nox -s benchmarks --",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--workload", nargs="+", default=[], metavar="NAME",
                        help="which, by default all: see --list; W2 means W2-...")  # fmt: skip
    parser.add_argument("--rounds", type=_positive, help="turns of every candidate, default 5")
    parser.add_argument("--quick", action="store_true",
                        help="less work and 2 rounds, written to build/")  # fmt: skip
    parser.add_argument("--list", action="store_true", help="name the workloads and end")
    parser.add_argument("--table", action="store_true", help="only write the page again")
    parser.add_argument("--out", type=pathlib.Path, help="folder of the results and the page")
    parser.add_argument("--python", action="append", default=[], metavar="FAMILY=PATH",
                        help="the Python of a peer's environment; nox says so itself")  # fmt: skip
    parser.add_argument("--families", action="store_true", help=argparse.SUPPRESS)  # for nox
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be an int of at least 1, got {text}")
    return int(text)


def _family_and_python(text: str) -> tuple[str, str]:
    family, is_pair, path = text.partition("=")
    known = families(WORKLOADS, with_pytorch=True)
    if not is_pair or family not in known:
        names = ", ".join(sorted(known))
        raise ValueError(f"--python takes FAMILY=PATH with a family of {names}, got {text!r}")
    if not pathlib.Path(path).exists():
        raise ValueError(f"--python {family}: there is no {path}; `nox -s benchmarks` makes it")
    return family, path


if __name__ == "__main__":
    sys.exit(main())
