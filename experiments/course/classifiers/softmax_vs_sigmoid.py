"""Does a softmax with cross-entropy beat ten sigmoids on ten classes, and what of it is the loss?

Slides:   ann_session supplement 1 (Softmax: improved performance on many classes), 4.1 (the
          network of sigmoids with squared error)
Run:      python -m experiments run softmax_vs_sigmoid
Takes:    about 45 s on two CPU cores
Expects:  (written before the first run) each at the rate that its validation part prefers, softmax
          needs fewer epochs than sigmoids with squared error and is at least as accurate in the
          end; sigmoids with binary cross-entropy come close to softmax, so that most of the gain
          is the loss, whose gradient does not vanish where an output is wrong with certainty
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
from jaxnn import activations, data, layers, losses, optimizers, train

OUTPUTS = ("softmax", "sigmoids with squared error", "sigmoids with cross-entropy")
SOFTMAX, SQUARED, BINARY = OUTPUTS
LEARNED = 0.95  # the training accuracy that counts as learned
MARGIN = 0.5  # points of test accuracy by which "at least as accurate" may fall short
CLASSES = 10


@dataclasses.dataclass(frozen=True)
class Config:
    """Each field is a command-line flag."""

    outputs: tuple[str, ...] = OUTPUTS
    learning_rates: tuple[float, ...] = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
    seeds: int = 20
    epochs: int = 40

    def __post_init__(self):
        if unknown := [output for output in self.outputs if output not in OUTPUTS]:
            raise ValueError(f"outputs has {unknown}: there are {list(OUTPUTS)}")
        if not self.learning_rates or min(self.learning_rates) <= 0:
            raise ValueError(
                f"learning_rates={self.learning_rates}: give one or more, all of them above 0"
            )


QUICK = Config(outputs=(SOFTMAX,), learning_rates=(0.3, 1.0), seeds=2, epochs=5)
DATA = ("digits",)
TOLERANCES = {
    "train_loss": (0.1, 0.02),
    "validation_loss": (0.1, 0.05),
    "test_loss": (0.1, 0.05),
    "train_accuracy": (0.0, 0.03),
    "validation_accuracy": (0.0, 0.03),
    "test_accuracy": (0.0, 0.03),
}


def half_squares(outputs: jax.Array, targets: jax.Array) -> jax.Array:
    """The slides' cost of an example, 1/2 sum_i (a_i - y_i)^2  [ann_session 4.1]."""
    return outputs.shape[-1] / 2 * losses.squared_error(outputs, targets)


def half_squares_vjp(outputs: jax.Array, targets: jax.Array, cotangent: jax.Array) -> jax.Array:
    """d cost / d a_i = a_i - y_i."""
    return losses.squared_error_vjp(outputs, targets, outputs.shape[-1] / 2 * cotangent)


def binary_entropies(logits: jax.Array, targets: jax.Array) -> jax.Array:
    """The sum over the outputs of the cross-entropy of "is it this class, or not?"."""
    return losses.sigmoid_binary_cross_entropy(logits, targets).sum(axis=-1)


def binary_entropies_vjp(logits: jax.Array, targets: jax.Array, cotangent: jax.Array) -> jax.Array:
    """d loss / d z_i = sigmoid(z_i) - y_i."""
    of_each = jnp.broadcast_to(cotangent[..., None], logits.shape)
    return losses.sigmoid_binary_cross_entropy_vjp(logits, targets, of_each)


def setup(output, learning_rate, epochs):
    last = [layers.sigmoid] if output == SQUARED else []
    loss = {SOFTMAX: losses.softmax_cross_entropy, SQUARED: half_squares, BINARY: binary_entropies}
    one_hot = functools.partial(jax.nn.one_hot, num_classes=CLASSES)
    return train.Run(
        model=layers.serial(
            layers.flatten, layers.dense(30), layers.sigmoid, layers.dense(CLASSES), *last
        ),
        loss=loss[output],
        targets=None if output == SOFTMAX else one_hot,
        optimizer=optimizers.gradient_descent(learning_rate),
        epochs=epochs,
        batch_size=20,
    )


def run(config: Config) -> xr.Dataset:
    """Every seed draws its own split into training, validation and test."""
    lanes = [
        train.sweep(
            setup, data.load("digits", test_size=0.2, validation=0.2, seed=seed),
            output=list(config.outputs), learning_rate=list(config.learning_rates), seed=[seed],
            epochs=config.epochs, progress=True,
        )
        for seed in range(config.seeds)
    ]  # fmt: skip
    return xr.concat(lanes, "seed").drop_vars(["epochs", *train.ENDINGS], errors="ignore")


def draw(results: xr.Dataset) -> Figure:
    """Digits, one hidden layer of 30 sigmoids. Top: accuracy over the epochs, each output at its
    own chosen rate. Bottom left: the validation accuracy by which the rate is chosen. Bottom right:
    the gradient that a logit gets when its class is the right one. Medians and ranges over seeds.
    """
    figure, axes = style.subplots(2, 2, size=(15, 11))
    outputs = [str(output) for output in results.output.values]
    colors = {output: f"C{i}" for i, output in enumerate(OUTPUTS)}
    for ax, name, title in (
        (axes[0, 0], "train_accuracy", "Digits that were seen"),
        (axes[0, 1], "test_accuracy", "Unseen digits"),
    ):
        for output in outputs:
            at_rate = results[name].sel(output=output, learning_rate=best_rate(results, output))
            style.band(ax, results.epoch, at_rate, color=colors[output],
                       label=f"{output}, η {best_rate(results, output):g}")  # fmt: skip
        ax.set(xscale="log", ylim=(0.5, 1.0), xlabel="epoch", ylabel="accuracy", title=title)
        ticks = [tick for tick in (1, 2, 5, 10, 20, 40) if tick <= int(results.epoch[-1])]
        ax.set_xticks(ticks, [str(tick) for tick in ticks])
        ax.minorticks_off()
        ax.legend(loc="lower right")
    style.reference(axes[0, 0], "learned", y=LEARNED)
    _draw_the_rates(axes[1, 0], results, colors)
    _draw_the_gradients(axes[1, 1], colors)
    return figure


