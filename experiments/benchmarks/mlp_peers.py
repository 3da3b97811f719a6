"""W1 as the users of other libraries write it, and what all its candidates share.

Each candidate is a function of the data folder and the number of epochs. It answers with a run that
trains from new params and gives the last validation accuracy.
"""

import itertools
import os
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

LEARNING_RATE, BATCH_SIZE, WIDTHS = 0.01, 64, (784, 128, 64, 10)
Run = Callable[[], dict[str, Any]]


def flax_linen(folder: pathlib.Path, epochs: int) -> Run:
    import flax.linen as nn
    import jax
    import optax

    class Network(nn.Module):
        @nn.compact
        def __call__(self, x):
            for width in WIDTHS[1:-1]:
                x = nn.relu(nn.Dense(width)(x))
            return nn.Dense(WIDTHS[-1])(x)

    model, tx = Network(), optax.sgd(LEARNING_RATE)
    x, y, *test = floats(folder)
    x_test, y_test = map(jax.numpy.asarray, test)

    def loss_fn(params, x, y):
        logits = model.apply(params, x)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    @jax.jit
    def train_step(params, opt_state, x, y):
        loss, grads = jax.value_and_grad(loss_fn)(params, x, y)
        updates, opt_state = tx.update(grads, opt_state, params)
        return optax.apply_updates(params, updates), opt_state, loss

    @jax.jit
    def accuracy_of(params, x, y):
        return (model.apply(params, x).argmax(axis=-1) == y).mean()

    def run():
        params = model.init(jax.random.key(0), x[:1])
        opt_state, rng = tx.init(params), np.random.default_rng(0)
        for _ in range(epochs):
            for rows in _batches(rng, len(x)):
                params, opt_state, _ = train_step(params, opt_state, x[rows], y[rows])
            accuracy = float(accuracy_of(params, x_test, y_test))
        return {"units": epochs, "accuracy": accuracy}

    return run


def flax_nnx(folder: pathlib.Path, epochs: int) -> Run:
    import jax
    import optax
    from flax import nnx

    class Network(nnx.Module):
        def __init__(self, rngs):
            pairs = itertools.pairwise(WIDTHS)
            self.layers = nnx.List(nnx.Linear(*pair, rngs=rngs) for pair in pairs)

        def __call__(self, x):
            for layer in self.layers[:-1]:
                x = nnx.relu(layer(x))
            return self.layers[-1](x)

    x, y, *test = floats(folder)
    x_test, y_test = map(jax.numpy.asarray, test)

    def loss_fn(model, x, y):
        return optax.softmax_cross_entropy_with_integer_labels(model(x), y).mean()

    @nnx.jit
    def train_step(model, optimizer, x, y):
        loss, grads = nnx.value_and_grad(loss_fn)(model, x, y)
        optimizer.update(model, grads)
        return loss

    @nnx.jit
    def accuracy_of(model, x, y):
        return (model(x).argmax(axis=-1) == y).mean()

    def run():
        model, rng = Network(nnx.Rngs(0)), np.random.default_rng(0)
        optimizer = nnx.Optimizer(model, optax.sgd(LEARNING_RATE), wrt=nnx.Param)
        step = nnx.cached_partial(train_step, model, optimizer)  # spares a walk over the modules
        for _ in range(epochs):
            for rows in _batches(rng, len(x)):
                step(x[rows], y[rows])
            accuracy = float(accuracy_of(model, x_test, y_test))
        return {"units": epochs, "accuracy": accuracy}

    return run


def torch_eager(folder: pathlib.Path, epochs: int) -> Run:
    import torch
    from torch import nn

    x, y, x_test, y_test = map(torch.from_numpy, floats(folder))
    loss_fn = nn.CrossEntropyLoss()

    def run():
        torch.manual_seed(0)
        a, b, c, d = WIDTHS
        model = nn.Sequential(
            nn.Linear(a, b), nn.ReLU(), nn.Linear(b, c), nn.ReLU(), nn.Linear(c, d)
        )
        optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)
        for _ in range(epochs):
            for rows in torch.randperm(len(x)).split(BATCH_SIZE):
                optimizer.zero_grad()
                loss_fn(model(x[rows]), y[rows]).backward()
                optimizer.step()
            with torch.no_grad():
                accuracy = (model(x_test).argmax(dim=-1) == y_test).float().mean().item()
        return {"units": epochs, "accuracy": accuracy}

    return run


def keras_fit(folder: pathlib.Path, epochs: int) -> Run:
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras

    x, y, x_test, y_test = floats(folder)
    *hidden, outputs = WIDTHS[1:]
    model = keras.Sequential(
        [
            keras.Input(WIDTHS[:1]),
            *(keras.layers.Dense(width, activation="relu") for width in hidden),
            keras.layers.Dense(outputs),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.SGD(LEARNING_RATE),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    start = model.get_weights()

    def run():
        model.set_weights(start)
        history = model.fit(
            x, y, batch_size=BATCH_SIZE, epochs=epochs, validation_data=(x_test, y_test), verbose=0
        )
        return {"units": epochs, "accuracy": history.history["val_accuracy"][-1]}

    return run


def scikit_learn(folder: pathlib.Path, epochs: int) -> Run:
    from sklearn.neural_network import MLPClassifier

    x, y, x_test, y_test = floats(folder)

    def run():
        network = MLPClassifier(
            hidden_layer_sizes=WIDTHS[1:-1], solver="sgd", alpha=0.0, batch_size=BATCH_SIZE,
            learning_rate_init=LEARNING_RATE, momentum=0.0, random_state=0,
        )  # fmt: skip
        for _ in range(epochs):
            network.partial_fit(x, y, classes=np.arange(WIDTHS[-1]))
            accuracy = network.score(x_test, y_test)
        return {"units": epochs, "accuracy": float(accuracy)}

    return run


def arrays(folder: pathlib.Path) -> list[np.ndarray]:
    return [np.load(folder / f"mnist_{name}.npy") for name in ("x", "y", "x_test", "y_test")]


def floats(folder: pathlib.Path) -> list[np.ndarray]:
    """Flat images in [0, 1], and labels of int64, which PyTorch needs."""
    x, y, x_test, y_test = arrays(folder)
    flat = [images.reshape(len(images), -1) / np.float32(255) for images in (x, x_test)]
    return [flat[0], y.astype(np.int64), flat[1], y_test.astype(np.int64)]


def _batches(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.permutation(n)[: n // BATCH_SIZE * BATCH_SIZE].reshape(-1, BATCH_SIZE)
