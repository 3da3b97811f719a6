"""W1: one Dense network on MNIST, as each library's users write it.

Each candidate is a function of the data folder and the number of epochs. It answers with a run that
trains from new params and gives the last validation accuracy.
"""

import itertools
import os
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

from experiments.benchmarks.workload import Candidate, Goal, Workload

LEARNING_RATE, BATCH_SIZE, WIDTHS = 0.01, 64, (784, 128, 64, 10)
Run = Callable[[], dict[str, Any]]


def write_data(folder: pathlib.Path) -> None:
    """MNIST's training images, of which the last fifth validates, as in the slides' Keras lab."""
    from jaxnn import data

    x, y = data.load("mnist").train
    cut = len(x) * 4 // 5
    arrays = {"x": x[:cut], "y": y[:cut], "x_test": x[cut:], "y_test": y[cut:]}
    for name, array in arrays.items():
        np.save(folder / f"mnist_{name}.npy", array)


def jaxnn(folder: pathlib.Path, epochs: int) -> Run:
    from jaxnn import data, layers, losses, optimizers, train

    x, y, x_test, y_test = _arrays(folder)
    dataset = data.from_arrays(x, y, x_test, y_test, name="mnist", scale=255)

    def mlp(learning_rate, epochs):
        hidden = [layer for width in WIDTHS[1:-1] for layer in (layers.dense(width), layers.relu)]
        return train.Run(
            model=layers.serial(layers.flatten, *hidden, layers.dense(WIDTHS[-1])),
            loss=losses.softmax_cross_entropy,
            optimizer=optimizers.gradient_descent(learning_rate),
            epochs=epochs,
            batch_size=BATCH_SIZE,
        )

    def run():
        result = train.fit(mlp, dataset, learning_rate=LEARNING_RATE, epochs=epochs)
        return {"units": epochs, "accuracy": float(result.history.test_accuracy[-1])}

    return run


