"""Which learning rates are too small, right and too big?

Slides:   r_tutorial 2.8 (0.01, 0.002, 0.005); chapter5 5.4 (too big, too small); basics (cost of W)
Run:      python -m experiments run learning_rate
Takes:    about 40 s on two CPU cores
Expects:  (written before the first run) on digits 0.1 to 1 is best, 0.0001 hardly moves, 100 ends
          worse than guessing; the three rates of the slides are stretched copies of one curve
"""

import dataclasses
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import xarray as xr
from matplotlib.figure import Figure

from experiments import style
from experiments.verdicts import Verdict, claims, mean_interval, verdict_on
from jaxnn import backprop, data, layers, losses, optimizers, train

SLIDE_RATES = (0.01, 0.005, 0.002)
LINE = np.array([1.0, 2.0, 3.0])  # x and y of the cost of W in basics
TOO_SMALL, TOO_BIG = 1e-4, 100.0  # the rates that chapter5's two claims are judged at
CURVES = (1e-4, 0.002, 0.005, 0.01, 0.1, 1.0, 3.0, 100.0)  # the rates whose curves are drawn
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


QUICK = Config(learning_rates=(1e-4, 0.01, 0.1, 100.0), seeds=2, epochs=10, mnist_epochs=1)
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
    return history.drop_vars("first_bad_step").where(sound).assign(first_bad_step=bad)


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


def draw(results: xr.Dataset) -> Figure:
    """Top: the slides' line y = Wx, a single step on digits, and the three rates of r_tutorial over
    the product of rate and epochs. Bottom: the learning curves on digits (one legend for both), and
    where each rate ends. Lines are medians over seeds and bands their range; a cross with a count
    is the number of seeds that diverged to values that are not finite.
    """
    figure, axes = style.subplots(2, 3, size=(17, 9.5))
    results = results.sortby("learning_rate")
    _draw_the_line(axes[0, 0], results)
    _draw_a_step(axes[0, 1], results)
    _draw_the_rescaling(axes[0, 2], results)
    _draw_the_loss_curves(axes[1, 0], results)
    _draw_the_accuracy_curves(axes[1, 1], results)
    _draw_the_outcome(axes[1, 2], results)
    return figure


def _draw_the_line(ax, results) -> None:
    error = np.abs(results.line_w - 1.0)
    for rate in error.line_rate.values:
        is_limit = rate == 3 / 7
        ax.plot(
            error.step,
            error.sel(line_rate=rate),
            label="3/7" if is_limit else f"{rate:g}",
            **({"linestyle": "--", "color": "black", "zorder": 3} if is_limit else {}),
        )
    ax.set(yscale="log", xlabel="step", ylabel="|W − 1|", xlim=(0, 10))
    ax.set_title("The slides' line y = Wx: 3/7 is the limit")
    ax.legend(title="learning rate", loc="lower left")


def _draw_a_step(ax, results) -> None:
    style.band(ax, results.learning_rate, results.delivered, whole_lanes=False)
    style.reference(ax, "what the gradient promises", y=1.0)
    style.reference(ax, "below: the loss rises", y=0.0)
    ax.set(xscale="log", xlabel="learning rate h", ylabel="share of h|∇L|² delivered")
    ax.set(ylim=(-1, 1.15))
    ax.set_title("One step on digits (goes on below)")


def _draw_the_rescaling(ax, results) -> None:
    rates = [rate for rate in SLIDE_RATES if rate in results.learning_rate]
    for rate, dashes, width in zip(rates, ("-", "--", ":"), (5, 3, 3), strict=False):
        loss = results.digits_test_loss.sel(learning_rate=rate)
        style.band(
            ax, rate * loss.epoch, loss, label=f"{rate:g}", linestyle=dashes, linewidth=width
        )
    ax.set(xlabel="learning rate × epoch", ylabel="test loss (nats)", ylim=(0, None))
    ax.set_title("The rates of r_tutorial fall on one curve")
    if rates:
        ax.legend(title="learning rate", loc="lower left")


