"""W3 as the users of other libraries write it, and what all its candidates share.

Each candidate is a function of the data folder and the number of steps. It answers with a run that
trains from new params, step after step, and gives the accuracy over the batches of training.
"""

import os
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

LEARNING_RATE, BATCH_SIZE, DROPPED, CLASSES = 0.001, 64, 0.4, 10
BLOCKS, HIDDEN, KERNEL = ((32, 32), (64, 64)), 128, (3, 3)  # features of the convolutions, by block
MOMENTUM, EPSILON = 0.99, 1e-3  # of batch norm: Keras' defaults
Run = Callable[[], dict[str, Any]]


def flax_linen(folder: pathlib.Path, steps: int) -> Run:
    import flax.linen as nn
    import jax
    import optax

    class Network(nn.Module):
        @nn.compact
        def __call__(self, x, train):
            for block in BLOCKS:
                for features in block:
                    x = nn.relu(nn.Conv(features, KERNEL)(x))
                    x = nn.BatchNorm(not train, momentum=MOMENTUM, epsilon=EPSILON)(x)
                x = nn.max_pool(x, (2, 2), strides=(2, 2))
                x = nn.Dropout(DROPPED, deterministic=not train)(x)
            x = nn.relu(nn.Dense(HIDDEN)(x.reshape(len(x), -1)))
            return nn.Dense(CLASSES)(x)

    model, tx = Network(), optax.adam(LEARNING_RATE)
    x, y = floats(folder)

    def loss_fn(params, batch_stats, x, y, key):
        logits, updated = model.apply(
            {"params": params, "batch_stats": batch_stats}, x, True,
            rngs={"dropout": key}, mutable=["batch_stats"],
        )  # fmt: skip
        loss = optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()
        return loss, (updated["batch_stats"], (logits.argmax(axis=-1) == y).mean())

    @jax.jit
    def train_step(params, batch_stats, opt_state, x, y, key):
        gradient = jax.value_and_grad(loss_fn, has_aux=True)
        (_, (batch_stats, accuracy)), grads = gradient(params, batch_stats, x, y, key)
        updates, opt_state = tx.update(grads, opt_state, params)
        return optax.apply_updates(params, updates), batch_stats, opt_state, accuracy

    def run():
        init_key, dropout_key = jax.random.split(jax.random.key(0))
        variables = model.init(init_key, x[:1], False)
        params, batch_stats = variables["params"], variables["batch_stats"]
        opt_state = tx.init(params)
        accuracies: list[Any] = []
        for step, rows in enumerate(batches(steps)):
            key = jax.random.fold_in(dropout_key, step)
            params, batch_stats, opt_state, accuracy = train_step(
                params, batch_stats, opt_state, x[rows], y[rows], key
            )
            accuracies.append(accuracy)
        return answer(steps, np.mean(jax.device_get(accuracies)))

    return run


def flax_nnx(folder: pathlib.Path, steps: int) -> Run:
    import jax
    import optax
    from flax import nnx

    class Network(nnx.Module):
        def __init__(self, rngs):
            convolutions: list[Any] = []
            norms: list[Any] = []
            channels = 1
            for features in [features for block in BLOCKS for features in block]:
                convolutions.append(nnx.Conv(channels, features, KERNEL, rngs=rngs))
                norms.append(nnx.BatchNorm(features, momentum=MOMENTUM, epsilon=EPSILON, rngs=rngs))
                channels = features
            self.convolutions, self.norms = nnx.List(convolutions), nnx.List(norms)
            self.dropout = nnx.Dropout(DROPPED, rngs=rngs)
            self.hidden = nnx.Linear(7 * 7 * channels, HIDDEN, rngs=rngs)
            self.read_out = nnx.Linear(HIDDEN, CLASSES, rngs=rngs)

        def __call__(self, x):
            layers = zip(self.convolutions, self.norms, strict=True)
            for block in BLOCKS:
                for _, (convolution, norm) in zip(block, layers, strict=False):
                    x = norm(nnx.relu(convolution(x)))
                x = self.dropout(nnx.max_pool(x, (2, 2), strides=(2, 2)))
            return self.read_out(nnx.relu(self.hidden(x.reshape(len(x), -1))))

    x, y = floats(folder)

    def loss_fn(model, x, y):
        logits = model(x)
        loss = optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()
        return loss, (logits.argmax(axis=-1) == y).mean()

    @nnx.jit
    def train_step(model, optimizer, x, y):
        (_, accuracy), grads = nnx.value_and_grad(loss_fn, has_aux=True)(model, x, y)
        optimizer.update(model, grads)
        return accuracy

    def run():
        model = Network(nnx.Rngs(0))
        model.train()
        optimizer = nnx.Optimizer(model, optax.adam(LEARNING_RATE), wrt=nnx.Param)
        step = nnx.cached_partial(train_step, model, optimizer)  # spares a walk over the modules
        accuracies = [step(x[rows], y[rows]) for rows in batches(steps)]
        return answer(steps, np.mean(jax.device_get(accuracies)))

    return run


