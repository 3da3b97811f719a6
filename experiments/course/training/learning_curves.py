"""Which curve betrays underfitting, overfitting or a stall, and what helps?

Slides:   chapter5 5.4 (the learning curves); cnn_session (more hidden units)
Run:      python -m experiments run learning_curves
Takes:    about 30 s on two CPU cores
Expects:  (written before the first run) two hidden units leave training and test loss high and
          close together; 200 learn the noise in the labels: the training loss goes on falling while
          the test loss turns up; a rate that is too large stalls in the noise of the batches, and
          falls again once it is lowered; over the width training accuracy and gap both rise
"""

import dataclasses

import jax.numpy as jnp
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from experiments.claims.verdicts import Verdict, paired_difference, verdict_on
from experiments.pages import style
from jaxnn import data, layers, losses, optimizers, train

CASES = {"underfit": 2, "between": 16, "overfit": 200}  # hidden units
LOWERED_AT = 60  # epochs, of 90
FIRST_RATE = 0.5
LAST_RATES = {"stalled": FIRST_RATE, "lowered": 0.02}
NOISE = 0.2  # the share of wrong training labels


@dataclasses.dataclass(frozen=True)
class Config:
    """Each field is a command-line flag."""

    widths: tuple[int, ...] = (2, 4, 8, 16, 32, 64, 200)
    seeds: int = 10
    epochs: int = 150
    train_size: int = 300


QUICK = Config(widths=(200,), seeds=2, epochs=5)
DATA = ("digits",)
TOLERANCES = {
    "train_loss": (0.1, 0.02),
    "test_loss": (0.1, 0.05),
    "train_accuracy": (0.0, 0.03),
    "test_accuracy": (0.0, 0.05),
    "stalled_train_loss": (0.2, 0.05),
    "lowered_train_loss": (0.2, 0.05),
}


def setup(width, epochs):
    return train.Run(
        model=layers.serial(layers.flatten, layers.dense(width), layers.relu, layers.dense(10)),
        loss=losses.softmax_cross_entropy,
        optimizer=optimizers.gradient_descent(0.1),
        epochs=epochs,
        batch_size=20,
    )


def stalling(last_rate, epochs, steps):
    """A rate of 0.5 until LOWERED_AT, then the last one; `steps` are those of an epoch."""

    def learning_rate(step):
        return jnp.where(step < LOWERED_AT * steps, FIRST_RATE, last_rate)

    return train.Run(
        model=layers.serial(layers.flatten, layers.dense(16), layers.relu, layers.dense(10)),
        loss=losses.softmax_cross_entropy,
        optimizer=optimizers.gradient_descent(learning_rate),
        epochs=epochs,
        batch_size=10,
    )


