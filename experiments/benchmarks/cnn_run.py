"""W3: the convolutional network of the slides on MNIST, as each library's users write it.

Here: ours, and the plain-JAX scripts beside it; the others are in `cnn_peers`.
"""

import pathlib
from typing import Any

import numpy as np

from experiments.benchmarks import cnn_peers
from experiments.benchmarks.cnn_peers import (
    BATCH_SIZE,
    BLOCKS,
    CLASSES,
    DROPPED,
    EPSILON,
    HIDDEN,
    KERNEL,
    LEARNING_RATE,
    MOMENTUM,
    Run,
    answer,
    arrays,
    batches,
)
from experiments.benchmarks.workload import Candidate, Goal, Workload


def write_data(folder: pathlib.Path) -> None:
    from jaxnn import data

    x, y = data.load("mnist").train
    np.save(folder / "mnist_x.npy", x)
    np.save(folder / "mnist_y.npy", y)


def jaxnn(folder: pathlib.Path, steps: int, gradient: str = "hand") -> Run:
    from jaxnn import data, losses, models, optimizers, train

    x, y = (array[: steps * BATCH_SIZE] for array in arrays(folder))
    dataset = data.from_arrays(x, y, name="mnist", scale=255.0)

    filters = [first for first, _ in BLOCKS]

    def cnn(learning_rate, gradient):
        return train.Run(
            model=models.conv_net(CLASSES, filters=filters, units=HIDDEN, dropout=DROPPED),
            loss=losses.softmax_cross_entropy,
            optimizer=optimizers.adam(learning_rate),
            epochs=1,
            batch_size=BATCH_SIZE,
            gradient=gradient,
        )

    def run():
        history = train.fit(cnn, dataset, learning_rate=LEARNING_RATE, gradient=gradient).history
        return answer(steps, history.train_accuracy[-1])

    return run


def plain_scan(folder: pathlib.Path, steps: int) -> Run:
    """All steps in one program."""
    import jax

    init, step = _plain()
    x, y = map(jax.numpy.asarray, arrays(folder))

    def train(key, order, x, y):
        init_key, dropout_key = jax.random.split(key)

        def one(carry, place):
            number, rows = place
            return step(carry, x[rows], y[rows], jax.random.fold_in(dropout_key, number))

        return jax.lax.scan(one, init(init_key), (np.arange(steps), order))[1]

    compiled = jax.jit(train, compiler_options=_options())

    def run():
        accuracies = compiled(jax.random.key(0), batches(steps).astype(np.int32), x, y)
        return answer(steps, np.mean(accuracies))

    return run


def plain_steps(folder: pathlib.Path, steps: int) -> Run:
    """A program for one step, called by a loop in Python."""
    import jax

    init, step = _plain()
    x, y = arrays(folder)
    start = jax.jit(init)
    one = jax.jit(step, compiler_options=_options(), donate_argnums=0)

    def run():
        init_key, dropout_key = jax.random.split(jax.random.key(0))
        carry = start(init_key)
        accuracies: list[Any] = []
        for number, rows in enumerate(batches(steps)):
            carry, accuracy = one(carry, x[rows], y[rows], jax.random.fold_in(dropout_key, number))
            accuracies.append(accuracy)
        return answer(steps, np.mean(jax.device_get(accuracies)))

    return run


def _options() -> dict[str, Any]:
    """Those with which our own convolutions are compiled: it is the programs that are compared."""
    from jaxnn import private_jax

    return private_jax.accepted(private_jax.FOR_CONVOLUTIONS)


