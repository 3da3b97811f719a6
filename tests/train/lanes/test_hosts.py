"""Two processes share a sweep, and both answer with all of it; of a stream each reads a part."""

import pathlib
import socket
import subprocess
import sys

import jax
import numpy as np
import pytest

from jaxnn import data, layers, losses, optimizers, train
from jaxnn.train.lanes.hosts import Hosts
from jaxnn.train.setup.axes import DataSettings, Lane
from tests.train.program.test_streaming import spread

ROOT = pathlib.Path(__file__).parents[3]
PROCESS = """
import pathlib, sys
import jax
address, index, folder = sys.argv[1:]
jax.distributed.initialize(address, 2, int(index))
from tests.train.lanes.test_hosts import answer
answer(pathlib.Path(folder), index)
"""


def setup(learning_rate, width=4, plain=False):
    between = () if plain else (layers.batch_norm(), layers.dropout(0.2))
    return train.Run(
        model=layers.serial(layers.dense(width), *between, layers.dense(3)),
        loss=losses.softmax_cross_entropy, optimizer=optimizers.momentum(learning_rate, 0.9),
        epochs=2, batch_size=10,
    )  # fmt: skip


def answer(folder, name):
    """What one of the processes does, saved under its name."""
    trained(folder, name)
    spread(folder / f"stream_{name}.npz")


def trained(folder, name):
    """Three sweeps and a run."""
    rng = np.random.default_rng(0)
    labels = np.arange(60, dtype=np.int32) % 3
    points = rng.normal(size=(60, 2)).astype(np.float32) + labels[:, None].astype(np.float32)
    dataset = data.from_arrays(points[:40], labels[:40], points[40:], labels[40:])
    rates = [0.01, 0.02, 1e30]
    history, params = train.sweep(
        setup, dataset, learning_rate=rates, seed=range(3), return_params=True,
        checkpoint_dir=folder / "sweep",
    )  # fmt: skip
    again = train.sweep(
        setup, dataset, learning_rate=rates, seed=range(3), checkpoint_dir=folder / "sweep"
    )
    structures = train.sweep(setup, dataset, learning_rate=0.01, width=[4, 5], plain=True)
    spread = train.fit(setup, dataset, learning_rate=0.01, plain=True, lanes="data")
    arrays = {
        "loss": history.test_loss.values,
        "again": again.test_loss.values,
        "bad_step": history.first_bad_step.values,
        "bad_loss": history.first_bad_loss.values,
        "bad_leaf": history.first_bad_leaf.values,
        "kernel": params[0]["kernel"],
        "structures": structures.test_loss.values,
        "spread": spread.history.test_loss.values,
    }
    np.savez(folder / f"{name}.npz", **arrays)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What two processes answered together, and meanwhile this one alone."""
    alone, together = (tmp_path_factory.mktemp(name) for name in ("alone", "together"))
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, address, index, str(together)],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for index in "01"
    ]  # fmt: skip
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        answer(alone, "alone")
    for process in processes:
        output, _ = process.communicate(timeout=250)
        assert process.returncode == 0, output
    for path in alone.glob("*.npz"):
        path.rename(together / path.name)
    return together


def test_two_processes_give_the_bits_of_one(folder):
    alone = np.load(folder / "alone.npz")
    for index in "01":
        shared = np.load(folder / f"{index}.npz")
        for name in alone:
            tolerance = 1e-5 if name == "spread" else 0
            assert shared[name].dtype == alone[name].dtype
            np.testing.assert_allclose(
                shared[name], alone[name], rtol=tolerance, err_msg=f"{name}, process {index}"
            )
    assert {path.name for path in (folder / "sweep").glob("process_*")} == {
        "process_0", "process_1",
    }  # fmt: skip


def test_each_of_two_processes_fetches_its_part_of_every_batch(folder):
    alone, *parts = (np.load(folder / f"stream_{name}.npz") for name in ("alone", "0", "1"))
    for part in parts:
        np.testing.assert_allclose(part["loss"], alone["loss"], rtol=1e-5)
        assert 2 * len(part["rows"]) == len(alone["rows"])
    both = np.concatenate([part["rows"] for part in parts])
    np.testing.assert_array_equal(np.sort(both), np.sort(alone["rows"]))


@pytest.mark.quick
@pytest.mark.parametrize("count", [2, 3])
def test_every_lane_is_run_by_one_process(count):
    lanes = [Lane(n, (n,), (), {}, DataSettings()) for n in range(7)]
    shares = [Hosts(index, count, (7,)).own(lanes) for index in range(count)]
    assert sorted(lane.number for share in shares for lane in share) == list(range(7))
