"""The set-up, and the runs on digits, on MNIST and on the slides' line."""

import dataclasses
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import xarray as xr

from jaxnn import backprop, data, layers, losses, optimizers, train

SLIDE_RATES = (0.01, 0.005, 0.002)
LINE = np.array([1.0, 2.0, 3.0])  # x and y of the cost of W in basics
GUESSING = np.log(10)  # the loss of the uniform distribution over ten digits, in nats


@dataclasses.dataclass(frozen=True)
class Config:
    """Each field is a command-line flag."""

    learning_rates: tuple[float, ...] = (
        1e-4, 1e-3, 0.002, 0.005, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0,
    )  # fmt: skip
    line_rates: tuple[float, ...] = (1e-4, 0.1, 0.3, 3 / 7, 0.5)
    seeds: int = 10
    epochs: int = 50
    mnist_epochs: int = 2


QUICK = Config(learning_rates=(1e-4, 0.1, 100.0), seeds=2, epochs=10, mnist_epochs=1)
DATA = ("digits", "mnist")
WHOLE_RUN = ("digits_first_bad_step", "mnist_first_bad_step")  # a short run may end before
STEADY = {"learning_rate": 0.3}  # above, runs amplify what another processor rounds otherwise
TOLERANCES = {
    "line_w": (1e-12, 0.0),
    "delivered": (1e-4, 1e-6),
    "digits_initial_loss": (1e-6, 0.0),
    "digits_train_loss": (0.1, 0.02),
    "digits_test_loss": (0.1, 0.02),
    "digits_train_accuracy": (0.0, 0.03),
    "digits_test_accuracy": (0.0, 0.03),
    "mnist_train_loss": (0.1, 0.02),
    "mnist_test_loss": (0.1, 0.02),
    "mnist_train_accuracy": (0.0, 0.03),
    "mnist_test_accuracy": (0.0, 0.03),
}


def setup(learning_rate, epochs, hidden=(100,)):
    hidden_layers = [layer for width in hidden for layer in (layers.dense(width), layers.relu)]
    return train.Run(
        model=layers.serial(layers.flatten, *hidden_layers, layers.dense(10)),
        loss=losses.softmax_cross_entropy,
        optimizer=optimizers.gradient_descent(learning_rate),
        epochs=epochs,
        batch_size=64,
    )


def run(config: Config) -> xr.Dataset:
    rates, seeds = list(config.learning_rates), range(config.seeds)
    digits = data.load("digits")
    history = train.sweep(
        setup, digits, learning_rate=rates, seed=seeds, epochs=config.epochs, progress=True
    )
    results = _named("digits", history, digits).merge(first_step(digits, rates, seeds))
    results["line_w"] = paths_on_the_line(config.line_rates)
    try:
        mnist = data.load("mnist")
    except data.DataNotFoundError as error:
        print(f"learning_rate goes on without MNIST: {error}", file=sys.stderr)
        return results
    history = train.sweep(
        setup, mnist, learning_rate=rates, seed=seeds, epochs=config.mnist_epochs,
        hidden=(128, 64), progress=True,
    )  # fmt: skip
    return results.merge(_named("mnist", history, mnist).rename(epoch="mnist_epoch"))


def _named(name: str, history: xr.Dataset, dataset: data.Dataset) -> xr.Dataset:
    steps_per_epoch = setup(0.0, 1).num_batches(len(dataset.train.inputs))
    history = until_bad(history.drop_vars(["epochs", "hidden"], errors="ignore"), steps_per_epoch)
    return history.rename({variable: f"{name}_{variable}" for variable in history.data_vars})


def until_bad(history: xr.Dataset, steps_per_epoch: int) -> xr.Dataset:
    """NaN for every metric of a run from the epoch of its first bad step on.

    Weights that are not finite still have an accuracy, that of a constant answer.
    """
    bad = history.first_bad_step
    sound = (bad < 0) | (history.epoch - 1 < bad // steps_per_epoch)
    by_epoch = history.drop_vars(train.ENDINGS, errors="ignore")
    return by_epoch.where(sound).assign(first_bad_step=bad)


def paths_on_the_line(rates) -> xr.DataArray:
    """W after each step of gradient descent on (1/2m) sum (W x - y)^2 from W = 0, in float64."""
    with jax.enable_x64(True):
        x = jnp.asarray(LINE, float)

        def gradient(w):
            predictions = (w * x)[:, None]
            dw = losses.squared_error_vjp(predictions, x[:, None], jnp.full(3, 1 / 3)) / 2
            return (dw[:, 0] * x).sum()

        paths = [
            optimizers.descend(optimizers.gradient_descent(rate), gradient, jnp.zeros(()), 10)
            for rate in rates
        ]
    return xr.DataArray(
        np.stack(paths), {"line_rate": list(rates), "step": np.arange(11)}, name="line_w"
    )


def first_step(dataset, rates, seeds) -> xr.Dataset:
    """The loss that each seed starts from, and what one step of gradient descent does to it.

    `delivered` is the decrease as a share of h |grad L|^2, which it tends to for small h.
    """
    model = setup(0.0, 1).model
    gradient = backprop.by_hand(model, losses.softmax_cross_entropy)
    in_shape = dataset.train.inputs.shape[1:]
    starts = [train.initial(setup(0.0, 1), seed, in_shape) for seed in seeds]
    params, state = [own for own, _ in starts], starts[0][1]

    @jax.jit
    def step(learning_rate, params, x, y):
        (before, _), grads = gradient(params, state, x, y, None)
        updates, _ = optimizers.gradient_descent(learning_rate).update(grads, optax.EmptyState())
        (after, _), _ = gradient(optax.apply_updates(params, updates), state, x, y, None)
        squares = sum(jnp.square(leaf).sum() for leaf in jax.tree.leaves(grads))
        return before, (before - after) / (learning_rate * squares)

    with jax.enable_x64(True):  # a small difference of losses
        x = jnp.asarray(dataset.train.inputs, float) / dataset.scale
        y = jnp.asarray(dataset.train.labels)
        params = jax.tree.map(lambda leaf: jnp.asarray(leaf, float), params)
        steps = [[step(jnp.asarray(rate, float), own, x, y) for own in params] for rate in rates]
    before, delivered = np.moveaxis(np.array(steps), -1, 0)
    coords = {"learning_rate": rates, "seed": list(seeds)}
    return xr.Dataset(
        {
            "delivered": (("learning_rate", "seed"), delivered),
            "digits_initial_loss": ("seed", before[0]),
        },
        coords,
    )