def _draw_the_loss_curves(ax, results) -> None:
    _draw_curves(ax, results.digits_train_loss)
    style.reference(ax, "", y=GUESSING)
    ax.set(xscale="log", yscale="log", xlabel="epoch", ylabel="training loss (nats)")
    ax.set_ylim(1e-3, 60)
    ax.set_title("Digits, training loss (dashed: guessing)")
    if ax.lines:
        ax.legend(title="learning rate", title_fontsize="small", loc="lower left",
                  fontsize="small", labelspacing=0.2, handlelength=1.2)  # fmt: skip


def _draw_the_accuracy_curves(ax, results) -> None:
    _draw_curves(ax, results.digits_test_accuracy)
    style.reference(ax, "", y=0.1)
    ax.set(xscale="log", xlabel="epoch", ylabel="test accuracy", ylim=(-0.03, 1.03))
    ax.set_title("Digits, test accuracy (colours: left)")


def _draw_curves(ax, metric: xr.DataArray) -> None:
    rates = [rate for rate in CURVES if rate in metric.learning_rate]
    for rate, color in zip(rates, style.shades(len(rates)), strict=True):
        style.band(ax, metric.epoch, metric.sel(learning_rate=rate), color=color, label=f"{rate:g}")


def _draw_the_outcome(ax, results) -> None:
    ax.axvspan(min(SLIDE_RATES), max(SLIDE_RATES), color="#dddddd", zorder=0)
    ax.annotate("rates of\nr_tutorial", (max(SLIDE_RATES), 0.45), xytext=(6, 0),
                textcoords="offset points", color="#555555")  # fmt: skip
    style.reference(ax, "guessing", y=0.1)
    for name, label, epoch in (("digits", "digits", "epoch"), ("mnist", "MNIST", "mnist_epoch")):
        if f"{name}_test_accuracy" not in results:
            continue
        last = results[f"{name}_test_accuracy"].isel({epoch: -1})
        label = f"{label}, {int(last[epoch])} epochs"
        line = style.band(
            ax, results.learning_rate, last, whole_lanes=False, marker="o", label=label
        )
        _mark_diverged(ax, results[f"{name}_first_bad_step"] >= 0, label, line.get_color())
    ax.set(xscale="log", xlabel="learning rate", ylabel="test accuracy", ylim=(-0.03, 1.03))
    ax.set_title("Where it ends")
    ax.legend(loc="lower center", bbox_to_anchor=(0.45, 0.12))


def _mark_diverged(ax, diverged: xr.DataArray, label: str, color: str) -> None:
    """A cross at the foot for every rate at which seeds diverged, and how many of how many."""
    height = 0.0 if label.startswith("digits") else 0.04
    for rate, count in zip(diverged.learning_rate.values, diverged.sum("seed").values, strict=True):
        if count:
            ax.plot(rate, height, "x", color=color, markersize=9, markeredgewidth=2.5)
            ax.annotate(f"{count} of {diverged.sizes['seed']} diverged", (rate, height),
                        xytext=(-8, 0), textcoords="offset points", color=color, fontsize="small",
                        horizontalalignment="right", verticalalignment="center")  # fmt: skip


def judge(results: xr.Dataset) -> list[Verdict]:
    results = results.sortby("learning_rate")
    return [
        _judge_the_line(results),
        _judge_a_step(results),
        _judge_too_big(results),
        _judge_too_small(results),
        *_judge_the_sweep_of_r_tutorial(results),
    ]


def _judge_the_line(results) -> Verdict:
    """The largest rate below which the error still shrinks is 2 / mean(x^2) = 3/7."""
    claim = "gd-linear-threshold"
    threshold, rates = claims()[claim].value, results.line_rate.values
    below = rates < threshold - 1e-9
    if below.all() or not below.any():
        return verdict_on(
            claim, None, measured="", evidence="the line was not run on both sides of the limit"
        )
    error = np.abs(results.line_w.transpose("line_rate", "step").values - 1.0)
    factor = np.abs(1 - rates * float((LINE**2).mean()))
    follows = np.allclose(error[:, 1:], factor[:, None] * error[:, :-1], rtol=1e-9, atol=1e-15)
    ratio = error[:, -1] / error[:, 0]
    splits = (ratio[below] < 1).all() and (ratio[~below] > 1 - 1e-9).all()
    measured = ", ".join(f"{e[1] / e[0]:.4f} at {r:.4g}" for e, r in zip(error, rates, strict=True))
    return verdict_on(
        claim,
        bool(follows and splits),
        measured=f"factor per step: {measured}",
        evidence="ten steps of optimizers.gradient_descent on the cost of W for x = y = (1, 2, 3), "
        "in float64; the error must change by |1 - rate mean(x²)| in each step, and shrink exactly "
        "for the rates below 3/7",
    )


