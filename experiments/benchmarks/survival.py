"""Does a sweep that is killed again and again end with the bits of the undisturbed one?

    python -m experiments.survival [--kills 200] [--seed 0] [--out reports/survival]

A small sweep over digits, with momentum and dropout, runs in a process of its own, which gets a
SIGKILL at a random moment, about every second time while it saves, and is started again, with one
worker or two, until it ends. Then all losses, metrics and params are held against the undisturbed
run, bit by bit, and the next run begins, until there were that many kills. 200 kills take about
half an hour on two cores.
"""

import argparse
import collections
import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
import numpy as np
import optax

from experiments.record import results
from jaxnn import data, layers, losses, train
from jaxnn.train.saving.part import TEMPORARY, SavedPart, number_of

LANES: dict[str, Any] = {"learning_rate": [0.03, 0.1], "dropout": 0.2, "seed": [0, 1]}
EPOCHS = 1500  # enough for a dozen saves
WORKERS = (1, 2)
STARTING = 0.1  # the share of kills that may hit the start, before the checkpoints are opened
MOST_SAVES = 3  # that a start completes before it is killed
WHILE_SAVING = 0.5  # the share of the other kills that wait for a save
LINGER = 0.02  # seconds between the first sight of a save and the kill, at most


class SurvivalError(RuntimeError):
    """The sweep ended by a fault of its own."""


@dataclasses.dataclass
class Tally:
    """What happened.

    Attributes:
      while_saving: kills that left a checkpoint half written or half deleted.
      resumed_at: the completed epochs of the slowest lane -> how many starts found them.
      runs: that ended, and were compared.
      differences: the arrays that were not the same, by run.
    """

    kills: int = 0
    while_saving: int = 0
    resumed_at: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    runs: int = 0
    arrays: int = 0
    differences: list[str] = dataclasses.field(default_factory=list)


def setup(learning_rate, dropout, epochs):
    return train.Run(
        model=layers.serial(
            layers.flatten,
            layers.dense(32),
            layers.relu,
            layers.dropout(dropout),
            layers.dense(10),
        ),
        loss=losses.softmax_cross_entropy,
        optimizer=optax.sgd(learning_rate, momentum=0.9),
        epochs=epochs,
        batch_size=32,
    )


def sweep(folder: pathlib.Path, epochs: int, workers: int) -> None:
    """Runs the sweep with its checkpoints in a folder, and writes its arrays there."""
    history, params = train.sweep(
        setup, data.load("digits"), epochs=epochs, **LANES,
        return_params=True, checkpoint_dir=folder / "checkpoints", num_devices=workers,
    )  # fmt: skip
    arrays = {str(name): values.values for name, values in history.items()}
    arrays |= {f"params{jax.tree_util.keystr(path)}": leaf
               for path, leaf in jax.tree.leaves_with_path(params)}  # fmt: skip
    unfinished = folder / "unfinished.npz"
    np.savez(unfinished, **arrays)
    unfinished.rename(folder / "result.npz")


def survive(command: Sequence[str], folder: pathlib.Path, kills: int, seed: int) -> Tally:
    """Runs a command undisturbed, and then again and again with kills.

    Args:
      command: gets `--workers N --run-in FOLDER` appended, and leaves FOLDER/result.npz.
      folder: for the runs, empty.
      kills: how many there are to be.
      seed: of the moments.

    Raises:
      SurvivalError: the command fails without being killed.
    """
    rng, tally = np.random.default_rng(seed), Tally()
    undisturbed = _start(command, folder / "undisturbed", WORKERS[-1])
    started = time.perf_counter()
    _wait(undisturbed, lambda: _is_open(undisturbed, folder / "undisturbed"))
    opened = time.perf_counter()
    _finish(undisturbed, folder / "undisturbed")
    to_start, to_run = opened - started, time.perf_counter() - opened
    expected = _load(folder / "undisturbed")
    lanes = _epochs_by_lane(folder / "undisturbed").keys()
    while tally.kills < kills:
        run = folder / f"run_{tally.runs}"
        while True:
            process = _start(command, run, int(rng.choice(WORKERS)))
            if tally.kills == kills or not _kill(process, run, rng, to_start, to_run):
                break
            tally.kills += 1
            tally.while_saving += any(_half_saved(run))
            reached = _epochs_by_lane(run)
            tally.resumed_at[min(reached.get(lane, 0) for lane in lanes)] += 1
            print(f"\r{tally.kills} kills, {tally.runs} runs", end="", flush=True)
        _finish(process, run)
        found = _load(run)
        tally.arrays += len(found)
        tally.differences += [f"{run.name}: {name}" for name in _differing(found, expected)]
        tally.runs += 1
    print()
    return tally


