"""Does a penalty on the weights help on digits that were not seen, and when is it too strong?

Slides:   chapter5 5.6 (Ridge), 5.4 (overfitting)
Run:      python -m experiments run l2
Takes:    about 30 s on two CPU cores
Expects:  (written before the first run with a penalty) without one the training loss goes to zero
          while the test loss turns up; over the strength the test loss is U-shaped with its minimum
          near 0.001, and the weights shrink; the gain in test accuracy is below one point
"""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from experiments import style
from experiments.verdicts import Verdict, claims, mean_interval, paired_difference, verdict_on
from jaxnn import backprop, data, layers, losses, optimizers, regularizers, train

RECORDED = np.unique(np.geomspace(1, 500, 60).astype(int))  # the epochs that are kept
SHOWN = (0.0, 1e-3, 1e-2)  # the strengths whose curves are drawn


@dataclasses.dataclass(frozen=True)
class Config:
    """Each field is a command-line flag."""

    strengths: tuple[float, ...] = (0.0, 1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
    seeds: int = 20
    epochs: int = 500
    training_share: float = 0.1


QUICK = Config(strengths=(0.0, 1e-3, 1e-1), seeds=2, epochs=50)
DATA = ("digits",)
TOLERANCES = {
    "train_loss": (0.1, 0.005),
    "test_loss": (0.05, 0.01),
    "train_accuracy": (0.0, 0.02),
    "test_accuracy": (0.0, 0.01),
    "kernel_norm": (0.02, 0.01),
}


def setup(l2, epochs):
    return train.Run(
        model=layers.serial(layers.flatten, layers.dense(100), layers.relu, layers.dense(10)),
        loss=losses.softmax_cross_entropy,
        regularizer=regularizers.l2(l2),
        optimizer=optimizers.gradient_descent(0.3),
        monitors={"kernel_norm": regularizers.kernel_norm},
        epochs=epochs,
        batch_size=20,
    )


def run(config: Config) -> xr.Dataset:
    few_digits = data.load("digits", test_size=1 - config.training_share)
    history = train.sweep(
        setup, few_digits, l2=list(config.strengths), seed=range(config.seeds),
        epochs=config.epochs, progress=True,
    )  # fmt: skip
    history = history.drop_vars(["epochs", "first_bad_step"])
    return history.sel(epoch=[epoch for epoch in RECORDED if epoch <= config.epochs])


def draw(results: xr.Dataset) -> Figure:
    """A tenth of the digits is trained on. Losses over time, and final losses, weights and accuracy
    over the strength of the penalty. Lines are medians and bands quartiles over seeds; those of
    the accuracy are means and 95 % intervals.
    """
    figure, ((curve_ax, loss_ax), (norm_ax, gain_ax)) = style.subplots(2, 2, size=(13, 9))
    _draw_curves(curve_ax, results)

    final = results.isel(epoch=-1)
    _draw_over_strength(loss_ax, final, {"train_loss": "seen", "test_loss": "unseen"})
    loss_ax.set(ylim=(0, 0.6), ylabel="final loss (nats)", title="The loss over the strength")
    _draw_over_strength(norm_ax, final, {"kernel_norm": ""})
    norm_ax.set(ylabel="norm of the weights", title="The weights over the strength")
    _draw_the_gain(gain_ax, final)
    return figure


def _draw_curves(ax, results) -> None:
    drawn, labels = [], []
    for strength, color in zip(SHOWN, ("C1", "C0", "C2"), strict=True):
        if strength in results.l2:
            lane = results.sel(l2=strength)
            settings: dict[str, Any] = {"spread": "quartiles", "color": color}
            drawn.append(style.band(ax, lane.epoch, lane.test_loss, **settings))
            style.band(ax, lane.epoch, lane.train_loss, linestyle="--", **settings)
            labels.append(f"λ = {strength:g}")
    ax.set(xscale="log", xlabel="epoch", ylabel="loss (nats)", ylim=(0, 0.6), xlim=(4, None))
    ax.set_title("Unseen digits (solid) and seen digits (dashed)")
    style.label_lines(ax, drawn, labels)


def _draw_over_strength(ax, final, names: dict[str, str]) -> None:
    lines = [
        style.band(
            ax, _positions(final), final[name], spread="quartiles", whole_lanes=False, marker="o"
        )
        for name in names
    ]
    _label_strengths(ax, final)
    if len(names) > 1:
        ax.legend(lines, list(names.values()), loc="upper left")


def _draw_the_gain(ax, final) -> None:
    gain = 100 * (final.test_accuracy - final.test_accuracy.sel(l2=0.0, drop=True))
    interval = mean_interval(gain)
    ax.plot(_positions(final), interval.mean, marker="o")
    ax.fill_between(_positions(final), interval.low, interval.high, color="C0", alpha=0.2, lw=0)
    style.reference(ax, "without a penalty", y=0.0)
    _label_strengths(ax, final)
    ax.set(ylim=(-2, 1.5), ylabel="gain in test accuracy (points)")
    ax.set_title("What it is worth, paired by seed (95 % interval)")


def _positions(results) -> np.ndarray:
    """Where each strength stands on a logarithmic axis; 0 stands a decade left of the smallest."""
    strengths = results.l2.values
    return np.where(strengths > 0, strengths, strengths[strengths > 0].min() / 10)


def _label_strengths(ax, results) -> None:
    zero, *others = _positions(results)
    decades = [x for x in others if np.isclose(np.log10(x) % 1, [0, 1]).any()]
    ax.set(xscale="log", xlabel="strength λ of the penalty")
    ax.set_xticks([zero, *decades], ["0", *(f"{x:g}" for x in decades)])
    ax.minorticks_off()


def judge(results: xr.Dataset) -> list[Verdict]:
    return [
        *_judge_the_formulas(),
        *_judge_overfitting(results.sel(l2=0.0)),
        *_judge_the_strength(results),
    ]


def _judge_the_formulas() -> list[Verdict]:
    weights = jnp.asarray([[1.0, -2.0], [0.5, 0.0]])
    penalty = float(regularizers.l2_penalty(weights, strength=0.1))
    # One weight W = 1 and targets 0: the losses |W x - 0| are 0.2, 0.4, 0.9 and 0.05 W^2 is 0.05.
    gradient = backprop.by_hand(
        layers.dense(1, use_bias=False), losses.absolute_error, regularizers.l2(0.05)
    )
    x = jnp.asarray([[0.2], [0.4], [0.9]])
    (objective, _), _ = gradient({"kernel": jnp.ones((1, 1))}, (), x, jnp.zeros((3, 1)), None)
    return [
        verdict_on(
            "l2-penalty",
            bool(np.isclose(penalty, claims()["l2-penalty"].value)),
            measured=f"{penalty:.6g}",
            evidence="regularizers.l2_penalty of these weights at this strength",
        ),
        verdict_on(
            "regularised-objective",
            bool(np.isclose(objective, claims()["regularised-objective"].value)),
            measured=f"{float(objective):.6g}",
            evidence="the objective of backprop.by_hand for a network, data and a strength that "
            "have these losses and this penalty",
        ),
    ]


def _judge_overfitting(plain: xr.Dataset) -> list[Verdict]:
    """The turning point is chosen on one half of the seeds and judged on the other."""
    chosen_on, judged_on = _halves(plain)
    seeds = judged_on.sizes["seed"]
    turn = int(plain.epoch[chosen_on.test_loss.mean("seed").argmin("epoch")])
    last = int(plain.epoch[-1])
    at_turn, at_end = (judged_on.sel(epoch=epoch) for epoch in (turn, last))
    rise = paired_difference(at_end.test_loss, at_turn.test_loss)
    fall = paired_difference(at_turn.train_loss, at_end.train_loss)
    gap = {name: split.test_loss - split.train_loss for name, split in
           (("turn", at_turn), ("end", at_end))}  # fmt: skip
    widening = paired_difference(gap["end"], gap["turn"])
    where = (
        f"λ = 0; the epoch of the lowest mean test loss, {turn}, is chosen on one half of the "
        f"seeds, the change until epoch {last} is measured on the other, paired by seed; 95 % "
        "interval"
    )
    return [
        verdict_on(
            "overfit-split",
            turn < last and bool(rise.low > 0) and bool(fall.low > 0),
            measured=f"after epoch {turn} the test loss rises by {rise:.4f} nats while the "
            f"training loss falls by {fall:.4f}",
            evidence=f"{where} of both above 0",
            seeds=seeds,
        ),
        verdict_on(
            "learning-overfit",
            turn < last and bool(widening.low > 0),
            measured=f"the gap between the curves widens by {widening:.4f} nats",
            evidence=f"{where} above 0",
            seeds=seeds,
        ),
    ]


def _judge_the_strength(results: xr.Dataset) -> list[Verdict]:
    """The best strength is chosen on one half of the seeds and judged on the other."""
    chosen_on, judged_on = _halves(results.isel(epoch=-1))
    seeds = judged_on.sizes["seed"]
    best = float(results.l2[chosen_on.test_loss.mean("seed").argmin("l2")])
    strongest = float(results.l2[-1])
    none, at_best, at_most = (judged_on.sel(l2=strength) for strength in (0.0, best, strongest))
    gain = paired_difference(none.test_loss, at_best.test_loss)
    loss_of_too_much = paired_difference(at_most.test_loss, at_best.test_loss)
    accuracy = paired_difference(100 * at_best.test_accuracy, 100 * none.test_accuracy)
    training = paired_difference(at_best.train_loss, none.train_loss)
    norms = results.kernel_norm.isel(epoch=-1)
    shrinks = bool((norms.diff("l2") < 0).all())
    is_u = 0 < best < strongest and bool(gain.low > 0) and bool(loss_of_too_much.low > 0)
    where = (
        f"the strength of the lowest mean test loss, {best:g}, is chosen on one half of the seeds; "
        "differences are measured on the other half, paired by seed, 95 % intervals"
    )
    return [
        verdict_on(
            "regularisation-strength",
            is_u and shrinks,
            measured=f"at λ = {best:g} the test loss is {gain:.4f} nats below that at 0 and "
            f"{loss_of_too_much:.4f} below that at {strongest:g}; mean norm of the weights from "
            f"{float(norms.isel(l2=0).mean()):.2f} to {float(norms.isel(l2=-1).mean()):.2f}",
            evidence=f"{where} above 0; the norm must fall with each strength for every seed",
            seeds=seeds,
        ),
        verdict_on(
            "regularisation-definition",
            is_u and bool(training.low > 0),
            measured=f"at λ = {best:g} the training loss is {training:.4f} nats above that at 0, "
            f"the test loss {gain:.4f} below; test accuracy {accuracy:+.2f} points",
            evidence=f"{where} above 0; the error is the loss that is trained on, the accuracy "
            "stands beside it",
            seeds=seeds,
        ),
    ]


def _halves(results: xr.Dataset) -> tuple[xr.Dataset, xr.Dataset]:
    half = results.sizes["seed"] // 2
    return results.isel(seed=slice(half)), results.isel(seed=slice(half, None))