def plain_jax(folder: pathlib.Path, epochs: int) -> Run:
    import jax
    import jax.numpy as jnp

    arrays = [jnp.asarray(array.reshape(len(array), -1).squeeze()) for array in _arrays(folder)]

    def init(key):
        keys = jax.random.split(key, len(WIDTHS) - 1)
        draw = jax.nn.initializers.glorot_uniform()
        pairs = itertools.pairwise(WIDTHS)
        return [
            (draw(key, pair), jnp.zeros(pair[1])) for key, pair in zip(keys, pairs, strict=True)
        ]

    def forward(params, x):
        x = x.astype(jnp.float32) / 255
        for kernel, bias in params[:-1]:
            x = jax.nn.relu(x @ kernel + bias)
        kernel, bias = params[-1]
        return x @ kernel + bias

    def loss_fn(params, x, y):
        log_probabilities = jax.nn.log_softmax(forward(params, x))
        return -jnp.take_along_axis(log_probabilities, y[:, None], axis=1).mean()

    @jax.jit
    def train(key, orders, x, y, x_test, y_test):
        def step(params, rows):
            loss, grads = jax.value_and_grad(loss_fn)(params, x[rows], y[rows])
            return jax.tree.map(lambda p, g: p - LEARNING_RATE * g, params, grads), loss

        def epoch(params, order):
            params, losses = jax.lax.scan(step, params, order)
            accuracy = (forward(params, x_test).argmax(axis=-1) == y_test).mean()
            return params, (losses.mean(), accuracy)

        return jax.lax.scan(epoch, init(key), orders)

    def run():
        rng, n = np.random.default_rng(0), len(arrays[0])
        orders = np.array([rng.permutation(n) for _ in range(epochs)], np.int32)
        orders = orders.reshape(epochs, n // BATCH_SIZE, BATCH_SIZE)
        _, (_, accuracies) = jax.block_until_ready(train(jax.random.key(0), orders, *arrays))
        return {"units": epochs, "accuracy": float(accuracies[-1])}

    return run


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
    x, y, *test = _floats(folder)
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

    x, y, *test = _floats(folder)
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

    x, y, x_test, y_test = map(torch.from_numpy, _floats(folder))
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

    x, y, x_test, y_test = _floats(folder)
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

    x, y, x_test, y_test = _floats(folder)

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


def matrix_products(folder: pathlib.Path, epochs: int) -> Run:
    """The limit: the eight products of every step, and the three of the validation, alone."""
    x, _, x_test, _ = _floats(folder)
    rng = np.random.default_rng(0)
    pairs = list(itertools.pairwise(WIDTHS))
    kernels = [rng.normal(0, 0.05, pair).astype(np.float32) for pair in pairs]
    dkernels = [np.empty_like(kernel) for kernel in kernels]

    def buffers(rows):
        return [rng.random((rows, width), np.float32) for width in WIDTHS[1:]]

    values, cotangents, test_values = buffers(BATCH_SIZE), buffers(BATCH_SIZE), buffers(len(x_test))

    def forward(x, values):
        for kernel, value in zip(kernels, values, strict=True):
            x = np.matmul(x, kernel, out=value)

    def run():
        for _ in range(epochs):
            for start in range(0, len(x) - BATCH_SIZE + 1, BATCH_SIZE):
                batch = x[start : start + BATCH_SIZE]
                forward(batch, values)
                for i in reversed(range(len(kernels))):
                    np.matmul((values[i - 1] if i else batch).T, cotangents[i], out=dkernels[i])
                    if i:
                        np.matmul(cotangents[i], kernels[i].T, out=cotangents[i - 1])
            forward(x_test, test_values)
        return {"units": epochs}

    return run


def _arrays(folder: pathlib.Path) -> list[np.ndarray]:
    return [np.load(folder / f"mnist_{name}.npy") for name in ("x", "y", "x_test", "y_test")]


def _floats(folder: pathlib.Path) -> list[np.ndarray]:
    """Flat images in [0, 1], and labels of int64, which PyTorch needs."""
    x, y, x_test, y_test = _arrays(folder)
    flat = [images.reshape(len(images), -1) / np.float32(255) for images in (x, x_test)]
    return [flat[0], y.astype(np.int64), flat[1], y_test.astype(np.int64)]


def _batches(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.permutation(n)[: n // BATCH_SIZE * BATCH_SIZE].reshape(-1, BATCH_SIZE)


SET_UP = (
    "784-128-64-10, ReLU, softmax cross entropy, plain gradient descent 0.01, batches of 64, 48,000"
    " training and 12,000 validation images of MNIST, shuffled and validated in every epoch."
)
WORKLOADS = (
    Workload(
        name="W1",
        title="One Dense network on MNIST, in a process that has compiled",
        about=SET_UP + " Every turn trains from new params.",
        unit="s per epoch",
        candidates={
            "jaxnn": Candidate("jaxnn, `train.fit`", jaxnn),
            "plain_jax": Candidate("plain JAX, a script of the same form", plain_jax,
                                   goal=Goal(1.05)),
            "flax_linen": Candidate("Flax linen and Optax, step loop", flax_linen, goal=Goal(0.65)),
            "flax_nnx": Candidate("Flax NNX and Optax, step loop", flax_nnx),
            "torch": Candidate("PyTorch eager, tensors in memory", torch_eager, "torch",
                               goal=Goal(0.42)),
            "keras": Candidate("Keras on TensorFlow, `fit`", keras_fit, "tensorflow",
                               goal=Goal(0.20)),
            "scikit_learn": Candidate("scikit-learn, `MLPClassifier`", scikit_learn,
                                      "scikit-learn", goal=Goal(0.55)),
            "products": Candidate("the limit: the matrix products alone, NumPy", matrix_products,
                                  "scikit-learn", goal=Goal(1.3)),
        },
        write_data=write_data,
        settings={"epochs": 5},
        quick={"epochs": 1},
    ),
    Workload(
        name="W1-process",
        title="The same as a whole process of 30 epochs",
        about="Start of Python, imports, data from disk, compiling and 30 epochs of W1.",
        unit="s per process",
        candidates={
            "jaxnn": Candidate("jaxnn, `train.fit`", jaxnn),
            "flax_linen": Candidate("Flax linen and Optax, step loop", flax_linen, goal=Goal(0.60)),
        },
        write_data=write_data,
        settings={"epochs": 30},
        quick={"epochs": 2},
        fresh=True,
    ),
)  # fmt: skip
