"""What does each loss charge for an error, and are its probabilities to be believed?

Slides:   r_tutorial 1.3.2 (loss functions), basics (cross-entropy)
Run:      python -m experiments run losses
Takes:    about 10 s on two CPU cores
Expects:  (written before the first run) Huber's loss without |.| falls below zero; the slide's
          0.214 is in decimal logarithms, in nats it is 0.494; JS stays below ln 2 where KL has no
          bound; a sigmoid trained with the cross-entropy says the true probabilities to within a
          few points
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from experiments.claims.verdicts import Verdict, claims, mean_interval, verdict_on
from experiments.pages import style
from jaxnn import activations, data, layers, losses, optimizers, train

DISTANCE = 2.0  # of the two clouds: P(1 | x) = sigmoid(2 x_1), the best accuracy is 0.841
_BINS = np.linspace(0, 1, 11)


@dataclasses.dataclass(frozen=True)
class Config:
    """Each field is a command-line flag."""

    seeds: int = 20
    epochs: int = 20
    examples: int = 1000


QUICK = Config(seeds=2)
DATA = ()
TOLERANCES = {
    "regression": (1e-12, 1e-14),
    "regression_slope": (1e-12, 1e-14),
    "huber_as_printed": (1e-12, 1e-14),
    "cross_entropy": (1e-12, 1e-14),
    "margin": (1e-12, 1e-14),
    "divergence": (1e-12, 1e-14),
    "table": (1e-12, 1e-14),
    "accuracy": (0.0, 0.01),
    "calibration_error": (0.0, 0.01),
    "observed": (0.0, 0.1),
    "predicted": (0.0, 0.05),
}


def setup(epochs):
    return train.Run(
        model=layers.serial(layers.dense(1)),
        loss=losses.sigmoid_binary_cross_entropy,
        optimizer=optimizers.gradient_descent(0.2),
        epochs=epochs,
        batch_size=50,
    )


def run(config: Config) -> xr.Dataset:
    with jax.enable_x64(True):
        curves = _curves()
    return xr.merge([curves, xr.concat([_trained(config, s) for s in range(config.seeds)], "seed")])


def _curves() -> xr.Dataset:
    return xr.merge([_curves_of_residuals(), _curves_of_classes()])


def _curves_of_residuals() -> xr.Dataset:
    pairs = {
        "absolute": (losses.absolute_error, losses.absolute_error_vjp),
        "squared": (losses.squared_error, losses.squared_error_vjp),
        "Huber": (losses.huber, losses.huber_vjp),
    }
    residual = jnp.arange(-120, 121) / 40
    at, zero = residual[:, None], jnp.zeros((residual.size, 1))
    ones = jnp.ones_like(residual)
    named = {
        "regression": (("loss", "residual"), [f(at, zero) for f, _ in pairs.values()]),
        "regression_slope": (
            ("loss", "residual"),
            [vjp(at, zero, ones)[:, 0] for _, vjp in pairs.values()],
        ),
        # what the slide's formula gives, whose linear branch lacks the absolute value
        "huber_as_printed": (
            "residual",
            jnp.where(jnp.abs(residual) <= 1, residual**2 / 2, residual - 0.5),
        ),
    }
    return _labelled(named, {"loss": list(pairs), "residual": residual})


def _curves_of_classes() -> xr.Dataset:
    p = jnp.arange(1, 200) / 200
    score = jnp.arange(-80, 81) / 40
    target = jnp.broadcast_to(jnp.asarray([0.8, 0.2]), (p.size, 2))
    both = jnp.stack([p, 1 - p], axis=1)
    rows = claims()["bce-table-corrected"].inputs
    charged = losses.binary_cross_entropy(
        jnp.asarray(rows["predicted"]), jnp.asarray(rows["actual"])
    )
    named = {
        "cross_entropy": (
            ("label", "p"),
            [losses.binary_cross_entropy(p, jnp.full(p.shape, y)) for y in (0, 1)],
        ),
        "margin": (
            ("margin_loss", "score"),
            [
                losses.hinge(score, jnp.ones(score.shape)),
                losses.sigmoid_binary_cross_entropy(score, jnp.ones(score.shape, int)),
            ],
        ),
        "divergence": (
            ("measure", "p"),
            [
                losses.kl_divergence(both, target),
                losses.kl_divergence(target, both),
                losses.js_divergence(both, target),
            ],
        ),
        "table": (("base", "row"), [charged, charged / math.log(10)]),
    }
    coords = {
        "label": [0, 1],
        "p": p,
        "score": score,
        "margin_loss": ["hinge", "logistic"],
        "measure": ["KL(target, q)", "KL(q, target)", "JS"],
        "base": ["e", "10"],
        "row": np.arange(8),
    }
    return _labelled(named, coords)


def _labelled(named: Mapping[str, Any], coords: Mapping[str, Any]) -> xr.Dataset:
    return xr.Dataset(
        {name: (dims, np.asarray(values)) for name, (dims, values) in named.items()},
        {name: np.asarray(values) for name, values in coords.items()},
    )


def _trained(config: Config, seed: int) -> xr.Dataset:
    """One sigmoid on two clouds of a draw of their own, and what its probabilities are worth."""
    clouds = data.toy.blobs(config.examples, distance=DISTANCE, seed=seed)
    result = train.fit(setup, clouds, seed=seed, epochs=config.epochs)
    model = setup(1).model
    assert clouds.test is not None
    inputs, labels = jnp.asarray(clouds.test.inputs), clouds.test.labels
    params = jax.tree.map(jnp.asarray, result.params)
    logits = model.forward(params, ((),), inputs, None, False)[0]
    says = np.asarray(activations.sigmoid(logits))[:, 0].astype(float)
    truth = np.asarray(activations.sigmoid(DISTANCE * inputs[:, 0])).astype(float)
    which = np.digitize(says, _BINS[1:-1])
    count = np.bincount(which, minlength=10)
    enough = np.where(count >= 10, count, np.nan)
    return xr.Dataset(
        {
            "accuracy": ((), float(((says > 0.5) == labels).mean())),
            "calibration_error": ((), float(np.abs(says - truth).mean())),
            "observed": ("bin", np.bincount(which, labels, 10) / enough),
            "predicted": ("bin", np.bincount(which, says, 10) / enough),
        },
        {"bin": (_BINS[:-1] + _BINS[1:]) / 2, "seed": seed},
    )


def draw(results: xr.Dataset) -> Figure:
    """Top: losses over the residual, with Huber's as the slide prints it (dashed); the binary
    cross-entropy over the predicted probability, in nats and in decimal logarithms (dashed); losses
    over the score of a positive. Bottom: the slide's table, row by row, in both units, and the two
    means; divergences of (q, 1 - q) from (0.8, 0.2); how often the class was 1 where a trained
    sigmoid said so, a line a seed.
    """
    figure, axes = style.subplots(2, 3, size=(17, 10))
    _draw_regression(axes[0, 0], results)
    _draw_cross_entropy(axes[0, 1], results)
    _draw_margins(axes[0, 2], results)
    _draw_the_table(axes[1, 0], results)
    _draw_divergences(axes[1, 1], results)
    _draw_calibration(axes[1, 2], results)
    return figure


def _draw_regression(ax, results) -> None:
    r = results.residual
    for name, place in (
        ("absolute", (2.05, 3.15)),
        ("squared", (0.55, 3.3)),
        ("Huber", (-2.95, 1.2)),
    ):
        (line,) = ax.plot(r, results.regression.sel(loss=name))
        ax.annotate(name, place, color=line.get_color())
    printed = results.huber_as_printed
    ax.plot(r.where(r < -1), printed.where(r < -1), "--", color="C2")
    ax.annotate("Huber as printed,\nwithout |·|", (-2.8, -1.05), color="C2")
    style.reference(ax, "", y=0.0)
    ax.set(xlabel="residual", ylabel="loss", ylim=(-2.5, 4), title="Regression")


def _draw_cross_entropy(ax, results) -> None:
    for label, color in ((1, "C0"), (0, "C1")):
        curve = results.cross_entropy.sel(label=label)
        ax.plot(results.p, curve, color=color)
        ax.plot(results.p, curve / math.log(10), "--", color=color)
        ax.annotate(f"y = {label}", ((0.1, 0.82)[label == 0], 3.0), color=color)
    ax.annotate("dashed: log₁₀", (0.38, 1.3), color="#555555")
    ax.set(xlabel="predicted probability of class 1", ylabel="loss (nats)", ylim=(0, 4))
    ax.set_title("Binary cross-entropy")


def _draw_margins(ax, results) -> None:
    for name, place in (("hinge", (-1.4, 2.65)), ("logistic", (-1.95, 1.2))):
        (line,) = ax.plot(results.score, results.margin.sel(margin_loss=name))
        ax.annotate(name, place, color=line.get_color())
    style.reference(ax, "margin 1", x=1.0)
    ax.set(xlabel="score of a positive", ylabel="loss", title="Hinge, and the logistic loss")


def _draw_the_table(ax, results) -> None:
    rows = np.arange(8)
    for base, color, shift in (("e", "C0", -0.2), ("10", "C1", 0.2)):
        charged = results.table.sel(base=base)
        ax.bar(rows + shift, charged, 0.4, color=color)
        mean = float(charged.mean())
        ax.axhline(mean, color=color, linestyle="--", linewidth=1.5)
        unit = "nats" if base == "e" else "log₁₀"
        ax.annotate(f"mean {mean:.3f} {unit}", (7.5, mean + 0.015), color=color)
    predicted = claims()["bce-table-corrected"].inputs["predicted"]
    ax.set_xticks(rows, [f"{p:g}" for p in predicted])
    ax.set(xlabel="predicted probability of the row", ylabel="loss of the row", xlim=(-0.7, 10.4))
    ax.set_title("The slide's 0.214 is decimal")


def _draw_divergences(ax, results) -> None:
    places = {"KL(target, q)": (0.1, 1.75), "KL(q, target)": (0.22, 0.85), "JS": (0.1, 0.08)}
    for name, place in places.items():
        (line,) = ax.plot(results.p, results.divergence.sel(measure=name))
        ax.annotate(name, place, color=line.get_color())
    style.reference(ax, "", y=math.log(2))
    ax.annotate("ln 2, the bound of JS", (0.45, math.log(2) + 0.03), color="#555555")
    ax.set(xlabel="q", ylabel="divergence (nats)", ylim=(0, 2), title="Divergence from (0.8, 0.2)")


def _draw_calibration(ax, results) -> None:
    ax.plot([0, 1], [0, 1], "--", color="#555555", linewidth=1.2)
    for seed in results.seed.values:
        one = results.sel(seed=seed)
        ax.plot(one.predicted, one.observed, color="C0", alpha=0.3, linewidth=1)
    ax.plot(results.predicted.mean("seed"), results.observed.mean("seed"), "o", color="C0")
    ax.set(xlabel="predicted probability", ylabel="share of class 1")
    ax.set_title("A trained sigmoid is calibrated")


def judge(results: xr.Dataset) -> list[Verdict]:
    accuracy, error = (mean_interval(results[n]) for n in ("accuracy", "calibration_error"))
    best = data.toy.best_accuracy_of_blobs(DISTANCE)
    return [
        verdict_on(
            "bce-use-case",
            bool(accuracy.low > best - 0.02 and error.high < 0.05),
            measured=f"test accuracy {accuracy:.3f}, where the best possible is {best:.3f}; its"
            f" probabilities are off the true ones by {error:.3f} on average",
            evidence="one sigmoid on two clouds whose true probabilities are known, drawn anew for"
            " each seed; the 95 % intervals must be within 2 points of the best accuracy, and below"
            " 0.05",
            seeds=int(min(accuracy.runs, error.runs)),
        )
    ]
