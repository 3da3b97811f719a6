"""Where do the update rules lead: down a valley, off a saddle, and on MNIST?

Slides:   chapter5 5.7 (the limits of SGD: poor conditioning, saddle points); cnn_session (the
          optimizer decides how the weights change)
Run:      python -m experiments run optimizers
Takes:    about 45 s on two CPU cores
Expects:  (written before the first run) from the ridge of the saddle no rule leaves, from a
          millionth beside it all do: momentum and Nesterov in fewer steps than plain descent, the
          rules that divide by the root of squares in fewest;
          on MNIST every other rule beats plain descent at its own best rate
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from experiments.claims.verdicts import Verdict, paired_difference, verdict_on
from experiments.pages import style
from jaxnn import data, layers, losses, optimizers, train

RULES = {
    "gradient descent": optimizers.gradient_descent,
    "momentum": optimizers.momentum,
    "Nesterov": optimizers.nesterov,
    "AdaGrad": optimizers.adagrad,
    "RMSProp": optimizers.rmsprop,
    "Adam": optimizers.adam,
}
VALLEY = (1.0, 50.0)  # the curvatures of J = (x^2 + 50 y^2) / 2
SADDLE = (2.0, -2.0)  # and of J = x^2 - y^2
BESIDE = 1e-6  # how far from the ridge y = 0 a descent starts
RATES_HERE = {
    "gradient descent": 0.02,
    "momentum": 0.02,
    "Nesterov": 0.02,
    "AdaGrad": 0.2,
    "RMSProp": 0.02,
    "Adam": 0.05,
}  # on the two surfaces


@dataclasses.dataclass(frozen=True)
class Config:
    """Each field is a command-line flag."""

    rules: tuple[str, ...] = tuple(RULES)
    learning_rates: tuple[float, ...] = (0.001, 0.01, 0.1)
    seeds: int = 10
    epochs: int = 2
    train_size: int = 6_000
    surface_steps: int = 500


QUICK = Config(rules=("Adam",), learning_rates=(0.01,), seeds=2, epochs=1)
DATA = ("mnist",)
TOLERANCES = {
    "valley": (1e-9, 1e-12),
    "ridge": (1e-9, 1e-12),
    "beside": (1e-6, 1e-9),
    "train_loss": (0.1, 0.02),
    "test_loss": (0.1, 0.02),
    "train_accuracy": (0.0, 0.03),
    "test_accuracy": (0.0, 0.03),
}


def setup(rule, learning_rate, epochs):
    return train.Run(
        model=layers.serial(layers.flatten, layers.dense(64), layers.relu, layers.dense(10)),
        loss=losses.softmax_cross_entropy,
        optimizer=RULES[rule](learning_rate),
        epochs=epochs,
        batch_size=64,
    )


def run(config: Config) -> xr.Dataset:
    """On MNIST where it is at hand, and on the two surfaces."""
    starts = {"valley": (VALLEY, (1.0, 1.0)), "ridge": (SADDLE, (1.0, 0.0)),
              "beside": (SADDLE, (1.0, BESIDE))}  # fmt: skip
    coords = {
        "rule": list(config.rules),
        "step": np.arange(config.surface_steps + 1),
        "axis": ["x", "y"],
    }
    results = xr.Dataset(
        {
            name: xr.DataArray(
                np.stack([_path(rule, *where, config.surface_steps) for rule in config.rules]),
                coords,
            )
            for name, where in starts.items()
        }
    )
    try:
        mnist = data.load("mnist")
    except data.DataNotFoundError:
        return results
    history = train.sweep(
        setup, mnist, rule=list(config.rules), learning_rate=list(config.learning_rates),
        seed=range(config.seeds), epochs=config.epochs, train_size=config.train_size,
        progress=True,
    )  # fmt: skip
    dropped = ["epochs", "train_size", *train.ENDINGS]
    return results.merge(history.drop_vars(dropped, errors="ignore"))


def _path(
    rule: str, curvatures: tuple[float, float], start: tuple[float, float], num_steps: int
) -> np.ndarray:
    """[step, axis], in float64; beyond the edge at |y| = 1e6 of the saddle the path stands."""
    with jax.enable_x64(True):
        path = optimizers.descend(
            RULES[rule](RATES_HERE[rule]),
            lambda w: jnp.where(jnp.abs(w).max() < 1e6, jnp.asarray(curvatures) * w, 0.0),
            jnp.asarray(start, jnp.float64),
            num_steps,
        )
        return np.asarray(path)


def draw(results: xr.Dataset) -> Figure:
    """Top: the first 60 steps down a valley, from the upper right. Bottom left: the distance from
    the ridge of a saddle, from a millionth beside it. Bottom right: the training loss of MNIST at
    each rule's best rate, one dot for each seed, best rule below.
    """
    figure, axes = style.subplots(2, 2, size=(16, 11))
    colors = {rule: f"C{i}" for i, rule in enumerate(results.rule.values)}
    _draw_the_valley(axes[0, 0], results, list(results.rule.values)[:3], colors)
    _draw_the_valley(axes[0, 1], results, list(results.rule.values)[3:], colors)
    axes[0, 0].set_title("A valley, curvatures 1 and 50")
    axes[0, 1].set_title("The same valley, rules that scale each axis")
    _draw_the_saddle(axes[1, 0], results, colors)
    _draw_mnist(axes[1, 1], results, colors)
    return figure


def _draw_the_valley(ax, results, rules, colors) -> None:
    x, y = np.meshgrid(np.linspace(-0.8, 1.2, 100), np.linspace(-1.2, 1.2, 100))
    ax.contour(x, y, (x**2 + 50 * y**2) / 2, levels=np.geomspace(0.05, 50, 8), colors="#cccccc",
               linewidths=0.8)  # fmt: skip
    for rule in rules:
        path = results.valley.sel(rule=rule).isel(step=slice(0, 61))
        ax.plot(path.sel(axis="x"), path.sel(axis="y"), ".-", color=colors[rule], linewidth=1.2,
                label=rule)  # fmt: skip
    ax.plot(0, 0, "+", color="black", markersize=14, markeredgewidth=2)
    ax.set(xlabel="x (curvature 1)", ylabel="y (curvature 50)", xlim=(-0.8, 1.2), ylim=(-1.2, 1.2))
    if rules:
        ax.legend(loc="lower right")


def _draw_the_saddle(ax, results, colors) -> None:
    for rule in results.rule.values:
        away = np.abs(results.beside.sel(rule=rule, axis="y"))
        ax.plot(away.step, away, color=colors[rule], label=rule)
    style.reference(ax, "left the saddle: |y| = 1", y=1.0)
    ax.set(yscale="log", xlabel="step", ylabel="|y|, the distance from the ridge")
    ax.set(ylim=(BESIDE / 2, 10), xlim=(0, 420), title="Off a saddle (on the ridge all stay)")
    ax.legend(loc="lower right")


def _draw_mnist(ax, results, colors) -> None:
    ax.set_title("MNIST, 6,000 images, each rule at its best rate")
    ax.set(xlabel="training loss of the last epoch (nats)")
    if "train_loss" not in results:
        ax.text(0.5, 0.5, "MNIST was not at hand", transform=ax.transAxes, ha="center")
        return
    ends = {rule: _at_best_rate(results, rule) for rule in results.rule.values}
    order = sorted(ends, key=lambda rule: float(ends[rule].mean()))
    for place, rule in enumerate(order):
        loss = ends[rule]
        ax.plot(loss, np.full(loss.shape, place), "o", color=colors[rule], alpha=0.7)
    labels = [f"{rule}\nη {best_rate(results, rule):g}" for rule in order]
    ax.set_yticks(range(len(order)), labels)


def best_rate(results, rule) -> float:
    """The rate of the lowest mean final training loss on the first half of the seeds."""
    half = max(1, results.sizes["seed"] // 2)
    loss = results.train_loss.sel(rule=rule).isel(epoch=-1, seed=slice(half))
    mean = loss.mean("seed", skipna=False).fillna(np.inf)
    return float(results.learning_rate[int(mean.argmin("learning_rate"))])


def _at_best_rate(results, rule) -> xr.DataArray:
    """The final training loss on the other half of the seeds."""
    half = results.sizes["seed"] // 2
    loss = results.train_loss.isel(epoch=-1, seed=slice(half, None))
    return loss.sel(rule=rule, learning_rate=best_rate(results, rule), drop=True)


def steps_to_leave(results, rule) -> float:
    """The first step with |y| >= 1, infinite where there is none."""
    left = np.flatnonzero(np.abs(results.beside.sel(rule=rule, axis="y").values) >= 1)
    return float(left[0]) if len(left) else np.inf


def judge(results: xr.Dataset) -> list[Verdict]:
    return [_judge_the_saddle(results), _judge_the_roles(results)]


def _judge_the_saddle(results) -> Verdict:
    """The slide speaks of descent; the other rules stand beside it."""
    steps = {rule: steps_to_leave(results, rule) for rule in results.rule.values}
    plain = "gradient descent"
    if plain not in steps:
        return verdict_on("sgd-saddle", None, measured="", evidence="plain descent was not run")
    stays = bool((results.ridge.sel(axis="y") == 0).all())
    end = float(np.abs(results.ridge.sel(rule=plain, axis="x")[-1]))
    gradient = float(2 * end)
    listed = ", ".join(f"{rule} {step:g}" for rule, step in steps.items())
    return verdict_on(
        "sgd-saddle",
        stays and gradient < 1e-6 and np.isfinite(steps[plain]),
        measured=f"on the ridge plain descent ends with a gradient of {gradient:.1e} at the saddle "
        f"and y stays 0; from {BESIDE:g} beside it, steps until |y| = 1: {listed}",
        evidence="x^2 - y^2 from (1, 0) and from (1, 1e-6), in float64; on the ridge the gradient "
        "must vanish with y = 0 for every rule, and a start beside it must leave",
    )


def _judge_the_roles(results) -> Verdict:
    claim = "optimiser-role"
    if "train_loss" not in results:
        return verdict_on(claim, None, measured="", evidence="MNIST was not at hand; "
                          "`python -m experiments data prepare mnist` fetches it")  # fmt: skip
    if results.sizes["rule"] < 2 or results.sizes["seed"] < 2:
        return verdict_on(claim, None, measured="", evidence="fewer than two rules or seeds")
    plain = "gradient descent"
    gains = {
        rule: paired_difference(_at_best_rate(results, plain), _at_best_rate(results, rule))
        for rule in results.rule.values
        if rule != plain
    }
    differ = all(gain.low > 0 or gain.high < 0 for gain in gains.values())
    apart = min(
        float(np.abs(results.valley.sel(rule=a) - results.valley.sel(rule=b)).max())
        for i, a in enumerate(results.rule.values)
        for b in results.rule.values[:i]
    )
    return verdict_on(
        claim,
        apart > 0.01 and differ,
        measured="training loss of MNIST below that of plain descent, each at its best rate, by "
        + "; ".join(f"{rule} {gain:.3f}" for rule, gain in gains.items()),
        evidence="the same loss, start and batches, the rate of each rule chosen on one half of "
        "the seeds and judged on the other, paired by seed: each 95 % interval must leave out 0; "
        f"and no two paths down the valley may coincide (the nearest are {apart:.2g} apart)",
        seeds=min(int(gain.runs) for gain in gains.values()),
    )
