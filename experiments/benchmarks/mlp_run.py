"""W1: one Dense network on MNIST, as each library's users write it.

Here: ours, the plain-JAX script beside it, and the limit; the others are in `mlp_peers`.
"""

import itertools
import pathlib

import numpy as np

from experiments.benchmarks import mlp_peers
from experiments.benchmarks.mlp_peers import (
    BATCH_SIZE,
    LEARNING_RATE,
    WIDTHS,
    Run,
    arrays,
    floats,
)
from experiments.benchmarks.workload import Candidate, Goal, Workload


def write_data(folder: pathlib.Path) -> None:
    """MNIST's training images, of which the last fifth validates, as in the slides' Keras lab."""
    from jaxnn import data

    x, y = data.load("mnist").train
    cut = len(x) * 4 // 5
    named = {"x": x[:cut], "y": y[:cut], "x_test": x[cut:], "y_test": y[cut:]}
    for name, array in named.items():
        np.save(folder / f"mnist_{name}.npy", array)


def jaxnn(folder: pathlib.Path, epochs: int) -> Run:
    from jaxnn import data, layers, losses, optimizers, train

    x, y, x_test, y_test = arrays(folder)
    dataset = data.from_arrays(x, y, x_test, y_test, name="mnist", scale=255.0)

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

    flat = [array.reshape(len(array), -1).squeeze() for array in arrays(folder)]
    on_device = [jnp.asarray(array) for array in flat]

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
        rng, n = np.random.default_rng(0), len(flat[0])
        orders = np.array([rng.permutation(n) for _ in range(epochs)], np.int32)
        orders = orders.reshape(epochs, n // BATCH_SIZE, BATCH_SIZE)
        _, (_, accuracies) = jax.block_until_ready(train(jax.random.key(0), orders, *on_device))
        return {"units": epochs, "accuracy": float(accuracies[-1])}

    return run


def matrix_products(folder: pathlib.Path, epochs: int) -> Run:
    """The limit: the eight products of every step, and the three of the validation, alone."""
    x, _, x_test, _ = floats(folder)
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
            "flax_linen": Candidate("Flax linen and Optax, step loop", mlp_peers.flax_linen,
                                    goal=Goal(0.65)),
            "flax_nnx": Candidate("Flax NNX and Optax, step loop", mlp_peers.flax_nnx),
            "torch": Candidate("PyTorch eager, tensors in memory", mlp_peers.torch_eager, "torch",
                               goal=Goal(0.42)),
            "keras": Candidate("Keras on TensorFlow, `fit`", mlp_peers.keras_fit, "tensorflow",
                               goal=Goal(0.20)),
            "scikit_learn": Candidate("scikit-learn, `MLPClassifier`", mlp_peers.scikit_learn,
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
            "flax_linen": Candidate("Flax linen and Optax, step loop", mlp_peers.flax_linen,
                                    goal=Goal(0.60)),
        },
        write_data=write_data,
        settings={"epochs": 30},
        quick={"epochs": 2},
        fresh=True,
    ),
)  # fmt: skip
