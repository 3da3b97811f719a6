"""Threads that advance several lanes at the same time with one program."""

import contextlib
import functools
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax

NAME = "lanes of jaxnn, worker"  # of the threads


def in_parallel(
    run: Callable[[int, int], Iterable[Any]], num_workers: int, num_lanes: int
) -> Iterator[Any]:
    """What run(lane, worker) yields for each lane, as it comes; each worker takes the next lane.

    Threads are enough, since the device does the work.

    JAX runs the calls of one thread one after another, those of several at the same time. Where no
    more is taken, each worker ends after what it is at.
    """
    results: queue.SimpleQueue = queue.SimpleQueue()
    is_stopping = threading.Event()
    todo, states = iter(range(num_lanes)), _jax_states()
    lock = threading.Lock()

    def worker(number):
        try:
            with contextlib.ExitStack() as stack:
                for state in states:
                    stack.enter_context(state())
                while True:
                    with lock:
                        index = next(todo, None)
                    if index is None:
                        return results.put(None)
                    for done in run(index, number):
                        results.put(done)
                        if is_stopping.is_set():
                            return None
        except BaseException as error:  # is raised where the results are taken
            results.put(error)

    threads = [
        threading.Thread(target=worker, args=(number,), name=f"{NAME} {number}", daemon=True)
        for number in range(num_workers)
    ]
    try:
        for thread in threads:
            thread.start()
        for _ in threads:
            while (done := results.get()) is not None:
                if isinstance(done, BaseException):
                    raise done
                yield done
    finally:
        is_stopping.set()
        for thread in threads:
            thread.join()


def _jax_states() -> list[Callable[[], Any]]:
    """Those settings of JAX that a `with` may have changed for this thread alone."""
    config: Any = jax.config
    return [
        functools.partial(jax.enable_x64, config.jax_enable_x64),
        functools.partial(jax.default_matmul_precision, config.jax_default_matmul_precision),
        functools.partial(jax.numpy_dtype_promotion, config.jax_numpy_dtype_promotion),
        functools.partial(jax.numpy_rank_promotion, config.jax_numpy_rank_promotion),
        functools.partial(jax.debug_nans, config.jax_debug_nans),
        functools.partial(jax.disable_jit, config.jax_disable_jit),
    ]
