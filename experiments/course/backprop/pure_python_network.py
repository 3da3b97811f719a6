"""Does the slides' network in pure Python do what they print, and what changes with the right
delta?

Slides:   ann_session 4.1 to 4.3 (a network in pure Python)
Run:      python -m experiments run pure_python_network
Takes:    about 10 s on two CPU cores
Expects:  (written before the first run) with seed 1 plain Python and the library agree in every
          digit printed; the delta belongs to the squared error, and with that of the cross-entropy,
          which is printed, the cross-entropy falls faster from most starts
"""

import dataclasses
import math
import random
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from experiments.claims.ledger import training
from experiments.claims.verdicts import Verdict, paired_difference, verdict_on
from experiments.pages import style
from jaxnn import losses

DELTAS = {"squared error": losses.squared_error, "cross-entropy": training.sum_of_cross_entropies}
_ROWS: list[list[Any]] = [[*map(float, row[:2]), int(row[2])] for row in training.ROWS]


@dataclasses.dataclass(frozen=True)
class Config:
    """Each field is a command-line flag."""

    seeds: int = 20  # of Python's generator, from 1, which is the slides'
    epochs: int = 20
    learning_rate: float = 0.5


QUICK = Config(seeds=2)
DATA = ()
TOLERANCES = {
    "cross_entropy": (1e-9, 1e-12),
    "python_cross_entropy": (1e-9, 1e-12),
    "weight": (1e-9, 1e-12),
    "python_weight": (1e-9, 1e-12),
    "output": (1e-9, 1e-12),
    "label_output": (1e-9, 1e-12),
}


def run(config: Config) -> xr.Dataset:
    seeds = range(1, config.seeds + 1)
    with jax.enable_x64(True):
        runs = {
            (name, seed): training.trained(seed, config.learning_rate, config.epochs, 2, loss=loss)
            for name, loss in DELTAS.items()
            for seed in seeds
        }
        errors = [
            [
                training.error_per_epoch(runs[name, seed].outputs, losses.binary_cross_entropy)
                for seed in seeds
            ]
            for name in DELTAS
        ]
        weights = [
            np.concatenate(training.by_neuron(runs["squared error", seed].params)) for seed in seeds
        ]
        params = runs["squared error", 1].params
        place = np.linspace(-0.5, 9.5, 61), np.linspace(-0.8, 5.0, 61)
        grid = jnp.asarray(np.stack(np.meshgrid(*place), axis=-1))
        outputs = training.network(2).forward(params, training.STATE, grid, None, False)[0]
    witnesses = [Witness(seed) for seed in seeds]
    python = [w.train(config.learning_rate, config.epochs) for w in witnesses]
    # a label that is changed must not change what the network makes of a row
    changed = [[*row[:2], label] for row in _ROWS for label in (0, 1)]
    label_outputs = np.array([witnesses[0].forward(row) for row in changed])
    return xr.Dataset(
        {
            "cross_entropy": (("delta", "seed", "epoch"), np.array(errors)),
            "python_cross_entropy": (("seed", "epoch"), np.array(python)),
            "weight": (("seed", "number"), np.array(weights)),
            "python_weight": (("seed", "number"), np.array([w.weights() for w in witnesses])),
            "output": (("x2", "x1"), np.asarray(outputs[..., 1] - outputs[..., 0])),
            "label_output": (("row", "label", "neuron"), label_outputs.reshape(-1, 2, 2)),
        },
        {
            "delta": list(DELTAS),
            "seed": np.array(seeds),
            "epoch": np.arange(config.epochs),
            "label": [0, 1],
            "x1": place[0],
            "x2": place[1],
        },
    )


class Witness:
    """The network with nothing but Python's floats, so that nothing of the library is in it.

    A neuron is a list of weights with the bias last.
    """

    def __init__(self, seed: int):
        draw_fn = random.Random(seed).random
        self.layers = [[[draw_fn() for _ in range(3)] for _ in range(2)] for _ in range(2)]

    def forward(self, row: list[float]) -> list[float]:
        """The outputs for a row, of which each neuron reads as many entries as it has weights."""
        self.seen = [row]
        for layer in self.layers:
            row = [self._fire(neuron, row) for neuron in layer]
            self.seen.append(row)
        return row

    @staticmethod
    def _fire(neuron: list[float], inputs: list[float]) -> float:
        total = neuron[-1] + sum(w * x for w, x in zip(neuron[:-1], inputs, strict=False))
        return 1 / (1 + math.exp(-total))

    def train(self, learning_rate: float, epochs: int) -> list[float]:
        """The cross-entropy of each epoch, of each row before the step on it."""
        return [sum(self._step(row, learning_rate) for row in _ROWS) for _ in range(epochs)]

    def _step(self, row: list, learning_rate: float) -> float:
        outputs = self.forward(row)
        wanted = [float(row[-1] == label) for label in (0, 1)]
        errors = [t - o for t, o in zip(wanted, outputs, strict=True)]
        for depth in (1, 0):
            outs, layer = self.seen[depth + 1], self.layers[depth]
            deltas = [e * o * (1 - o) for e, o in zip(errors, outs, strict=True)]
            errors = [sum(d * n[i] for d, n in zip(deltas, layer, strict=True)) for i in range(2)]
            for neuron, delta in zip(layer, deltas, strict=True):
                for i, x in enumerate((*self.seen[depth][:2], 1.0)):
                    neuron[i] += learning_rate * delta * x
        return -sum(math.log(o if t else 1 - o) for t, o in zip(wanted, outputs, strict=True))

    def weights(self) -> list[float]:
        return [weight for layer in self.layers for neuron in layer for weight in neuron]


