"""Which learning rates are too small, right and too big, and how much do seeds matter?

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
CURVES = (1e-4, 1e-3, 0.01, 0.1, 1.0, 3.0, 100.0)  # the rates whose curves are drawn
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
    results = train.sweep(
        setup, digits, learning_rate=rates, seed=seeds, epochs=config.epochs, progress=True
    )
    results = _named("digits", results)
    results = results.merge(first_step(digits, rates, seeds))
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
    return results.merge(_named("mnist", history).rename(epoch="mnist_epoch"))


def _named(dataset: str, history: xr.Dataset) -> xr.Dataset:
    history = history.drop_vars(["epochs", "hidden", "first_bad_step"], errors="ignore")
    return history.rename({name: f"{dataset}_{name}" for name in history.data_vars})


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
    init_keys = [jax.random.split(jax.random.key(seed))[0] for seed in seeds]  # as a run has it
    params = [model.init(key, dataset.train.inputs.shape[1:])[0] for key in init_keys]
    state = model.init(init_keys[0], dataset.train.inputs.shape[1:])[1]

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
    """The slides' line, a single step, the learning curves and the outcome, by learning rate.
    Lines are medians, bands the range over seeds.
    """
    figure, ((line_ax, step_ax), (curve_ax, end_ax)) = style.subplots(2, 2, size=(13, 9))
    _draw_the_line(line_ax, results)
    _draw_a_step(step_ax, results)
    _draw_the_curves(curve_ax, results)
    _draw_the_outcome(end_ax, results)
    return figure


def _draw_the_line(ax, results) -> None:
    error = np.abs(results.line_w - 1.0)
    rates = error.line_rate.values
    drawn = [ax.plot(error.step, error.sel(line_rate=rate))[0] for rate in rates]
    ax.set(yscale="log", xlabel="step", ylabel="|W − 1|", xlim=(0, 10))
    ax.set_title("The slides' line y = Wx: 3/7 is the limit")
    style.label_lines(ax, drawn, ["3/7" if rate == 3 / 7 else f"{rate:g}" for rate in rates])


def _draw_a_step(ax, results) -> None:
    style.band(ax, results.learning_rate, results.delivered.clip(min=-1), whole_lanes=False)
    style.reference(ax, "what the gradient promises", y=1.0)
    style.reference(ax, "below: the loss rises", y=0.0)
    ax.set(xscale="log", xlabel="learning rate h", ylabel="share of h|∇L|² delivered")
    ax.set(ylim=(-1, 1.15))
    ax.set_title("One step on digits, by its length")


def _draw_the_curves(ax, results) -> None:
    rates = [rate for rate in CURVES if rate in results.learning_rate]
    loss = results.digits_train_loss
    drawn = [
        style.band(ax, loss.epoch, loss.sel(learning_rate=rate), color=color)
        for rate, color in zip(rates, style.shades(len(rates)), strict=True)
    ]
    style.reference(ax, "", y=GUESSING)
    ax.set(xscale="log", yscale="log", xlabel="epoch", ylabel="training loss (nats)")
    ax.set_ylim(2e-3, 60)
    ax.set_title("Digits, rate by rate (dashed: guessing)")
    style.label_lines(ax, drawn, [f"{rate:g}" for rate in rates])


def _draw_the_outcome(ax, results) -> None:
    drawn, labels = [], []
    for name, label, epoch in (("digits", "digits", "epoch"), ("mnist", "MNIST", "mnist_epoch")):
        if f"{name}_test_accuracy" in results:
            last = results[f"{name}_test_accuracy"].isel({epoch: -1})
            x = results.learning_rate
            drawn.append(style.band(ax, x, last, whole_lanes=False, marker="o"))
            labels.append(f"{label}, {int(last[epoch])} epochs")
    ax.axvspan(min(SLIDE_RATES), max(SLIDE_RATES), color="#dddddd", zorder=0)
    ax.annotate("rates of\nr_tutorial", (max(SLIDE_RATES), 0.45), xytext=(6, 0),
                textcoords="offset points", color="#555555")  # fmt: skip
    style.reference(ax, "guessing", y=0.1)
    ax.set(xscale="log", xlabel="learning rate", ylabel="test accuracy", ylim=(0, 1))
    ax.set_title("Where it ends")
    ax.legend(drawn, labels, loc="lower center", bbox_to_anchor=(0.45, 0.12))


def judge(results: xr.Dataset) -> list[Verdict]:
    return [
        *_judge_the_line(results),
        _judge_a_step(results),
        *_judge_the_extremes(results),
        *_judge_the_sweep_of_r_tutorial(results),
    ]


def _judge_the_line(results) -> list[Verdict]:
    """The largest rate below which the error still shrinks is 2 / mean(x^2) = 3/7."""
    steps = np.abs(results.line_w - 1.0)
    factor = (steps.isel(step=10) / steps.isel(step=9)).values
    expected = np.abs(1 - results.line_rate.values * float((LINE**2).mean()))
    threshold = claims()["gd-linear-threshold"].value
    below = results.line_rate.values < threshold - 1e-9
    holds = np.allclose(factor, expected, rtol=1e-9) and (
        (factor[below] < 1).all() and (factor[~below] > 1 - 1e-9).all()
    )
    measured = ", ".join(
        f"{f:.4f} at {r:.4g}" for f, r in zip(factor, results.line_rate.values, strict=True)
    )
    return [
        verdict_on(
            "gd-linear-threshold",
            holds,
            measured=f"factor per step: {measured}",
            evidence="ten steps of optimizers.gradient_descent on the cost of W for x = y = "
            "(1, 2, 3), in float64; the factor must equal |1 - rate mean(x²)|, and be below 1 "
            "exactly for the rates below 3/7",
        )
    ]


def _judge_a_step(results) -> Verdict:
    smallest = results.delivered.isel(learning_rate=0)
    return verdict_on(
        "lr-update-rule",
        bool((np.abs(smallest - 1) < 0.05).all()),
        measured=f"a step of {float(smallest.learning_rate):g} delivers "
        f"{mean_interval(smallest):.4f} of h|∇L|²",
        evidence="one step of the whole digits training set from each seed's initial params; the "
        "decrease must be within 5 % of h|∇L|² for every seed",
        seeds=results.sizes["seed"],
    )


def _judge_the_extremes(results) -> list[Verdict]:
    initial, loss = results.digits_initial_loss, results.digits_train_loss
    final = loss.isel(epoch=-1)
    grew = ~(loss.max("epoch", skipna=False) <= 1.1 * initial)  # NaN counts as grown
    lost = grew & ~(final <= GUESSING)
    rates = results.learning_rate.values
    lost_at = {rate: int(lost.sel(learning_rate=rate).sum()) for rate in rates}
    big, small, seeds = rates[-1], rates[0], lost.sizes["seed"]
    slide = {
        name: np.allclose(results.line_w.sel(line_rate=rate), claims()[name].value, rtol=1e-9)
        for name, rate in (("lr-too-big", 0.5), ("lr-too-small", 1e-4))
    }
    fallen = mean_interval(100 * (1 - final.sel(learning_rate=small) / initial))
    return [
        verdict_on(
            "lr-too-big",
            slide["lr-too-big"] and lost_at[big] == seeds,
            measured="seeds whose loss grew and ended no better than guessing: "
            + ", ".join(f"{n} of {seeds} at {rate:g}" for rate, n in lost_at.items() if n),
            evidence=f"digits: at {big:g} the training loss of every seed must exceed 1.1 times "
            f"its initial value and end above log 10 = {GUESSING:.3f} nats or not finite; and on "
            "the slides' line at 0.5 the W of each step must be the expected one",
            seeds=seeds,
        ),
        verdict_on(
            "lr-too-small",
            slide["lr-too-small"] and float(fallen.high) < 10,
            measured=f"fall of the loss at {small:g} in {results.sizes['epoch']} epochs, in %: "
            f"{fallen:.1f}",
            evidence="digits: the fall from the initial training loss must be under 10 %, with its "
            "95 % interval over seeds; and on the slides' line at 0.0001 the W of each step must "
            "be the expected one",
            seeds=seeds,
        ),
    ]


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
            measured=f"best printed test accuracy at the other rates minus the first: {gain:+.0f} "
            "points",
            evidence="the slide's own three test accuracies, compared",
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
    falling = (curves.isel(epoch=-1) < curves.isel(epoch=0)).all()
    return verdict_on(
        claim,
        bool(ordered == 1) and bool(falling),
        measured=f"in {100 * float(ordered):.1f} % of epochs and seeds the larger rate is lower",
        evidence="digits in place of the slide's pictures: the three training curves must fall and "
        "keep their order in every epoch of every seed",
        seeds=results.sizes["seed"],
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
        seeds=results.sizes["seed"],
    )
