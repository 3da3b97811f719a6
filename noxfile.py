"""The project's commands: `nox -s experiments`, `train`, `tests`, `lint`, `benchmarks`.

`matrix` tests with other versions, `package` what is built. `nox --list` has them all.

What follows `--` goes on to the command: `nox -s tests -- -k losses`,
`nox -s experiments -- run momentum --quick`. Each session keeps its environment, and each family of
peers that the benchmarks compare jaxnn with has one of its own.
"""

import os
import pathlib
import shutil
import subprocess
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

ENVIRONMENTS = {  # of the matrix: (the Python, what uv is told)
    "lowest": ("3.11", ("--resolution", "lowest-direct")),
    "newest on 3.11": ("3.11", ()),
    "newest": ("3.13", ()),
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


@nox.session(venv_backend="none")
@nox.parametrize("environment", list(ENVIRONMENTS), ids=list(ENVIRONMENTS))
def matrix(session: nox.Session, environment: str) -> None:
    """Run the tests with the lowest and the newest versions; arguments go to pytest.

    A Python is found in JAXNN_PYTHON_311 and JAXNN_PYTHON_313, by its name, by uv or among pyenv's.
    """
    release, options = ENVIRONMENTS[environment]
    found = _python(release)
    if found is None:
        variable = _variable(release)
        session.skip(f"no Python {release} was found: install it, or name it in {variable}")
    python = _fresh(session, f"matrix-{environment.replace(' ', '-')}", found)
    _uv(session, "pip", "install", "--python", python, *options, "-e", ".[tests]")
    _uv(session, "pip", "list", "--python", python)
    session.run(python, "-m", "pytest", *session.posargs, env=_data(), external=True)


@nox.session(venv_backend="none")
def package(session: nox.Session) -> None:
    """Build the wheel and the sdist, and try each in an environment that has nothing else."""
    root = pathlib.Path(__file__).resolve().parent
    built = root / ".nox" / "package" / "dist"
    shutil.rmtree(built, ignore_errors=True)
    constraints = str(root / "constraints.txt")
    _uv(session, "build", "--build-constraint", constraints, "--out-dir", str(built))
    for kind in ("*.whl", "*.tar.gz"):
        (file,) = built.glob(kind)
        python = _fresh(session, f"package/{kind.strip('*.')}", sys.executable)
        _uv(session, "pip", "install", "--python", python, "-c", constraints,
            "-b", constraints, str(file))  # fmt: skip
        with session.chdir(built):  # away from the checkout
            paths = str(root / "tests" / "installed.py"), str(root / "README.md")
            session.run(python, "-I", *paths, external=True)


@nox.session(venv_backend="none")
def nightly(session: nox.Session) -> None:
    """What takes longer than CI may: other versions, what is built, and every result again."""
    for others in (("matrix",), ("package",), ("experiments", "--", "verify")):
        session.run("nox", "-s", *others, external=True, success_codes=[0, 3])
    session.run("nox", "-s", "experiments", "--", "gradients", "--out", "build/gradients",
                external=True)  # fmt: skip


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


def _python(release: str) -> str | None:
    """A Python of this release, the one that is named or runs nox before others; None without."""
    given = os.environ.get(_variable(release))
    if given:
        return given
    names = [sys.executable, f"python{release}", *_found_by_uv(release), *_found_by_pyenv(release)]
    return next((name for name in names if _answers(name, release)), None)


def _variable(release: str) -> str:
    return f"JAXNN_PYTHON_{release.replace('.', '')}"


def _found_by_uv(release: str) -> list[str]:
    uv = shutil.which("uv")
    command = [uv or "", "python", "find", "--no-python-downloads", release]
    done = uv and subprocess.run(command, capture_output=True, text=True)
    return done.stdout.split("\n")[:1] if done else []


def _found_by_pyenv(release: str) -> list[str]:
    root = pathlib.Path(os.environ.get("PYENV_ROOT", pathlib.Path.home() / ".pyenv"))
    return sorted(map(str, root.glob(f"versions/{release}.*/bin/python")))


def _answers(python: str, release: str) -> bool:
    """Some of these names are there, but only say that they start nothing."""
    says = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-c", says], capture_output=True, text=True)
    except OSError:
        return False
    return done.stdout.strip() == release


def _fresh(session: nox.Session, name: str, python: str) -> str:
    """The Python of a new environment that holds nothing."""
    folder = pathlib.Path(__file__).resolve().parent / ".nox" / name
    shutil.rmtree(folder, ignore_errors=True)
    _uv(session, "venv", "--python", python, str(folder))
    return str(folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def _uv(session: nox.Session, *arguments: str) -> None:
    if shutil.which("uv") is None:
        session.error("this needs uv, which knows the lowest versions: pip install uv")
    session.run("uv", *arguments, external=True)