def _start(command: Sequence[str], folder: pathlib.Path, workers: int) -> subprocess.Popen:
    folder.mkdir(exist_ok=True)
    compiled = {
        "JAX_COMPILATION_CACHE_DIR": str(folder.parent / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    return subprocess.Popen(
        [*command, "--workers", str(workers), "--run-in", str(folder)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ | compiled,
    )  # fmt: skip


def _kill(
    process: subprocess.Popen, folder: pathlib.Path, rng: Any, to_start: float, to_run: float
) -> bool:
    """Kills at a random moment, or some time into a save; False where it has ended before."""
    if rng.random() < STARTING:
        time.sleep(rng.uniform(0, to_start))
    else:
        saves = _newest(folder) + rng.integers(MOST_SAVES + 1)
        _wait(process, lambda: _is_open(process, folder) and _newest(folder) >= saves)
        if rng.random() < WHILE_SAVING:
            _wait(process, lambda: any(_half_saved(folder)))
            time.sleep(rng.uniform(0, LINGER))
        else:
            time.sleep(rng.uniform(0, to_run / 10))
    if process.poll() is not None:
        return False
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return process.returncode == -signal.SIGKILL


def _wait(process: subprocess.Popen, is_true: Callable[[], bool]) -> None:
    while process.poll() is None and not is_true():
        time.sleep(0.0005)


def _is_open(process: subprocess.Popen, folder: pathlib.Path) -> bool:
    lock = folder / "checkpoints" / "process_0" / "lock"
    return lock.exists() and f" {process.pid} " in lock.read_text()


def _newest(folder: pathlib.Path) -> int:
    parts = folder.glob("checkpoints/process_0/part_*")
    return max((number_of(part) for part in parts), default=-1)


def _finish(process: subprocess.Popen, folder: pathlib.Path) -> None:
    said, _ = process.communicate()
    if process.returncode or not (folder / "result.npz").exists():
        raise SurvivalError(f"the sweep in {folder} ended with {process.returncode}:\n{said}")


def _half_saved(folder: pathlib.Path) -> Iterable[pathlib.Path]:
    return folder.glob(f"checkpoints/process_*/{TEMPORARY}*")


def _epochs_by_lane(folder: pathlib.Path) -> dict[int, int]:
    reached: dict[int, int] = {}
    for path in folder.glob("checkpoints/process_*/part_*"):
        saved = SavedPart.find(path)
        for lane in saved.lanes:
            reached[lane] = max(reached.get(lane, 0), saved.epochs)
    return reached


def _load(folder: pathlib.Path) -> dict[str, np.ndarray]:
    with np.load(folder / "result.npz") as arrays:
        return dict(arrays)


def _differing(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> list[str]:
    def bits(arrays, name):
        array = arrays.get(name)
        return None if array is None else (array.dtype, array.shape, array.tobytes())

    return [n for n in sorted(found | expected) if bits(found, n) != bits(expected, n)]


def _summary(tally: Tally, seed: int) -> dict[str, Any]:
    return {
        **dataclasses.asdict(tally),
        "resumed_at": {str(epoch): tally.resumed_at[epoch] for epoch in sorted(tally.resumed_at)},
        "seed": seed,
        "platform": results.platform_of_run(),
        "versions": results.versions(),
    }


def _page(summary: dict[str, Any]) -> str:
    same = "not one bit differs" if not summary["differences"] else "NOT ALL ARE THE SAME"
    rows = [
        ("kills by SIGKILL", summary["kills"]),
        ("of these, while a checkpoint was written", summary["while_saving"]),
        ("starts that found a saved state", _resumed(summary)),
        ("runs that ended and were compared", summary["runs"]),
        ("arrays compared", summary["arrays"]),
        ("arrays that differ", len(summary["differences"])),
    ]
    table = "\n".join(f"| {name} | {number} |" for name, number in rows)
    return f"# Survival: {same}\n\n{__doc__}\n| | |\n| --- | ---: |\n{table}\n"


def _resumed(summary: dict[str, Any]) -> int:
    return sum(count for epoch, count in summary["resumed_at"].items() if epoch != "0")


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 the same bits, 1 not, 2 wrong usage."""
    parser = argparse.ArgumentParser(
        "python -m experiments.survival",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--kills", type=int, default=200, help="default 200")
    parser.add_argument("--seed", type=int, default=0, help="of the moments, default 0")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help=f"default {EPOCHS}")
    parser.add_argument("--out", type=pathlib.Path, default=results.ROOT / "reports" / "survival")
    parser.add_argument("--run-in", type=pathlib.Path, help=argparse.SUPPRESS)  # the sweep itself
    parser.add_argument("--workers", type=int, default=1, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if min(options.kills, options.epochs, options.workers) < 1 or options.seed < 0:
        parser.error("--kills and --epochs must be at least 1, --seed at least 0")
    if options.run_in:
        sweep(options.run_in, options.epochs, options.workers)
        return 0
    command = [sys.executable, "-m", "experiments.survival", "--epochs", str(options.epochs)]
    with tempfile.TemporaryDirectory() as folder:
        tally = survive(command, pathlib.Path(folder), options.kills, options.seed)
    summary = _summary(tally, options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    results.write(options.out / "survival.json", json.dumps(summary, indent=2) + "\n")
    results.write(options.out / "README.md", _page(summary))
    print(_page(summary))
    return 1 if tally.differences else 0


if __name__ == "__main__":
    sys.exit(main())
