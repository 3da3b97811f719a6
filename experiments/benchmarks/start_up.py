"""W4: how long it takes to begin: imports, and whole processes with and without compiled programs.

Each candidate is a process of its own, timed from its start to its end.
"""

import pathlib
import shutil
from collections.abc import Callable
from typing import Any

from experiments.benchmarks import mlp_run
from experiments.benchmarks.workload import Candidate, Goal, Workload

Run = Callable[[], dict[str, Any]]


def import_jaxnn(folder: pathlib.Path) -> Run:
    return lambda: _import("jaxnn")


def import_jax(folder: pathlib.Path) -> Run:
    return lambda: _import("jax")


def _import(name: str) -> dict[str, Any]:
    __import__(name)
    return {}


def without_cache(folder: pathlib.Path) -> Run:
    return mlp_run.jaxnn(folder, epochs=1)


def filling_cache(folder: pathlib.Path) -> Run:
    shutil.rmtree(folder / "compiled", ignore_errors=True)
    return with_cache(folder)


def with_cache(folder: pathlib.Path) -> Run:
    import jax

    jax.config.update("jax_compilation_cache_dir", str(folder / "compiled"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)  # also the small programs
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    return mlp_run.jaxnn(folder, epochs=1)


WORKLOADS = (
    Workload(
        name="W4-import",
        title="Importing the library",
        about="A fresh process that imports it and ends, the start of Python and of the worker"
        " (NumPy among it) included.",
        unit="s per process",
        candidates={
            "jaxnn": Candidate("`import jaxnn`", import_jaxnn),
            "jax": Candidate("`import jax`", import_jax, goal=Goal(0.1, "difference")),
        },
        write_data=lambda folder: None,
        fresh=True,
    ),
    Workload(
        name="W4-process",
        title="One epoch of W1 as a whole process",
        about="Start of Python, imports, data from disk, compiling and one epoch of W1, by"
        " `train.fit`, with JAX's persistent cache of compiled programs and without.",
        unit="s per process",
        candidates={
            "filled": Candidate("cache filled by an earlier process", with_cache,
                                goal=Goal(1.7, "seconds")),
            "empty": Candidate("cache empty, filled by this process", filling_cache),
            "none": Candidate("no cache", without_cache),
        },
        write_data=mlp_run.write_data,
        fresh=True,
    ),
)  # fmt: skip