def _judge_a_step(results) -> Verdict:
    claim = "lr-update-rule"
    if TOO_SMALL not in results.learning_rate:
        return _not_run(claim, TOO_SMALL)
    delivered = results.delivered.sel(learning_rate=TOO_SMALL)
    return verdict_on(
        claim,
        bool((np.abs(delivered - 1) < 0.05).all()),
        measured=f"a step of {TOO_SMALL:g} delivers {mean_interval(delivered):.4f} of h|∇L|²",
        evidence="one step of the whole digits training set from each seed's initial params; the "
        "decrease must be within 5 % of h|∇L|² for every seed",
        seeds=results.sizes["seed"],
    )


def _judge_too_big(results) -> Verdict:
    claim, line_rate = "lr-too-big", 0.5
    if TOO_BIG not in results.learning_rate or line_rate not in results.line_rate:
        return _not_run(claim, TOO_BIG, line_rate)
    w = results.line_w.sel(line_rate=line_rate).values
    growth = np.abs((w[1:] - 1) / (w[:-1] - 1))
    on_the_line = np.allclose(w, claims()[claim].value, rtol=1e-9) and np.allclose(growth, 4 / 3)
    fates = _fates(results)
    learned = fates["learned"].sum("seed")
    seeds = results.sizes["seed"]
    big = [
        r for r in results.learning_rate.values if r >= 1 and learned.sel(learning_rate=r) < seeds
    ]
    at_big = "; ".join(_what_happened(results, fates, rate) for rate in big)
    return verdict_on(
        claim,
        bool(on_the_line and learned.sel(learning_rate=TOO_BIG) == 0),
        measured=f"line: the error grows at least {growth.min():.4f}-fold in each step at "
        f"{line_rate:g}. Digits: {at_big or 'some seeds learn at every rate'}",
        evidence="the loss grows without bound on the slides' line, where the W of each step must "
        f"be the expected one. Digits: at {TOO_BIG:g} no seed may learn; each must be not finite, "
        "end above its own initial loss, or end no better than guessing (log 10 = "
        f"{GUESSING:.3f} nats). There the mean loss of an epoch need not grow on: it rises, and "
        "then stays where nothing is learned",
        seeds=results.sizes["seed"],
    )


def _fates(results) -> dict[str, xr.DataArray]:
    """Which runs on digits ended how; each run is in exactly one of the four."""
    final, initial = results.digits_train_loss.isel(epoch=-1), results.digits_initial_loss
    bad = (results.digits_first_bad_step >= 0) | ~np.isfinite(final)
    above, guessing = ~bad & (final > initial), ~bad & (final <= initial) & (final >= GUESSING)
    return {
        "not finite": bad,
        "above their initial loss": above,
        "no better than guessing": guessing,
        "learned": ~(bad | above | guessing),
    }


def _what_happened(results, fates, rate: float) -> str:
    loss = results.digits_train_loss.sel(learning_rate=rate)
    peak = (loss.max("epoch") / results.digits_initial_loss).median("seed")
    counts = ", ".join(
        f"{int(count)} {name}"
        for name, runs in fates.items()
        if (count := runs.sel(learning_rate=rate).sum())
    )
    return (
        f"at {rate:g} the loss peaks at {float(peak):.3g} times the initial one and ends at "
        f"{float(loss.isel(epoch=-1).median('seed')):.4g} nats (medians; of "
        f"{loss.sizes['seed']} seeds {counts})"
    )


