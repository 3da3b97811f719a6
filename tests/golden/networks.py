"""Three small networks, what is known of a run of theirs, and the files that keep it.

`python -m tests.golden.networks` writes the files anew, where a change of the numbers is meant: say
why in CHANGELOG.md. Their tests are in tests/test_golden.py.
"""

import importlib.metadata
import json
import pathlib
import platform
import shutil

import jax
import numpy as np
import optax

from jaxnn import data, layers, losses, models, train
from jaxnn.train.lanes import layout
from jaxnn.train.program import samples
from jaxnn.train.saving import durable

FOLDER = pathlib.Path(__file__).parent
ARRAYS, VERSIONS = FOLDER / "runs.npz", FOLDER / "versions.json"
CHECKPOINT = FOLDER / "checkpoint"  # of `mlp`, which was stopped on its way
SEED, EPOCHS, BATCH_SIZE = 7, 5, 4  # of 8 examples: ten steps
RATES = [0.0, 0.1]  # at 0 the params stay as they were drawn
IN_SHAPE = (8, 8, 1)

MODELS = {  # as `models.save` is told
    "mlp": {"model": "mlp", "classes": 3, "hidden": (5,), "dropout": 0.5},
    "cnn": {
        "model": layers.serial(
            layers.conv2d(2, 3), layers.relu, layers.batch_norm(), layers.max_pool2d(2),
            layers.flatten, layers.dense(3),
        )
    },
    "lstm": {"model": "lstm_classifier", "classes": 3, "units": 4},
}  # fmt: skip


def mlp(learning_rate):
    return _run(models.mlp(3, hidden=(5,), dropout=0.5), learning_rate)


def cnn(learning_rate):
    return _run(MODELS["cnn"]["model"], learning_rate)


def lstm(learning_rate):
    return _run(models.lstm_classifier(3, units=4), learning_rate)


SETUPS = {"mlp": mlp, "cnn": cnn, "lstm": lstm}


def _run(model, learning_rate):
    return train.Run(
        model=model, loss=losses.softmax_cross_entropy, optimizer=optax.sgd(learning_rate, 0.9),
        epochs=EPOCHS, batch_size=BATCH_SIZE,
    )  # fmt: skip


def file_of(name):
    return FOLDER / f"{name}.safetensors"


def order():
    """Of the examples, epoch by epoch."""
    return np.stack([samples.order_of_examples(SEED, epoch, 8) for epoch in range(EPOCHS)])


def run(name, arrays, rates=RATES, **settings):
    """(losses of the epochs at the last rate, params, state); those with an axis of rates."""
    dataset = data.from_arrays(arrays["x"], arrays["y"])
    history, params, state = train.sweep(
        SETUPS[name], dataset, learning_rate=rates, seed=SEED,
        return_params=True, return_state=True, **settings,
    )  # fmt: skip
    return history.train_loss.values[-1], params, state


def named(tree, row):
    """The leaves of one of the rates, by their place in the tree."""
    leaves = jax.tree.leaves_with_path(tree)
    return {jax.tree_util.keystr(path): np.asarray(leaf)[row] for path, leaf in leaves}


def versions():
    names = ("jax", "jaxlib", "numpy", "optax", "orbax-checkpoint", "safetensors")
    found = {name: importlib.metadata.version(name) for name in names}
    return {"python": platform.python_version(), **found}


def write():
    """Writes all files."""
    rng = np.random.default_rng(0)
    arrays = {
        "x": rng.normal(size=(8, *IN_SHAPE)).astype(np.float32),
        "y": rng.integers(0, 3, 8).astype(np.int32),
        "order": order(),
    }
    for name in SETUPS:
        by_epoch, params, state = run(name, arrays)
        arrays[f"{name} losses"] = by_epoch
        arrays |= {f"{name} initial {path}": leaf for path, leaf in named(params, 0).items()}
        arrays |= {f"{name} trained {path}": leaf for path, leaf in named(params, 1).items()}
        last = jax.tree.map(lambda leaf: leaf[1], (params, state))
        models.save(file_of(name), *last, in_shape=IN_SHAPE, **MODELS[name])
    np.savez_compressed(ARRAYS, **arrays)
    VERSIONS.write_text(json.dumps(versions(), indent=1) + "\n", "utf-8")
    _write_checkpoint(arrays)


def _write_checkpoint(arrays):
    """As one that other versions wrote, which may trace another program for the same run."""

    class StoppedError(Exception):
        pass

    def stop(_):
        raise StoppedError

    shutil.rmtree(CHECKPOINT, ignore_errors=True)
    layout.MIN_CHUNK_SECONDS = 0.0  # an epoch at a time
    try:
        run("mlp", arrays, RATES[1:], checkpoint_dir=CHECKPOINT, on_chunk=stop)
    except StoppedError:
        next(CHECKPOINT.glob("*/lock")).unlink()  # it names the machine
        identity = CHECKPOINT / "identity.json"
        content = durable.unseal(identity)
        content["versions"]["python"] += ", of the golden files"
        durable.write(identity, durable.seal(content))


if __name__ == "__main__":
    from tests.golden import networks  # a set-up is known by the name of its module

    networks.write()
