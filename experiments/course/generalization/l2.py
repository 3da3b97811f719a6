"""Does a penalty on the weights help on digits that were not seen, and when is it too strong?

Slides:   chapter5 5.6 (Ridge), 5.4 (overfitting)
Run:      python -m experiments run l2
Takes:    about 50 s on two CPU cores
Expects:  (written before the first run with a penalty) without one the training loss goes to zero
          while the test loss turns up; over the strength the test loss is U-shaped with its minimum
          near 0.001, and the weights shrink; the gain in test accuracy is below one point
"""

import dataclasses

import jax.numpy as jnp
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from experiments.claims.verdicts import (
    Interval,
    Verdict,
    claims,
    mean_interval,
    paired_difference,
    verdict_on,
)
from experiments.pages import style
from jaxnn import backprop, data, layers, losses, optimizers, regularizers, train

RECORDED = np.unique(np.geomspace(1, 500, 60).astype(int))  # the epochs that are kept
SHOWN = (0.0, 3e-4, 1e-2)  # the strengths whose curves are drawn


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
    """Every seed draws its own training set too, so that intervals hold the choice of the data."""
    lanes = [
        train.sweep(
            setup,
            data.load("digits", test_size=1 - config.training_share, seed=seed),
            l2=list(config.strengths), seed=[seed], epochs=config.epochs, progress=True,
        )
        for seed in range(config.seeds)
    ]  # fmt: skip
    history = xr.concat(lanes, "seed").drop_vars(["epochs", *train.ENDINGS], errors="ignore")
    return history.sel(epoch=[epoch for epoch in RECORDED if epoch <= config.epochs])


def draw(results: xr.Dataset) -> Figure:
    """A tenth of the digits is trained on, another tenth for each seed. Top: losses over time, and
    at the end over the strength λ of the penalty. Bottom: the end over λ. Lines are medians and
    bands the quartiles over seeds; in the last panel a mean and its 95 % interval.
    """
    figure, axes = style.subplots(2, 3, size=(17, 9))
    results = results.sortby("l2")
    final = results.isel(epoch=-1)
    _draw_curves(axes[0, 0], results, results.train_loss, "Digits that were seen")
    _draw_curves(axes[0, 1], results, results.test_loss, "Unseen digits: without λ it turns up")
    _draw_the_loss(axes[0, 2], final)
    _draw_the_weights(axes[1, 0], final)
    _draw_the_accuracy(axes[1, 1], final)
    _draw_the_gain(axes[1, 2], final)
    return figure


def _draw_curves(ax, results, loss: xr.DataArray, title: str) -> None:
    shown = [strength for strength in SHOWN if strength in results.l2]
    for strength, color in zip(shown, style.shades(len(shown)), strict=True):
        curve = loss.sel(l2=strength)
        label = f"λ = {strength:g}"
        style.band(ax, curve.epoch, curve, spread="quartiles", color=color, label=label)
    ax.set(xscale="log", xlabel="epoch", ylabel="loss (nats)", ylim=(0, 0.6), xlim=(4, None))
    ax.set_title(title)
    if shown:
        ax.legend(loc="best")


def _draw_the_loss(ax, final) -> None:
    _draw_over_strength(ax, final.test_loss, label="unseen", color="C1")
    _draw_over_strength(ax, final.train_loss, label="seen", color="C0")
    ax.set(ylim=(0, 0.6), ylabel="final loss (nats)", title="The loss over the strength")
    ax.legend(loc="upper left")


def _draw_the_weights(ax, final) -> None:
    _draw_over_strength(ax, final.kernel_norm)
    ax.set(ylim=(0, None), ylabel="norm of the weights", title="The weights over the strength")


def _draw_the_accuracy(ax, final) -> None:
    _draw_over_strength(ax, final.test_accuracy, color="C1")
    ax.set(ylim=(0.85, 0.96), ylabel="test accuracy", title="The accuracy (falls on below 0.85)")


def _draw_the_gain(ax, final) -> None:
    _label_strengths(ax, final)
    ax.set(ylim=(-2, 1.5), ylabel="gain in test accuracy (points)")
    ax.set_title("What it is worth, paired by seed")
    if 0.0 not in final.l2:
        return
    gain = 100 * (final.test_accuracy - final.test_accuracy.sel(l2=0.0, drop=True))
    interval = mean_interval(gain)
    ax.plot(_positions(final), interval.mean, marker="o", color="C1")
    ax.fill_between(_positions(final), interval.low, interval.high, color="C1", alpha=0.2, lw=0)
    style.reference(ax, "", y=0.0)


def _draw_over_strength(ax, y: xr.DataArray, **line) -> None:
    style.band(ax, _positions(y), y, spread="quartiles", whole_lanes=False, marker="o", **line)
    _label_strengths(ax, y)


def _positions(results) -> np.ndarray:
    """Where each strength stands on a logarithmic axis; 0 stands a decade left of the smallest."""
    strengths = results.l2.values
    smallest = min(strengths[strengths > 0], default=1.0)
    return np.where(strengths > 0, strengths, smallest / 10)