def torch_eager(folder: pathlib.Path, steps: int, channels_last: bool, compiled: bool) -> Run:
    import torch
    from torch import nn

    form = torch.channels_last if channels_last else torch.contiguous_format
    images, labels = map(torch.from_numpy, floats(folder))
    x, y = images.movedim(-1, 1).contiguous(memory_format=form), labels
    loss_fn = nn.CrossEntropyLoss()

    def network():
        layers: list[Any] = []
        channels = 1
        for block in BLOCKS:
            for features in block:
                layers += [
                    nn.Conv2d(channels, features, KERNEL, padding="same"),
                    nn.ReLU(),
                    nn.BatchNorm2d(features, eps=EPSILON, momentum=1 - MOMENTUM),
                ]
                channels = features
            layers += [nn.MaxPool2d(2), nn.Dropout(DROPPED)]
        dense = [nn.Linear(7 * 7 * channels, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, CLASSES)]
        return nn.Sequential(*layers, nn.Flatten(), *dense).to(memory_format=form)

    torch.manual_seed(0)
    model = network()
    start = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    called = torch.compile(model) if compiled else model

    def run():
        torch.manual_seed(0)
        model.load_state_dict(start)
        optimizer, right = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE), 0
        for rows in batches(steps):
            optimizer.zero_grad()
            logits = called(x[rows])
            loss_fn(logits, y[rows]).backward()
            optimizer.step()
            right += (logits.argmax(dim=-1) == y[rows]).sum()
        return answer(steps, float(right) / (steps * BATCH_SIZE))

    return run


def keras_fit(folder: pathlib.Path, steps: int) -> Run:
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras

    layers = keras.layers
    x, y = (array[: steps * BATCH_SIZE] for array in floats(folder))
    model = keras.Sequential([keras.Input((28, 28, 1))])
    for block in BLOCKS:
        for features in block:
            model.add(layers.Conv2D(features, KERNEL, padding="same", activation="relu"))
            model.add(layers.BatchNormalization())
        model.add(layers.MaxPool2D())
        model.add(layers.Dropout(DROPPED))
    model.add(layers.Flatten())
    model.add(layers.Dense(HIDDEN, activation="relu"))
    model.add(layers.Dense(CLASSES))
    model.compile(
        optimizer=keras.optimizers.Adam(LEARNING_RATE),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    start = model.get_weights()

    def run():
        model.set_weights(start)
        history = model.fit(x, y, batch_size=BATCH_SIZE, epochs=1, verbose=0)
        return answer(steps, history.history["accuracy"][-1])

    return run


def arrays(folder: pathlib.Path) -> list[np.ndarray]:
    return [np.load(folder / f"mnist_{name}.npy") for name in ("x", "y")]


def floats(folder: pathlib.Path) -> list[np.ndarray]:
    """Images in [0, 1], and labels of int64, which PyTorch needs."""
    x, y = arrays(folder)
    return [x / np.float32(255), y.astype(np.int64)]


def batches(steps: int) -> np.ndarray:
    """The rows of each step: a shuffle of the first images."""
    return np.random.default_rng(0).permutation(steps * BATCH_SIZE).reshape(steps, BATCH_SIZE)


def answer(steps: int, accuracy: float) -> dict[str, Any]:
    """Seconds per 1,000 steps are milliseconds per step."""
    return {"units": steps / 1000, "accuracy": float(accuracy)}
