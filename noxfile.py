"""The project's commands: `nox -s experiments`, `train`, `tests`, `lint`, `benchmarks`.

What follows `--` goes on to the command: `nox -s tests -- -k losses`,
`nox -s experiments -- run momentum --quick`. Each session keeps its environment, and each family of
peers that the benchmarks compare jaxnn with has one of its own.
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
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # without bytecode each start takes seconds more


PEERS = {  # what the benchmarks compare with, by environment
    "scikit-learn": ("scikit-learn==1.9.1",),
    "tensorflow": ("tensorflow==2.21.0", "keras==3.15.1"),
    "torch": ("torch==2.13.0", "-c", "constraints.txt", "-e", "."),  # also compares values
}


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests, on every core; arguments go to pytest, -n0 keeps them in one process."""
    _install(session, "tests")
    spread = ("-n", "logical", "--maxprocesses", "8", "--dist", "worksteal")  # 2 GB a process
    session.run("pytest", *spread, *session.posargs, env=_data())


@nox.session
def experiments(session: nox.Session) -> None:
    """Run every experiment, and write what is not as in reports/; arguments go to the command line.

    Status 3, all well but for data that are not at hand, passes: the last lines name them.
    """
    _install(session, "experiments")
    command = ("python", "-m", "experiments", *(session.posargs or ["run"]))
    session.run(*command, env=_data(), success_codes=[0, 3])


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
    """Time jaxnn beside its peers; arguments go to `python -m experiments.benchmarks`.

    Of PyTorch, UV_TORCH_BACKEND=cpu takes the build without the CUDA libraries.
    """
    _install(session, "benchmarks")
    command = ("python", "-m", "experiments.benchmarks", *session.posargs)
    asked = session.run(*command, "--families", silent=True)
    families = [family for family in PEERS if family in str(asked).split()]
    pythons = [f"--python={family}={python}" for family in families
               if (python := _peer(session, family))]  # fmt: skip
    session.run(*command, *pythons, env=_data())


def _peer(session: nox.Session, family: str) -> pathlib.Path | None:
    """The Python of a family of peers; None where they cannot be installed."""
    folder = pathlib.Path(session.virtualenv.location).with_name(f"benchmarks-{family}")
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    try:
        if not python.exists():
            session.run("uv", "venv", "--python", sys.executable, str(folder))
        session.run("uv", "pip", "install", "--python", str(python), *PEERS[family])
    except nox.command.CommandFailed:
        session.warn(f"{family} cannot be installed, so it is not measured")
        return None
    return python


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