def _judge_too_small(results) -> Verdict:
    claim = "lr-too-small"
    if TOO_SMALL not in results.learning_rate or TOO_SMALL not in results.line_rate:
        return _not_run(claim, TOO_SMALL)
    w = results.line_w.sel(line_rate=TOO_SMALL).values
    final = results.digits_train_loss.sel(learning_rate=TOO_SMALL).isel(epoch=-1)
    fallen = mean_interval(100 * (1 - final / results.digits_initial_loss))
    return verdict_on(
        claim,
        np.allclose(w, claims()[claim].value, rtol=1e-9)
        and bool(0 < fallen.low < fallen.high < 10),
        measured=f"fall of the loss at {TOO_SMALL:g} in {results.sizes['epoch']} epochs, in %: "
        f"{fallen:.1f}; W on the line after ten steps: {w[-1]:.4f}",
        evidence="digits: the fall from the initial training loss must be above 0 and under 10 %, "
        "with its 95 % interval over seeds; and on the slides' line at 0.0001 the W of each step "
        "must be the expected one",
        seeds=int(fallen.runs),
    )


def _not_run(claim: str, *rates: float) -> Verdict:
    which = " and ".join(f"{rate:g}" for rate in rates)
    return verdict_on(
        claim, None, measured="", evidence=f"needs the rates {which} on digits and the line"
    )


def _judge_the_sweep_of_r_tutorial(results) -> list[Verdict]:
    first, *others = claims()["r-lr-sweep-no-improvement"].value  # printed test accuracies, %
    gain = max(others) - first
    return [
        verdict_on(
            "r-lr-sweep",
            None,
            measured="",
            evidence="the numbers are those of one neuron on the cats and dogs pictures, which the "
            "library does not load yet; the same rates are swept on digits and MNIST here",
        ),
        verdict_on(
            "r-lr-sweep-no-improvement",
            bool(gain > 0),
            measured="arithmetic on the slide's numbers: best printed test accuracy at the other "
            f"rates minus the first: {gain:+.0f} points",
            evidence="the slide's own three test accuracies, compared; nothing was trained",
        ),
        _judge_the_order(results),
        _judge_the_rescaling(results),
    ]


def _judge_the_order(results) -> Verdict:
    claim = "r-lr-curves"
    if not set(SLIDE_RATES) <= set(results.learning_rate.values):
        return verdict_on(claim, None, measured="", evidence="the rates of the slide were not run")
    curves = results.digits_train_loss.sel(learning_rate=list(SLIDE_RATES))
    ordered = (curves.diff("learning_rate") > 0).mean()  # 0.01 lowest, then 0.005, then 0.002
    falling = (curves.isel(epoch=-1) < curves.isel(epoch=0)).mean()
    return verdict_on(
        claim,
        None,
        measured=f"digits: {100 * float(falling):.1f} % of the curves fall; in "
        f"{100 * float(ordered):.1f} % of epochs and seeds the larger rate is lower",
        evidence="the slide's curves are of the cats and dogs pictures, which the library does not "
        "load yet; measured is the training loss of another network on digits",
    )


def _judge_the_rescaling(results) -> Verdict:
    claim = "r-lr-time-rescaling"
    epochs = {0.01: 10, 0.005: 20, 0.002: 50}  # equal products
    there = set(epochs) <= set(results.learning_rate.values)
    if not there or max(epochs.values()) > results.sizes["epoch"]:
        return verdict_on(claim, None, measured="", evidence="too few rates or epochs were run")
    cost = {
        rate: results.digits_test_loss.sel(learning_rate=rate, epoch=epoch)
        for rate, epoch in epochs.items()
    }
    ratios = {rate: mean_interval(cost[rate] / cost[0.01]) for rate in (0.005, 0.002)}
    return verdict_on(
        claim,
        all(abs(float(bound) - 1) < 0.05 for r in ratios.values() for bound in (r.low, r.high)),
        measured="; ".join(f"{rate:g}: {ratio:.4f}" for rate, ratio in ratios.items()),
        evidence="digits: the test loss after equal products of rate and epochs, as a multiple of "
        "that at 0.01 after 10 epochs, paired by seed; the 95 % intervals must lie within 5 % of 1",
        seeds=min(int(ratio.runs) for ratio in ratios.values()),
    )