def _draw_the_rates(ax, results, colors) -> None:
    for output in results.output.values:
        over_time = results.validation_accuracy.sel(output=output).mean("epoch", skipna=False)
        style.band(ax, results.learning_rate, over_time, whole_lanes=False, marker="o",
                   color=colors[output], label=output)  # fmt: skip
    rates = results.learning_rate.values
    ax.set(xscale="log", ylim=(0, 1), xlabel="learning rate η", title="How the rate is chosen")
    ax.set_ylabel("validation accuracy, mean over the epochs")
    ax.set_xticks(rates, [f"{rate:g}" for rate in rates])
    ax.minorticks_off()
    ax.legend(loc="lower left")


def _draw_the_gradients(ax, colors) -> None:
    """Of the right class, with the other nine logits at 0."""
    z = np.linspace(-10, 10, 201)
    right = jnp.asarray(z, jnp.float32)[:, None]
    logits = jnp.pad(right, ((0, 0), (0, CLASSES - 1)))
    first = jnp.zeros(len(z), jnp.int32)
    targets, ones = jax.nn.one_hot(first, CLASSES), jnp.ones(len(z))
    outputs = activations.sigmoid(logits)
    at_outputs = half_squares_vjp(outputs, targets, ones)
    gradients = {
        SOFTMAX: losses.softmax_cross_entropy_vjp(logits, first, ones),
        SQUARED: activations.sigmoid_vjp(logits, at_outputs),
        BINARY: binary_entropies_vjp(logits, targets, ones),
    }
    for output, gradient in gradients.items():
        ax.plot(z, -np.asarray(gradient)[:, 0], color=colors[output], label=output)
    ax.set(xlabel="logit of the right class", ylabel="− gradient", xlim=(-10, 10))
    ax.set_title("The push on a wrong output (left: surely wrong)")
    ax.legend(loc="upper right")


def best_rate(results: xr.Dataset, output: str) -> float:
    """The rate of the highest validation accuracy, mean over epochs and seeds: early and high."""
    accuracy = results.validation_accuracy.sel(output=output)
    mean = accuracy.mean(("seed", "epoch"), skipna=False).fillna(-np.inf)
    return float(results.learning_rate[int(mean.argmax("learning_rate"))])


def epochs_to_learn(results: xr.Dataset, output: str) -> xr.DataArray:
    """For each seed, at the output's rate, the first epoch with a training accuracy of LEARNED; one
    more than were run where there is none.
    """
    accuracy = results.train_accuracy.sel(output=output, learning_rate=best_rate(results, output))
    reached = accuracy >= LEARNED
    first = results.epoch[reached.argmax("epoch")]
    return first.where(reached.any("epoch"), int(results.epoch[-1]) + 1).drop_vars(
        ["output", "learning_rate", "epoch"], errors="ignore"
    )


def _final_accuracy(results, output) -> xr.DataArray:
    """In points, at the output's rate, on the digits that chose nothing."""
    final = 100 * results.test_accuracy.isel(epoch=-1)
    return final.sel(output=output, learning_rate=best_rate(results, output), drop=True)


def judge(results: xr.Dataset) -> list[Verdict]:
    claim = "softmax-improves-multiclass"
    if not set(OUTPUTS) <= set(results.output.values.tolist()):
        return [verdict_on(claim, None, measured="", evidence="not all outputs were run")]
    needed = {output: epochs_to_learn(results, output) for output in OUTPUTS}
    accuracy = {output: _final_accuracy(results, output) for output in OUTPUTS}
    faster = paired_difference(needed[SQUARED], needed[SOFTMAX])
    better = paired_difference(accuracy[SOFTMAX], accuracy[SQUARED])
    faster_than_binary = paired_difference(needed[BINARY], needed[SOFTMAX])
    better_than_binary = paired_difference(accuracy[SOFTMAX], accuracy[BINARY])
    rates = ", ".join(f"{best_rate(results, output):g} for {output}" for output in OUTPUTS)
    return [
        verdict_on(
            claim,
            bool(faster.low > 0) and bool(better.low > -MARGIN),
            measured=f"softmax has learned after {mean_interval(needed[SOFTMAX]):.1f} epochs, "
            f"sigmoids with squared error {faster:.1f} later; test accuracy {better:+.2f} points "
            f"above theirs. Against sigmoids with binary cross-entropy: {faster_than_binary:.1f} "
            f"epochs and {better_than_binary:+.2f} points",
            evidence="a split of the digits for each seed, 64-30-10, each output at the rate "
            f"({rates}) with the highest validation accuracy over {int(results.epoch[-1])} epochs, "
            f"paired by seed, 95 % intervals: epochs to a training accuracy of {LEARNED:g} must be "
            f"fewer than with squared error, and the final test accuracy less than {MARGIN:g} "
            "points below",
            seeds=min(int(faster.runs), int(better.runs)),
        )
    ]
