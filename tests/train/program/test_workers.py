import threading
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn.train.program.workers import NAME, in_parallel

STEPS = 200


def are_at_work():
    return any(thread.name.startswith(NAME) for thread in threading.enumerate())


def test_each_lane_runs_once_and_what_a_lane_yields_comes_in_order():
    found = list(in_parallel(lambda lane, worker: ((lane, step) for step in range(3)), 2, 5))
    assert sorted(found) == [(lane, step) for lane in range(5) for step in range(3)]
    for lane in range(5):
        assert [step for one, step in found if one == lane] == [0, 1, 2]
    assert not are_at_work()


def test_two_lanes_are_on_their_way_at_the_same_time():
    meeting = threading.Barrier(2, timeout=60)  # breaks where one waits alone

    def run(lane, worker):
        meeting.wait()
        yield worker

    assert sorted(in_parallel(run, 2, 2)) == [0, 1]


def test_where_no_more_is_taken_the_workers_end_after_what_they_are_at():
    taken = []

    def run(lane, worker):
        for step in range(STEPS):
            taken.append((lane, step))
            yield step
            time.sleep(0.005)

    results = in_parallel(run, 2, 2)
    next(results)
    results.close()
    assert not are_at_work()
    assert len(taken) < STEPS  # of 2 * STEPS


def test_an_error_of_a_worker_is_raised_and_stops_the_others():
    taken = []

    def run(lane, worker):
        if lane == 1:
            raise KeyError("lane 1")
        for step in range(STEPS):
            taken.append(step)
            yield step
            time.sleep(0.005)

    with pytest.raises(KeyError, match="lane 1"):
        list(in_parallel(run, 2, 2))
    assert not are_at_work()
    assert len(taken) < STEPS


def test_workers_take_over_the_settings_of_jax_of_the_thread_that_asks():
    def run(lane, worker):
        yield jnp.asarray(np.ones(1)).dtype, jax.config.jax_default_matmul_precision

    with jax.enable_x64(True), jax.default_matmul_precision("highest"):
        assert list(in_parallel(run, 1, 1)) == [(np.float64, "highest")]
    assert list(in_parallel(run, 1, 1)) == [(np.float32, None)]