def draw(results: xr.Dataset) -> Figure:
    """Left: the cross-entropy per epoch with seed 1, ours (line) and the slide's program in plain
    Python (rings). Middle: the ten rows and the trained network's border between the classes.
    Right: the last cross-entropy with the slides' delta, of the squared error, and with that of the
    cross-entropy, a line a seed (black: the slides' seed).
    """
    figure, axes = style.subplots(1, 3, size=(17, 5.6))
    _draw_the_errors(axes[0], results)
    _draw_the_border(axes[1], results)
    _draw_the_deltas(axes[2], results)
    return figure


def _draw_the_errors(ax, results) -> None:
    lines = [
        ax.plot(results.epoch, results.cross_entropy.sel(seed=1, delta=name), color=color)[0]
        for name, color in zip(DELTAS, ("C0", "C2"), strict=True)
    ]
    ax.plot(
        results.epoch,
        results.python_cross_entropy.sel(seed=1),
        "o",
        color="black",
        markerfacecolor="none",
    )
    ax.set(xlabel="epoch", ylabel="cross-entropy (nats, sum)", ylim=(0, None), title="Seed 1")
    ax.set_xticks(range(0, results.sizes["epoch"] + 1, 5))
    for line, text, place in zip(
        lines,
        ("delta of the squared error", "of the cross-entropy"),
        ((5, 13), (8.6, 3.8)),
        strict=True,
    ):
        ax.annotate(text, place, color=line.get_color())


def _draw_the_border(ax, results) -> None:
    output = results.output
    ax.contourf(output.x1, output.x2, output, levels=np.linspace(-1, 1, 11), cmap="PuOr", alpha=0.6)
    ax.contour(output.x1, output.x2, output, levels=[0], colors="black", linewidths=2)
    for x, y, label in _ROWS:
        ax.plot(
            x, y, "so"[label], color="black", markerfacecolor=("C1", "#5e3c99")[label], markersize=9
        )
    ax.set(xlabel="first input", ylabel="second input", title="Classes 0 (squares) and 1 (discs)")


def _draw_the_deltas(ax, results) -> None:
    last = results.cross_entropy.isel(epoch=-1).transpose("seed", "delta")
    for seed, pair in zip(results.seed.values, last, strict=True):
        ax.plot(
            [0, 1],
            pair,
            "o-",
            color="black" if seed == 1 else "#9ec5e0",
            linewidth=1.5,
            zorder=3 if seed == 1 else 2,
        )
    ax.set(xticks=[0, 1], xticklabels=["squared error", "cross-entropy"], xlim=(-0.3, 1.3))
    ax.set(xlabel="loss that the delta belongs to", ylabel="last cross-entropy (nats, sum)")
    gain = _gain(results)
    ax.set_title(f"Mean gain {float(gain.mean):.2f} nats")


def _gain(results):
    last = results.cross_entropy.isel(epoch=-1)
    names = list(DELTAS)
    return paired_difference(
        last.sel(delta=names[0], drop=True), last.sel(delta=names[1], drop=True)
    )


def judge(results: xr.Dataset) -> list[Verdict]:
    apart = float(np.abs(results.weight - results.python_weight).max())
    errors = results.cross_entropy.sel(delta="squared error")
    errors_apart = float(np.abs(errors - results.python_cross_entropy).max())
    return [
        verdict_on(
            "purenet-bias-last",
            apart < 1e-12,
            measured=f"all twelve weights of {results.sizes['seed']} runs agree to {apart:.1g}",
            evidence="plain Python with the bias as last of n + 1 weights, beside dense layers with"
            " a bias of their own, trained alike from the same draws",
        ),
        _judge_the_label(results),
        verdict_on(
            "purenet-sign-convention",
            bool(errors_apart < 1e-10 and (errors[:, -1] < errors[:, 0]).all()),
            measured=f"adding rate · (expected - output) ... and subtracting the gradient give the"
            f" same errors to {errors_apart:.1g}; from every seed they fall, with seed 1 from"
            f" {float(errors.sel(seed=1)[0]):.3f} to {float(errors.sel(seed=1)[-1]):.3f}",
            evidence="plain Python with the slides' signs, beside gradient descent on"
            " losses.squared_error",
        ),
        _judge_the_logarithm(results),
    ]


def _judge_the_label(results) -> Verdict:
    """A row is passed with its label; whatever that is, the outputs stay."""
    same = float(np.abs(results.label_output.diff("label")).max())
    return verdict_on(
        "purenet-row-with-label",
        same == 0,
        measured=f"the outputs change by {same:g} when a row's label does",
        evidence="the ten rows with label 0 and with label 1 through the trained network of plain"
        " Python, each neuron of which reads as many entries as it has weights",
    )


def _judge_the_logarithm(results) -> Verdict:
    """Where a sigmoid rounds to 1, log(1 - output) stops the slides' program; ours stays finite."""
    with jax.enable_x64(True):
        logit = 40.0
        output = 1 / (1 + math.exp(-logit))
        try:
            math.log(1 - output)
        except ValueError as error:
            failure = str(error)
        else:
            failure = ""
        ours = float(losses.sigmoid_binary_cross_entropy(jnp.asarray([logit]), jnp.asarray([0]))[0])
    return verdict_on(
        "purenet-log-of-zero",
        not failure,
        measured=f"at a net input of {logit:g} the output is {output:g} and log(1 - output) fails"
        f" ({failure}); from the logit the loss is {ours:g}",
        evidence="the formula in Python's floats; losses.sigmoid_binary_cross_entropy of the net"
        " input itself, which needs no logarithm of 0",
    )
