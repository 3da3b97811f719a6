"""Work in processes side by side, where it takes little to compute and much to compile."""

import contextlib
import io
import multiprocessing
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any

import jax

from experiments.process import garbage
from jaxnn import compilation_cache

Tasks = Mapping[str, tuple[Callable, tuple]]


@contextlib.contextmanager
def results_of(tasks: Tasks, jobs: int) -> Iterator[Callable[[str], Any]]:
    """Yields what answers with the result of each task, by its name, and prints what it printed.

    Args:
      tasks: name -> (function, arguments), which a process must be able to import. The first are
        begun first. With several jobs they go on while their results are asked for.
      jobs: how many processes; 1 does the work here, when it is asked for.
    """
    if jobs == 1:
        yield lambda name: tasks[name][0](*tasks[name][1])
        return
    config: Any = jax.config
    keeps_compiled = config.jax_compilation_cache_dir is not None
    with ProcessPoolExecutor(
        jobs, multiprocessing.get_context("spawn"), _start, (keeps_compiled,)
    ) as pool:
        futures: dict[str, Future] = {
            name: pool.submit(_heard, *task) for name, task in tasks.items()
        }

        def result_of(name: str) -> Any:
            said, warned, answer = futures[name].result()
            print(said, end="", flush=True)
            print(warned, end="", file=sys.stderr, flush=True)
            return answer

        try:
            yield result_of
        finally:
            pool.shutdown(cancel_futures=True)


def _start(keeps_compiled: bool) -> None:
    garbage.collect_rarely()
    if keeps_compiled:
        compilation_cache.enable()


def _heard(function: Callable, arguments: tuple) -> tuple[str, str, Any]:
    """What it says and warns of, and what it answers; bars of several would cover each other."""
    said, warned = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(warned):
        answer = function(*arguments)
    return said.getvalue(), warned.getvalue(), answer
