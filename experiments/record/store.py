"""Results that this machine computed before, found by a sum over everything they depend on."""

import ast
import functools
import hashlib
import inspect
import json
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any

import jax
import xarray as xr

from experiments.record import results
from experiments.record.experiment import Experiment

FOLDER = results.ROOT / ".cache" / "results"

_DRAWN_OR_JUDGED = ("draw", "judge")
_FILES_THAT_DRAW_OR_JUDGE = ("figure.py", "judges.py")  # of an experiment that is a package
_COMPUTES_NOTHING = ("experiments/pages/", "experiments/claims/verdicts.py")


def fingerprint(experiment: Experiment, config: Any, identities: dict[str, Any]) -> str:
    """SHA-256 over the sources, the settings, the versions, the device and the data.

    How the figure is drawn and the claims are judged is no part of it: both are done anew.
    """
    parts = {
        "sources": dict(_sources(experiment)),
        "config": results.plain(config),
        "versions": results.versions(),
        "platform": results.platform_of_run(),
        "float": jax.numpy.result_type(float).name,
        "data": identities,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def get(fingerprint: str) -> tuple[xr.Dataset, dict[str, Any] | None] | None:
    """The dataset stored under the fingerprint and its provenance, None where none is whole."""
    try:
        dataset, record = results.load(FOLDER / fingerprint)
        return dataset, record.get("run")
    except results.NoResultsError:
        return None


def put(fingerprint: str, dataset: xr.Dataset, record: dict[str, Any]) -> None:
    """Stores the dataset under the fingerprint; the record may carry its provenance as `run`."""
    results.save(FOLDER / fingerprint, dataset, record)


def is_written(folder: pathlib.Path, sources: Iterable[str]) -> bool:
    """Whether these sources wrote the folder here, and neither they nor the files have changed."""
    try:
        return _note(folder).read_text("utf-8") == _folder_state(folder, sources)
    except FileNotFoundError:
        return False


def note_written(folder: pathlib.Path, sources: Iterable[str]) -> None:
    """Remembers the state of the folder for `is_written`."""
    note = _note(folder)
    note.parent.mkdir(parents=True, exist_ok=True)
    results.write(note, _folder_state(folder, sources))


def _note(folder: pathlib.Path) -> pathlib.Path:
    place = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    return FOLDER.parent / "written" / f"{folder.name}-{place}"


def _folder_state(folder: pathlib.Path, sources: Iterable[str]) -> str:
    digest = hashlib.sha256()
    made_by = [list(library()), list(sources), results.versions(), results.platform_of_run()]
    digest.update(json.dumps(made_by, sort_keys=True).encode())
    files = (path for path in folder.glob("*") if path.is_file() and path.suffix != ".html")
    for path in sorted(files):  # the site is written over them, at the end of each run
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def library() -> Iterator[tuple[str, str]]:
    """The files of jaxnn, by their names."""
    for path in sorted((results.ROOT / "jaxnn").rglob("*.py")):
        yield path.relative_to(results.ROOT).as_posix(), path.read_text("utf-8")


def _sources(experiment: Experiment) -> Iterator[tuple[str, str]]:
    yield from ((name, _without_docstrings(text)) for name, text in library())
    yield "experiments/record/results.py", _without_docstrings(inspect.getsource(results))
    seen = {pathlib.Path(inspect.getfile(module)) for module in (results, experiment.module)}
    seen.update(_own_files(experiment))
    for name, source in _computing_sources(experiment):
        yield name, _computing_part(_without_docstrings(source))
        yield from _imported(source, seen)


def own_sources(experiment: Experiment) -> list[str]:
    """The experiment's module, or all files of its package."""
    files = _own_files(experiment)
    return [inspect.getsource(experiment.module), *(path.read_text("utf-8") for path in files)]


def _own_files(experiment: Experiment) -> list[pathlib.Path]:
    """Those of its package; none where it is one file."""
    folders = map(pathlib.Path, getattr(experiment.module, "__path__", ()))
    return [path for folder in folders for path in sorted(folder.glob("*.py"))]


def _computing_sources(experiment: Experiment) -> Iterator[tuple[str, str]]:
    """The experiment's module, or the files of its package that compute."""
    yield experiment.name, inspect.getsource(experiment.module)
    for path in _own_files(experiment):
        if path.name not in ("__init__.py", *_FILES_THAT_DRAW_OR_JUDGE):
            yield f"{experiment.name}/{path.name}", path.read_text("utf-8")


def _imported(source: str, seen: set[pathlib.Path]) -> Iterator[tuple[str, str]]:
    """The files of experiments/ that a module imports, and those that these import."""
    for path in _files_imported(source):
        name = path.relative_to(results.ROOT).as_posix()
        if path not in seen and not name.startswith(_COMPUTES_NOTHING):
            seen.add(path)
            text = path.read_text("utf-8")
            yield name, _without_docstrings(text)
            yield from _imported(text, seen)


def _files_imported(source: str) -> Iterator[pathlib.Path]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            path = results.ROOT.joinpath(*name.split(".")).with_suffix(".py")
            if name.startswith("experiments.") and path.is_file():
                yield path


@functools.cache
def _without_docstrings(source: str) -> str:
    """What a better explanation does not change; comments are left out as well."""
    tree = ast.parse(source)
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    for node in ast.walk(tree):
        if isinstance(node, kinds) and ast.get_docstring(node, clean=False) is not None:
            node.body[0] = ast.Pass()
    return ast.unparse(tree)


def _computing_part(source: str) -> str:
    """The module without docstring, draw, judge, and the functions that only these two call."""
    tree = ast.parse(source)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    drawing = {n: f for n, f in functions.items() if n in _DRAWN_OR_JUDGED}
    only_drawing = _reached(drawing.values(), functions) | set(drawing)
    rest = [node for node in tree.body if getattr(node, "name", None) not in only_drawing]
    kept = _reached(rest, functions) | (set(functions) - only_drawing)
    body = [n for n in tree.body if not isinstance(n, ast.FunctionDef) or n.name in kept]
    return ast.unparse(ast.Module(body[1:] if ast.get_docstring(tree) else body, []))


def _reached(nodes: Any, functions: dict[str, ast.FunctionDef]) -> set[str]:
    """Names of the functions that the nodes mention, and that these mention in turn."""
    reached: set[str] = set()
    waiting = list(nodes)
    while waiting:
        mentioned = {n.id for n in ast.walk(waiting.pop()) if isinstance(n, ast.Name)}
        new = (mentioned & set(functions)) - reached
        reached |= new
        waiting += [functions[name] for name in new]
    return reached