def _label_strengths(ax, results) -> None:
    places = _positions(results)
    ticks = {
        x: f"{strength:g}"
        for x, strength in zip(places, results.l2.values, strict=True)
        if strength == 0 or np.isclose(np.log10(x) % 1, [0, 1]).any()
    }
    ax.set(xscale="log", xlabel="strength λ of the penalty")
    ax.set_xticks(list(ticks), list(ticks.values()))
    ax.minorticks_off()


def judge(results: xr.Dataset) -> list[Verdict]:
    results = results.sortby("l2")
    return [
        *_judge_the_formulas(),
        *_judge_overfitting(results),
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


def _judge_overfitting(results: xr.Dataset) -> list[Verdict]:
    """The turning point is chosen on one half of the seeds and judged on the other."""
    claim_ids = ("overfit-split", "learning-overfit")
    if lacking := _lacking(results, strengths=1):
        return [verdict_on(claim, None, measured="", evidence=lacking) for claim in claim_ids]
    chosen_on, judged_on = _halves(results.sel(l2=0.0))
    turn = int(results.epoch[chosen_on.test_loss.mean("seed").argmin("epoch")])
    last = int(results.epoch[-1])
    at_turn, at_end = (judged_on.sel(epoch=epoch) for epoch in (turn, last))
    rise = paired_difference(at_end.test_loss, at_turn.test_loss)
    fall = paired_difference(at_turn.train_loss, at_end.train_loss)
    gap_at_turn, gap_at_end = (split.test_loss - split.train_loss for split in (at_turn, at_end))
    widening = paired_difference(gap_at_end, gap_at_turn)
    where = (
        f"λ = 0, a split of the digits for each seed; the epoch of the lowest mean test loss, "
        f"{turn}, is chosen on one half of the seeds, the change until epoch {last} is measured "
        "on the other, paired by seed; 95 % interval"
    )
    return [
        verdict_on(
            "overfit-split",
            turn < last and bool(rise.low > 0) and bool(fall.low > 0),
            measured=f"after epoch {turn} the test loss rises by {rise:.4f} nats while the "
            f"training loss falls by {fall:.4f}",
            evidence=f"{where} of both above 0",
            seeds=_fewest(rise, fall),
        ),
        verdict_on(
            "learning-overfit",
            turn < last and bool(widening.low > 0),
            measured=f"the gap between the curves widens by {widening:.4f} nats",
            evidence=f"{where} above 0",
            seeds=_fewest(widening),
        ),
    ]


def _judge_the_strength(results: xr.Dataset) -> list[Verdict]:
    """The best strength is chosen on one half of the seeds and judged on the other."""
    claim_ids = ("regularisation-strength", "regularisation-definition")
    if lacking := _lacking(results, strengths=3):
        return [verdict_on(claim, None, measured="", evidence=lacking) for claim in claim_ids]
    chosen_on, judged_on = _halves(results.isel(epoch=-1))
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
        "a split of the digits for each seed; the strength of the lowest mean test loss, "
        f"{best:g}, is chosen on one half of the seeds; differences are measured on the other "
        "half, paired by seed, 95 % intervals"
    )
    significant = "" if accuracy.low > 0 or accuracy.high < 0 else ", which is not significant"
    return [
        verdict_on(
            "regularisation-strength",
            is_u and shrinks,
            measured=f"at λ = {best:g} the test loss is {gain:.4f} nats below that at 0 and "
            f"{loss_of_too_much:.4f} below that at {strongest:g}; mean norm of the weights from "
            f"{float(norms.isel(l2=0).mean()):.2f} to {float(norms.isel(l2=-1).mean()):.2f}",
            evidence=f"{where} above 0; the norm must fall with each strength for every seed",
            seeds=_fewest(gain, loss_of_too_much),
        ),
        verdict_on(
            "regularisation-definition",
            is_u and bool(training.low > 0),
            measured=f"at λ = {best:g} the training loss is {training:.4f} nats above that at 0, "
            f"the test loss {gain:.4f} below and {loss_of_too_much:.4f} below that at "
            f"{strongest:g}; test accuracy {accuracy:+.2f} points{significant}",
            evidence=f"{where} above 0; the error is the loss that is trained on, the accuracy "
            "stands beside it",
            seeds=_fewest(gain, loss_of_too_much, training),
        ),
    ]


def _lacking(results: xr.Dataset, strengths: int) -> str:
    """What was not run and must be for a judgement; empty where all is there."""
    if 0.0 not in results.l2:
        return "the strength 0 was not run"
    if results.sizes["l2"] < strengths:
        return f"at least {strengths} strengths are needed"
    if results.sizes["seed"] < 2:
        return "one seed cannot be split into a half to choose on and a half to judge on"
    chosen_on, _ = _halves(results.sel(l2=0.0))
    return "" if np.isfinite(chosen_on.test_loss).any() else "no run without a penalty is finite"


def _halves(results: xr.Dataset) -> tuple[xr.Dataset, xr.Dataset]:
    half = results.sizes["seed"] // 2
    return results.isel(seed=slice(half)), results.isel(seed=slice(half, None))


def _fewest(*intervals: Interval) -> int:
    """The number of seeds that every one of the intervals rests on."""
    return min(int(interval.runs) for interval in intervals)