def _plain() -> tuple[Any, Any]:
    """init(key) -> carry, and step(carry, x, y, key) -> (carry, accuracy), in the fastest form."""
    import jax
    import jax.numpy as jnp
    import optax

    tx = optax.adam(LEARNING_RATE)
    convolve = _convolve()
    widths = [features for block in BLOCKS for features in block]

    def pool(x):
        upper = jnp.maximum(x[:, ::2, ::2], x[:, ::2, 1::2])
        return jnp.maximum(upper, jnp.maximum(x[:, 1::2, ::2], x[:, 1::2, 1::2]))

    def init(key):
        draw, keys = jax.nn.initializers.glorot_uniform(), jax.random.split(key, 6)
        shapes: list[tuple[int, ...]] = [
            (*KERNEL, a, b) for a, b in zip([1, *widths], widths, strict=False)
        ]
        shapes += [(7 * 7 * widths[-1], HIDDEN), (HIDDEN, CLASSES)]
        params = {
            "kernels": [draw(key, shape) for key, shape in zip(keys, shapes, strict=True)],
            "biases": [jnp.zeros(shape[-1]) for shape in shapes],
            "norms": [(jnp.ones(width), jnp.zeros(width)) for width in widths],
        }
        running = [(jnp.zeros(width), jnp.ones(width)) for width in widths]
        return params, running, tx.init(params)

    def forward(params, x, key):
        seen: list[Any] = []
        layers = list(zip(params["kernels"], params["biases"], strict=True))
        for number, ((kernel, bias), norm) in enumerate(zip(layers, params["norms"], strict=False)):
            x = jax.nn.relu(convolve(x, kernel) + bias)
            mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
            seen.append((mean, variance))
            x = (x - mean) * jax.lax.rsqrt(variance + EPSILON) * norm[0] + norm[1]
            if number % 2:
                x = pool(x)
                kept = jax.random.bernoulli(jax.random.fold_in(key, number), 1 - DROPPED, x.shape)
                x = jnp.where(kept, x / (1 - DROPPED), 0)
        x = x.reshape(len(x), -1)
        (hidden, hidden_bias), (read_out, bias) = layers[-2:]
        return jax.nn.relu(x @ hidden + hidden_bias) @ read_out + bias, seen

    def loss_fn(params, x, y, key):
        logits, seen = forward(params, x, key)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, y)
        return losses.mean(), (seen, (logits.argmax(axis=-1) == y).mean())

    def step(carry, x, y, key):
        params, running, opt_state = carry
        x = x.astype(jnp.float32) / 255
        gradient = jax.value_and_grad(loss_fn, has_aux=True)
        (_, (seen, accuracy)), grads = gradient(params, x, y, key)
        updates, opt_state = tx.update(grads, opt_state, params)
        running = jax.tree.map(lambda r, b: MOMENTUM * r + (1 - MOMENTUM) * b, running, seen)
        return (optax.apply_updates(params, updates), running, opt_state), accuracy

    return init, step


def _convolve() -> Any:
    """A convolution whose gradients are convolutions of the form that is fastest on CPUs."""
    import jax

    layout = ("NHWC", "HWIO", "NHWC")

    def correlate(x, kernel, padding="SAME"):
        return jax.lax.conv_general_dilated(x, kernel, (1, 1), padding, dimension_numbers=layout)

    @jax.custom_vjp
    def convolve(x, kernel):
        return correlate(x, kernel)

    def gradients(saved, dy):
        x, kernel = saved
        dx = correlate(dy, kernel[::-1, ::-1].transpose(0, 1, 3, 2))
        pads = [(k // 2, k // 2) for k in KERNEL]
        dkernel = correlate(x.transpose(3, 1, 2, 0), dy.transpose(1, 2, 0, 3), pads)
        return dx, dkernel.transpose(1, 2, 0, 3)

    convolve.defvjp(lambda x, kernel: (convolve(x, kernel), (x, kernel)), gradients)
    return convolve


WORKLOADS = (
    Workload(
        name="W3",
        title="A convolutional network on MNIST, in a process that has compiled",
        about=(
            "The network of the slides on 28 x 28 x 1: 3 x 3 convolutions of 32, 32, pool, 64, 64,"
            " pool, each with ReLU and batch norm, dropout 0.4 after each pool, dense 128, dense"
            " 10; Adam, batches of 64. Every turn trains from new params. Seconds per 1,000 steps"
            " are milliseconds per step; the accuracy is that over these few batches of training."
        ),
        unit="s per 1,000 steps",
        candidates={
            "jaxnn": Candidate("jaxnn, `train.fit`", jaxnn),
            "jaxnn_autodiff": Candidate('jaxnn, `gradient="autodiff"`', jaxnn,
                                        settings={"gradient": "autodiff"}),
            "plain_scan": Candidate("plain JAX, a script of the same form", plain_scan,
                                    goal=Goal(1.05)),
            "plain_steps": Candidate("plain JAX, step loop", plain_steps, goal=Goal(1.1)),
            "flax_linen": Candidate("Flax linen and Optax, step loop", cnn_peers.flax_linen,
                                    goal=Goal(0.55)),
            "flax_nnx": Candidate("Flax NNX and Optax, step loop", cnn_peers.flax_nnx,
                                  goal=Goal(0.55)),
            "torch": Candidate("PyTorch eager", cnn_peers.torch_eager, "torch",
                               settings={"channels_last": False, "compiled": False}),
            "torch_last": Candidate("PyTorch eager, channels last", cnn_peers.torch_eager, "torch",
                                    goal=Goal(1.0),
                                    settings={"channels_last": True, "compiled": False}),
            "torch_compiled": Candidate("PyTorch compiled, channels last", cnn_peers.torch_eager,
                                        "torch",
                                        settings={"channels_last": True, "compiled": True}),
            "keras": Candidate("Keras on TensorFlow, `fit`", cnn_peers.keras_fit, "tensorflow",
                               goal=Goal(1.0)),
        },
        write_data=write_data,
        settings={"steps": 40},
        quick={"steps": 5},
    ),
)  # fmt: skip
