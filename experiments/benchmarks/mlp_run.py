"""W1: one Dense network on MNIST, as each library's users write it.

784-128-64-10, ReLU, softmax cross entropy, plain SGD 0.01, batches of 64, 48,000 training and
12,000 validation images, shuffled and validated in every epoch. Each candidate is a function of the
number of epochs that trains from new params and answers with the last validation accuracy.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxnn import data, layers, losses, optimizers, train

LEARNING_RATE, BATCH_SIZE, WIDTHS = 0.01, 64, (128, 64)


def candidates() -> dict[str, Callable[[int], float]]:
    """name -> train(epochs) -> validation accuracy; the first is ours."""
    dataset = validation_split(data.load("mnist"))
    return {
        "jaxnn, train.fit": _jaxnn(dataset),
        "flax (linen) and optax, step loop": _flax(dataset),
        "scikit-learn, MLPClassifier": _scikit_learn(dataset),
    }


def validation_split(mnist: data.Dataset) -> data.Dataset:
    """The last fifth of the training images as the test split, as the slides' Keras lab has it."""
    x, y = mnist.train
    cut = len(x) * 4 // 5
    return data.from_arrays(
        x[:cut], y[:cut], x[cut:], y[cut:], name="mnist", classes=mnist.classes, scale=mnist.scale
    )


def mlp(learning_rate, epochs):
    hidden = [layer for width in WIDTHS for layer in (layers.dense(width), layers.relu)]
    return train.Run(
        model=layers.serial(layers.flatten, *hidden, layers.dense(10)),
        loss=losses.softmax_cross_entropy,
        optimizer=optimizers.gradient_descent(learning_rate),
        epochs=epochs,
        batch_size=BATCH_SIZE,
    )


def _jaxnn(dataset: data.Dataset) -> Callable[[int], float]:
    def run(epochs):
        result = train.fit(mlp, dataset, learning_rate=LEARNING_RATE, epochs=epochs)
        return float(result.history.test_accuracy[-1])

    return run


def _flax(dataset: data.Dataset) -> Callable[[int], float]:
    import flax.linen as nn

    class Network(nn.Module):
        @nn.compact
        def __call__(self, x):
            for width in WIDTHS:
                x = nn.relu(nn.Dense(width)(x))
            return nn.Dense(10)(x)

    model, tx = Network(), optax.sgd(LEARNING_RATE)
    x, y, *test = _flat_floats(dataset)
    x_test, y_test = map(jnp.asarray, test)

    def loss_fn(params, x, y):
        logits = model.apply(params, x)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    @jax.jit
    def train_step(params, opt_state, x, y):
        loss, grads = jax.value_and_grad(loss_fn)(params, x, y)
        updates, opt_state = tx.update(grads, opt_state, params)
        return optax.apply_updates(params, updates), opt_state, loss

    @jax.jit
    def accuracy(params, x, y):
        return (model.apply(params, x).argmax(axis=-1) == y).mean()

    def run(epochs):
        params = model.init(jax.random.key(0), x[:1])
        opt_state, rng = tx.init(params), np.random.default_rng(0)
        for _ in range(epochs):
            order = rng.permutation(len(x))
            for start in range(0, len(x) - BATCH_SIZE + 1, BATCH_SIZE):
                rows = order[start : start + BATCH_SIZE]
                params, opt_state, _ = train_step(params, opt_state, x[rows], y[rows])
            value = float(accuracy(params, x_test, y_test))
        return value

    return run


def _scikit_learn(dataset: data.Dataset) -> Callable[[int], float]:
    from sklearn.neural_network import MLPClassifier

    x, y, x_test, y_test = _flat_floats(dataset)

    def run(epochs):
        network = MLPClassifier(
            hidden_layer_sizes=WIDTHS, solver="sgd", alpha=0.0, batch_size=BATCH_SIZE,
            learning_rate_init=LEARNING_RATE, momentum=0.0, random_state=0,
        )  # fmt: skip
        for _ in range(epochs):
            network.partial_fit(x, y, classes=np.arange(10))
            value = network.score(x_test, y_test)
        return float(value)

    return run


def _flat_floats(dataset: data.Dataset) -> tuple[np.ndarray, ...]:
    assert dataset.test is not None
    return tuple(
        array
        for inputs, labels in (dataset.train, dataset.test)
        for array in (inputs.reshape(len(inputs), -1) / np.float32(dataset.scale), labels)
    )