def run(config: Config) -> xr.Dataset:
    """A fifth of the training labels is wrong, those of the test set are right."""
    digits, seeds = data.load("digits"), range(config.seeds)
    history = train.sweep(
        setup, digits, width=list(config.widths), seed=seeds, epochs=config.epochs,
        train_size=config.train_size, label_noise=NOISE, progress=True,
    )  # fmt: skip
    epochs = min(config.epochs, LOWERED_AT * 3 // 2)
    stalled = train.sweep(
        stalling, digits, last_rate=list(LAST_RATES.values()), seed=seeds, epochs=epochs,
        steps=len(digits.train.inputs) // 10, label_noise=NOISE, progress=True,
    )  # fmt: skip
    losses_of_both = {
        f"{name}_train_loss": stalled.train_loss.sel(last_rate=last_rate)
        .drop_vars(["last_rate", "epochs", "steps", "label_noise"], errors="ignore")
        .rename(epoch="stall_epoch")
        for name, last_rate in LAST_RATES.items()
    }
    dropped = ["epochs", "train_size", "label_noise", *train.ENDINGS]
    return history.drop_vars(dropped, errors="ignore").assign(losses_of_both)


def draw(results: xr.Dataset) -> Figure:
    """Digits with a fifth of the training labels wrong. Top and bottom left: loss of the images
    that are trained on and of unseen ones, whose labels are right, for three widths of the hidden
    layer. Bottom middle: a rate too large for the noise, and the same run with the rate lowered.
    Bottom right: final accuracies over the width. Medians and ranges over the seeds.
    """
    figure, axes = style.subplots(2, 3, size=(17, 10))
    for ax, (case, width) in zip(axes[0], CASES.items(), strict=True):
        if width in results.width:
            _draw_a_case(ax, results.sel(width=width))
        else:
            ax.text(0.5, 1.5, "not run", ha="center")
        ax.set(ylim=(0, 3), xlabel="epoch", title=f"{case.capitalize()}: {width} hidden units")
    axes[0, 0].set_ylabel("loss (nats)")
    _draw_the_gap(axes[1, 0], results)
    _draw_the_stall(axes[1, 1], results)
    _draw_the_widths(axes[1, 2], results)
    return figure


def _draw_a_case(ax, of_width) -> None:
    lines = [
        style.band(ax, of_width.epoch, of_width[name], color=color)
        for name, color in (("train_loss", "C0"), ("test_loss", "C1"))
    ]
    _leave_room(ax, of_width.epoch)
    ax.set_ylim(0, 3)
    style.label_lines(ax, lines, ["seen", "unseen"])


def _draw_the_gap(ax, results) -> None:
    widths = [width for width in CASES.values() if width in results.width]
    lines = [
        style.band(ax, results.epoch, (results.test_loss - results.train_loss).sel(width=width),
                   color=color)
        for width, color in zip(widths, style.shades(len(widths)), strict=True)
    ]  # fmt: skip
    style.reference(ax, "", y=0.0)
    ax.set(xlabel="epoch", ylabel="unseen minus seen (nats)", title="The gap betrays it")
    _leave_room(ax, results.epoch)
    style.label_lines(ax, lines, [f"{width} units" for width in widths])


def _draw_the_stall(ax, results) -> None:
    lines = [
        style.band(ax, results.stall_epoch, results[f"{name}_train_loss"], color=color)
        for name, color in (("stalled", "C4"), ("lowered", "C2"))
    ]
    if int(results.stall_epoch[-1]) > LOWERED_AT:
        style.reference(ax, "rate lowered", x=LOWERED_AT)
    ax.set(xlabel="epoch", ylabel="training loss (nats)")
    ax.set_title("A stall", pad=18)
    _leave_room(ax, results.stall_epoch)
    style.label_lines(ax, lines, ["0.5 throughout", "then 0.02"])


def _draw_the_widths(ax, results) -> None:
    final = results.isel(epoch=-1)
    for name, color, label in (("train", "C0", "seen, noisy labels"), ("test", "C1", "unseen")):
        style.band(ax, final.width, final[f"{name}_accuracy"], whole_lanes=False, marker="o",
                   color=color, label=label)  # fmt: skip
    style.reference(ax, "labels that are right", y=1 - NOISE)
    ax.set(xscale="log", ylim=(0, 1), xlabel="hidden units", ylabel="accuracy at the end")
    ax.set_xticks(final.width.values, [str(width) for width in final.width.values])
    ax.minorticks_off()
    ax.set_title("Over the width")
    ax.legend(loc="lower right")


def _leave_room(ax, epoch) -> None:
    last = int(epoch[-1])
    ax.set_xlim(0, 1.45 * last)
    ax.set_xticks([tick for tick in ax.get_xticks() if 0 <= tick <= last])


def judge(results: xr.Dataset) -> list[Verdict]:
    return [
        _judge_underfitting(results),
        _judge_the_stall(results),
        _judge_the_capacity(results),
    ]


def _judge_underfitting(results) -> Verdict:
    claim = "learning-underfit"
    small, right = CASES["underfit"], CASES["between"]
    if not {small, right, CASES["overfit"]} <= set(results.width.values.tolist()):
        return verdict_on(claim, None, measured="", evidence="not all widths were run")
    final = results.isel(epoch=-1)
    higher = {
        name: paired_difference(final[name].sel(width=small), final[name].sel(width=right))
        for name in ("train_loss", "test_loss")
    }
    gap = np.abs(final.test_loss - final.train_loss)
    closer = paired_difference(gap.sel(width=CASES["overfit"]), gap.sel(width=small))
    return verdict_on(
        claim,
        all(bool(more.low > 0) for more in (*higher.values(), closer)),
        measured=f"with {small} hidden units the training loss is {higher['train_loss']:.3f} and "
        f"the test loss {higher['test_loss']:.3f} nats above that with {right}; their gap is "
        f"{closer:.3f} smaller than with {CASES['overfit']}",
        evidence=f"after {int(results.epoch[-1])} epochs on digits, paired by seed: all three 95 % "
        "intervals must be above 0",
        seeds=min(int(more.runs) for more in (*higher.values(), closer)),
    )


def _judge_the_stall(results) -> Verdict:
    claim = "learning-plateau"
    last = int(results.stall_epoch[-1])
    if last < LOWERED_AT + 10:
        return verdict_on(claim, None, measured="", evidence="the rate was never lowered")

    def around(name, epoch):
        near = results[name].sel(stall_epoch=slice(epoch - 9, epoch))
        return near.mean("stall_epoch", skipna=False)

    stall = paired_difference(
        around("stalled_train_loss", LOWERED_AT // 2), around("stalled_train_loss", LOWERED_AT)
    )
    fall = paired_difference(
        around("lowered_train_loss", LOWERED_AT), around("lowered_train_loss", last)
    )
    without = paired_difference(
        around("stalled_train_loss", last), around("lowered_train_loss", last)
    )
    return verdict_on(
        claim,
        bool(fall.low > 3 * max(float(stall.mean), 0.0)) and bool(without.low > 0),
        measured=f"from epoch {LOWERED_AT // 2} to {LOWERED_AT} the training loss falls by "
        f"{stall:.4f}, in the {last - LOWERED_AT} epochs after the rate is lowered by {fall:.4f}; "
        f"it ends {without:.4f} below the run that went on",
        evidence="means over ten epochs, paired by seed: after the rate is lowered the loss must "
        "fall by three times what it fell in as many epochs before, and end below the run at the "
        "old rate, 95 % intervals",
        seeds=min(int(fall.runs), int(without.runs)),
    )


def _judge_the_capacity(results) -> Verdict:
    claim = "hidden-units-capacity"
    if results.sizes["width"] < 4:
        return verdict_on(claim, None, measured="", evidence="fewer than 4 widths were run")
    final = results.isel(epoch=-1)
    seen, unseen = final.train_accuracy, final.test_accuracy
    narrow, wide = int(results.width[0]), int(results.width[-1])
    richer = paired_difference(seen.sel(width=wide), seen.sel(width=narrow))
    gap = final.test_loss - final.train_loss
    wider = paired_difference(gap.sel(width=wide), gap.sel(width=narrow))
    means = seen.mean("seed").values
    rises = bool((np.diff(means) > -0.005).all())
    best = int(results.width[int(unseen.mean("seed").argmax("width"))])
    return verdict_on(
        claim,
        bool(richer.low > 0) and bool(wider.low > 0) and rises,
        measured=f"from {narrow} to {wide} hidden units the training accuracy rises by "
        f"{richer:.3f}, the gap of the losses by {wider:.3f} nats; the test accuracy is highest "
        f"with {best}",
        evidence=f"{int(results.epoch[-1])} epochs on digits with a fifth of the training labels "
        "wrong, paired by seed: both 95 % intervals above 0, and the mean training accuracy "
        "must not fall from one width to the next by more than 0.005",
        seeds=min(int(richer.runs), int(wider.runs)),
    )
