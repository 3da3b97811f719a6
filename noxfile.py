"""The project's commands: `nox -s experiments`, `train`, `tests`, `lint`, `benchmarks`.

What follows `--` goes on to the command: `nox -s tests -- -k losses`,
`nox -s experiments -- run momentum --quick`. Each session keeps its environment.
"""

import os
import pathlib
import sys

import nox

if sys.version_info < (3, 11):  # noqa: UP036 (the sessions use the Python that nox runs on)
    sys.exit(f"jaxnn needs Python 3.11 or later, and this nox runs on {sys.version.split()[0]}")

nox.needs_version = ">=2024.4.15"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["tests", "lint"]


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests; arguments go to pytest."""
    _install(session, "tests")
    session.run("pytest", *session.posargs, env=_data())


@nox.session
def experiments(session: nox.Session) -> None:
    """Run every experiment and write reports/; arguments go to `python -m experiments`."""
    _install(session, "experiments")
    session.run("python", "-m", "experiments", *(session.posargs or ["run"]), env=_data())


@nox.session
def train(session: nox.Session) -> None:
    """Train a network; arguments are the flags of `python -m experiments.train`."""
    _install(session, "experiments,log")
    session.run("python", "-m", "experiments.train", *session.posargs, env=_data())


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, format and types."""
    _install(session, "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Time jaxnn beside its peers; arguments go to `python -m experiments.benchmarks`."""
    _install(session, "benchmarks")
    session.run("python", "-m", "experiments.benchmarks", *session.posargs, env=_data())


def _install(session: nox.Session, extra: str) -> None:
    session.install("-c", "constraints.txt", "-e", f".[{extra}]")


def _data() -> dict[str, str]:
    """Points TFDS at data sets that lie prepared beside the checkout, unless it is told otherwise.

    Clones of this project often share one folder of data, `shared` next to them, so that no clone
    downloads MNIST again. Without it, TFDS uses its own folder in the home directory.
    """
    beside = pathlib.Path(__file__).resolve().parent.parent / "shared" / "data" / "tfds"
    if "TFDS_DATA_DIR" in os.environ or not beside.is_dir():
        return {}
    return {"TFDS_DATA_DIR": str(beside)}
