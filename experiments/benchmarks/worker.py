"""A candidate in a process of its own: prepares, then does the work once for every "go" on stdin.

    python -m experiments.benchmarks.worker MODULE FUNCTION DATA_FOLDER SETTINGS [--once]

It answers with JSON lines: one when it is ready, after a first call that compiles and warms up,
and one per "go". With --once it does the work once, without a first call, and ends.
"""

import contextlib
import importlib
import importlib.metadata
import json
import os
import pathlib
import platform
import sys
import time
from collections.abc import Callable

PACKAGES = (
    "jaxnn", "jax", "jaxlib", "flax", "optax", "numpy", "scikit-learn", "torch", "tensorflow",
    "keras",
)  # fmt: skip


def main() -> None:
    module, function, folder, settings, *once = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints must not come between the lines
    prepare = getattr(importlib.import_module(module), function)
    run = prepare(pathlib.Path(folder), **json.loads(settings))
    if once:
        result = timed(run)
        print(json.dumps(result | {"versions": versions()}), file=answers)
        return
    first = timed(run)
    print(
        json.dumps({"first_seconds": first["total_seconds"], "versions": versions()}), file=answers
    )
    for _ in sys.stdin:
        print(json.dumps(timed(run)), file=answers)


def timed(run: Callable[[], dict]) -> dict:
    """The run's answer with the time it took, in all and per unit."""
    start = time.perf_counter()
    result = run()
    total = time.perf_counter() - start
    return {"seconds": total / result.pop("units", 1), "total_seconds": total, **result}


def versions() -> dict[str, str]:
    """Of Python and of those packages that this process has imported."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        module = sys.modules.get(package.replace("scikit-learn", "sklearn"))
        if package == "jaxnn" and module:  # which need not be installed
            found[package] = module.__version__
        elif module:
            with contextlib.suppress(importlib.metadata.PackageNotFoundError):  # not installed
                found[package] = importlib.metadata.version(package)
    return found


if __name__ == "__main__":
    main()
