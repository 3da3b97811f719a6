"""How must the weights start for a deep network to learn?

Slides:   chapter5 5.4 (bad initialisation among the learning curves); r_tutorial 2.4 (zeros)
Run:      python -m experiments run initialization
Takes:    about 40 s on two CPU cores
Expects:  (written before the first run) with zeros nothing is learned but the frequency of the
          classes; with weights of 0.01 activations and gradients die out over the layers and the
          loss is flat for long; with weights of 1 they explode and the run diverges; with He
          the loss falls at once, with Xavier a little later; one neuron alone learns from zeros
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from experiments.claims.verdicts import Verdict, mean_interval, paired_difference, verdict_on
from experiments.pages import style
from jaxnn import (
    backprop,
    data,
    initializers,
    layers,
    logistic_regression,
    losses,
    optimizers,
    train,
)

STARTS = {
    "zeros": initializers.zeros,
    "normal 0.01": initializers.normal(0.01),
    "normal 1": initializers.normal(1.0),
    "Xavier": initializers.xavier_normal(),
    "He": initializers.he_normal(),
}
DEPTH = 6  # hidden layers
WIDTH = 100
GUESSING = float(np.log(10))


@dataclasses.dataclass(frozen=True)
class Config:
    """Each field is a command-line flag."""

    starts: tuple[str, ...] = tuple(STARTS)
    seeds: int = 10
    epochs: int = 40


QUICK = Config(starts=("He",), seeds=2, epochs=5)
DATA = ("digits", "breast_cancer")
TOLERANCES = {
    "train_loss": (0.1, 0.05),
    "test_loss": (0.2, 0.1),
    "train_accuracy": (0.0, 0.1),
    "test_accuracy": (0.0, 0.1),
    "spread": (1e-4, 1e-6),
    "activation": (1e-3, 1e-9),
    "gradient": (1e-3, 1e-9),
    "one_neuron_accuracy": (0.0, 0.01),
}


def setup(start, epochs):
    return train.Run(
        model=network(start),
        loss=losses.softmax_cross_entropy,
        optimizer=optimizers.gradient_descent(0.05),
        monitors={"spread": spread},
        epochs=epochs,
        batch_size=64,
    )


def network(start: str) -> layers.Layer:
    hidden = [layer for _ in range(DEPTH) for layer in (_dense(WIDTH, start), layers.relu)]
    return layers.serial(layers.flatten, *hidden, _dense(10, start))


def _dense(width: int, start: str) -> layers.Layer:
    return layers.dense(width, kernel_init=STARTS[start])


def spread(params) -> jax.Array:
    """How far the units of the first hidden layer are apart: the largest deviation of a weight
    over the units. Zero where they are copies of one another.
    """
    kernel = next(layer["kernel"] for layer in params if isinstance(layer, dict))
    return kernel.std(axis=1).max()


def run(config: Config) -> xr.Dataset:
    digits = data.load("digits")
    history = train.sweep(
        setup, digits, start=list(config.starts), seed=range(config.seeds), epochs=config.epochs,
        progress=True,
    )  # fmt: skip
    history = history.drop_vars(["epochs", *train.ENDINGS], errors="ignore")
    x = jnp.asarray(digits.train.inputs[:256], jnp.float32) / digits.scale
    y = jnp.asarray(digits.train.labels[:256])
    measured = [
        [_through_the_layers(start, seed, x, y) for seed in range(config.seeds)]
        for start in config.starts
    ]
    sizes = np.array(measured)  # [start, seed, activation or gradient, layer]
    coords = {"start": list(config.starts), "seed": range(config.seeds)}
    return history.assign(
        activation=xr.DataArray(sizes[:, :, 0], {**coords, "layer": np.arange(1, DEPTH + 2)}),
        gradient=xr.DataArray(sizes[:, :, 1], {**coords, "layer": np.arange(1, DEPTH + 2)}),
        one_neuron_accuracy=_one_neuron_from_zeros(),
    )


@functools.partial(jax.jit, static_argnames="start")
def _through_the_layers(start: str, seed: int, x, y) -> tuple[list[jax.Array], list[jax.Array]]:
    """Of each dense layer before the first update, over these images: the root mean square of its
    outputs, and of the loss's gradient with respect to its kernel.
    """
    model = network(start)
    params, state, _ = model.init(jax.random.key(seed), x.shape[1:])
    _, grads = backprop.by_hand(model, losses.softmax_cross_entropy)(params, state, x, y, None)
    outputs, h = [], x.reshape(len(x), -1)
    kernels = [layer for layer in params if isinstance(layer, dict)]
    for i, layer in enumerate(kernels):
        z = h @ layer["kernel"] + layer["bias"]
        h = jax.nn.relu(z)
        outputs.append(jnp.sqrt((z**2).mean()))
        if i == len(kernels) - 1:
            break
    slopes = [jnp.sqrt((g["kernel"] ** 2).mean()) for g in grads if isinstance(g, dict)]
    return outputs, slopes


def _one_neuron_from_zeros() -> float:
    """Training accuracy of logistic regression, started from zeros, on real tumours."""
    cancer = data.load("breast_cancer")
    x = jnp.asarray(data.standardizer(cancer.train.inputs)(cancer.train.inputs))
    y = jnp.asarray(cancer.train.labels)
    params = logistic_regression.initialize_with_zeros(x.shape[1])
    fit = jax.jit(
        lambda p: logistic_regression.optimize(p, x, y, learning_rate=0.1, num_steps=500).params
    )(params)
    return float((logistic_regression.predict(fit, x) == y).mean())


def draw(results: xr.Dataset) -> Figure:
    """Left and middle: before the first update, how large the outputs of each layer are, and the
    gradient of its weights; medians and ranges over the seeds, on a logarithmic axis (zeros have no
    place there). Right: the training loss that follows.
    """
    figure, axes = style.subplots(1, 3, size=(18, 6))
    colors = {start: f"C{i}" for i, start in enumerate(STARTS)}
    for ax, name, title in (
        (axes[0], "activation", "Outputs at the start"),
        (axes[1], "gradient", "Gradients at the start"),
    ):
        _draw_the_layers(ax, results[name], colors)
        ax.set(yscale="log", xlabel="layer", ylabel=f"{name}, root mean square", title=title)
    _draw_the_losses(axes[2], results, colors)
    return figure


def _draw_the_layers(ax, values, colors) -> None:
    lines, names = [], []
    for start in values.start.values:
        positive = values.sel(start=start).where(values.sel(start=start) > 0)
        if bool(positive.notnull().any()):
            lines.append(style.band(ax, values.layer, positive, whole_lanes=False, marker="o",
                                    color=colors[start]))  # fmt: skip
            names.append(start)
    ax.set(xlim=(0.7, DEPTH + 3.6), yscale="log", xticks=values.layer.values)
    style.label_lines(ax, lines, names)


def _draw_the_losses(ax, results, colors) -> None:
    lines, names, diverged = [], [], []
    for start in results.start.values:
        loss = results.train_loss.sel(start=start)
        if not bool(np.isfinite(loss).all("epoch").any()):
            diverged.append(start)
        else:
            dashes = "--" if start == "zeros" else "-"  # seen on top of an equal curve
            lines.append(style.band(ax, results.epoch, loss, color=colors[start],
                                    linestyle=dashes))  # fmt: skip
            names.append(start)
    style.reference(ax, "guessing", y=GUESSING)
    last = int(results.epoch[-1])
    ax.set(yscale="log", ylim=(1e-3, 10), xlim=(0, 1.45 * last), xlabel="epoch")
    ax.set(ylabel="training loss (nats)", title="Training of six hidden layers")
    if diverged:
        ax.text(0.02, 0.95, f"{' and '.join(diverged)}: diverged", transform=ax.transAxes)
    ax.set_xticks([tick for tick in ax.get_xticks() if tick <= last])
    style.label_lines(ax, lines, names)


def epochs_to_leave(results, start: str) -> xr.DataArray:
    """For each seed the first epoch with a training loss below half of guessing; one more than
    were run where there is none, a diverged run included.
    """
    below = results.train_loss.sel(start=start, drop=True) < GUESSING / 2
    first = below.argmax("epoch") + 1
    return first.where(below.any("epoch"), results.sizes["epoch"] + 1)


def judge(results: xr.Dataset) -> list[Verdict]:
    return [_judge_bad_starts(results), _judge_zeros(results)]


def _judge_bad_starts(results) -> Verdict:
    claim = "learning-bad-init"
    if not set(STARTS) <= set(results.start.values.tolist()):
        return verdict_on(claim, None, measured="", evidence="not all starts were run")
    he = epochs_to_leave(results, "He")
    bad = ("zeros", "normal 0.01", "normal 1")
    delays = {start: paired_difference(epochs_to_leave(results, start), he) for start in bad}
    last = results.sizes["epoch"]
    never = {start: int((epochs_to_leave(results, start) > last).sum()) for start in bad}
    return verdict_on(
        claim,
        all(bool(delay.low > 0) for delay in delays.values()),
        measured=f"half of the loss of guessing is reached after {mean_interval(he):.1f} epochs "
        "with He; later by "
        + "; ".join(
            f"{start}: {delay:.1f}, {never[start]} never" for start, delay in delays.items()
        )
        + f"; Xavier: {paired_difference(epochs_to_leave(results, 'Xavier'), he):.1f}",
        evidence=f"six hidden layers on digits, {last} epochs (never counts as one more), paired "
        "by seed: equal, too small and too large weights must each be later than He, 95 % "
        "intervals above 0",
        seeds=min(int(delay.runs) for delay in delays.values()),
    )


def _judge_zeros(results) -> Verdict:
    claim = "zero-init-is-fine-here"
    if "zeros" not in results.start:
        return verdict_on(claim, None, measured="", evidence="zeros were not run")
    copies = float(results.spread.sel(start="zeros").max())
    loss = float(results.train_loss.sel(start="zeros").isel(epoch=-1).min())
    accuracy = float(results.one_neuron_accuracy)
    return verdict_on(
        claim,
        accuracy > 0.95 and copies == 0.0 and loss > 0.98 * GUESSING,
        measured=f"one neuron from zeros: training accuracy {accuracy:.3f}; a network from zeros: "
        f"its hidden units differ by {copies:g} after {int(results.epoch[-1])} epochs, its loss is "
        f"{loss:.3f} where guessing is {GUESSING:.3f}",
        evidence="logistic_regression on breast_cancer must pass 0.95; the hidden units of the "
        "network on digits must stay equal to the bit in every run, and its loss at guessing",
    )
