"""What does momentum buy: in a narrow valley, where the answer is known, and on real digits?

Slides:   ann_session supplement 2 (momentum); chapter5 5.7 (poor conditioning)
Run:      python -m experiments run momentum
Takes:    about 15 s on two CPU cores
Expects:  (written before the first run) the paths follow the closed form to rounding; momentum
          needs several times fewer steps in the valley, with less zig-zag; on digits it wins at an
          equal rate, and about equals plain descent at the rate that its velocity tends to,
          eta / (1 - gamma)
"""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from experiments.claims.verdicts import Verdict, claims, mean_interval, verdict_on
from experiments.pages import style
from jaxnn import data, layers, losses, optimizers, train

CURVATURES = np.array([1.0, 50.0])  # of the valley J = (x^2 + 50 y^2) / 2
START = np.array([1.0, 1.0])


@dataclasses.dataclass(frozen=True)
class Config:
    """Each field is a command-line flag."""

    learning_rates: tuple[float, ...] = (0.01, 0.1)
    momenta: tuple[float, ...] = (0.0, 0.5, 0.9)
    seeds: int = 10
    epochs: int = 50
    valley_steps: int = 200


QUICK = Config(learning_rates=(0.01,), momenta=(0.0, 0.9), seeds=2, epochs=10)
DATA = ("digits",)
TOLERANCES = {
    "path": (1e-9, 1e-12),
    "closed_form": (1e-9, 1e-12),
    "train_loss": (0.05, 0.01),
    "test_loss": (0.05, 0.02),
    "train_accuracy": (0.0, 0.02),
    "test_accuracy": (0.0, 0.03),
}


def setup(learning_rate, momentum, epochs):
    return train.Run(
        model=layers.serial(layers.flatten, layers.dense(100), layers.relu, layers.dense(10)),
        loss=losses.softmax_cross_entropy,
        optimizer=optimizers.momentum(learning_rate, momentum),
        epochs=epochs,
        batch_size=64,
    )


def valley_settings() -> dict[str, tuple[float, float]]:
    """(eta, gamma) of each descent: the best of plain descent, then momentum.

    With curvatures from mu to L, plain descent does best at eta = 2 / (L + mu); momentum at
    eta = (2 / (sqrt L + sqrt mu))^2, gamma = ((sqrt L - sqrt mu) / (sqrt L + sqrt mu))^2
    [Polyak 1964].
    """
    low, high = CURVATURES.min(), CURVATURES.max()
    root_low, root_high = np.sqrt(low), np.sqrt(high)
    plain = 2 / (high + low)
    best = (
        (2 / (root_high + root_low)) ** 2,
        ((root_high - root_low) / (root_high + root_low)) ** 2,
    )
    return {"plain, best step": (plain, 0.0), "γ = 0.9, same step": (plain, 0.9),
            "best momentum": best}  # fmt: skip


def run(config: Config) -> xr.Dataset:
    history = train.sweep(
        setup, data.load("digits"), learning_rate=list(config.learning_rates),
        momentum=list(config.momenta), seed=range(config.seeds), epochs=config.epochs,
        progress=True,
    )  # fmt: skip
    history = history.drop_vars(["epochs", *train.ENDINGS], errors="ignore")
    paths = {
        name: _both_paths(*pair, config.valley_steps) for name, pair in valley_settings().items()
    }
    coords = {
        "descent": list(paths),
        "step": np.arange(config.valley_steps + 1),
        "axis": ["x", "y"],
    }
    stacked = np.stack(list(paths.values()), axis=1)
    return history.assign(
        path=xr.DataArray(stacked[0], coords), closed_form=xr.DataArray(stacked[1], coords)
    )


def _both_paths(learning_rate: float, decay: float, num_steps: int) -> np.ndarray:
    """The path of the optimizer in float64, and that of the closed form: [2, steps + 1, axes]."""
    with jax.enable_x64(True):
        path = optimizers.descend(
            optimizers.momentum(learning_rate, decay),
            lambda theta: jnp.asarray(CURVATURES) * theta,
            jnp.asarray(START),
            num_steps,
        )
    exact = [
        start * heavy_ball(curvature, learning_rate, decay, np.arange(num_steps + 1))
        for start, curvature in zip(START, CURVATURES, strict=True)
    ]
    return np.stack([path, np.stack(exact, axis=1)])


def heavy_ball(
    curvature: float, learning_rate: float, decay: float, step: np.ndarray
) -> np.ndarray:
    """theta_t / theta_0 on J = curvature theta^2 / 2, solved in closed form.

    The two update rules together are theta_(t+1) = (1 + gamma - eta curvature) theta_t - gamma
    theta_(t-1), a linear recursion, so theta_t = A r^t + B s^t with the roots r, s of
    z^2 - (1 + gamma - eta curvature) z + gamma, or (A + B t) r^t where they coincide; A and B
    follow from theta_0 = 1 and theta_1 = 1 - eta curvature.
    """
    first = 1 - learning_rate * curvature
    half = (first + decay) / 2
    root = np.sqrt(complex(half**2 - decay))
    if abs(root) < 1e-7:
        return (1 + (first / half - 1) * step) * half**step
    r, s = half + root, half - root
    a = (first - s) / (r - s)
    return np.real(a * r**step + (1 - a) * s**step)


def draw(results: xr.Dataset) -> Figure:
    """Top: the first 40 steps down a narrow valley. Bottom: the whole way down (dots: the closed
    form); the training loss on digits, as medians with bands over the range of the seeds; and how
    much higher plain descent's is than that of momentum on the same seed, mean and 95 % interval.
    """
    figure, ((*valley_axes,), (way_ax, curve_ax, gain_ax)) = style.subplots(2, 3, size=(16, 9))
    names = list(results.descent.values)
    for ax, name, color in zip(valley_axes, names, ("C0", "C1", "C2"), strict=True):
        _draw_a_path(ax, results.path.sel(descent=name), color)
        ax.set_title(name)
        ax.sharex(valley_axes[0])
        ax.sharey(valley_axes[0])
    valley_axes[0].set_ylabel("y (curvature 50)")
    _draw_the_way_down(way_ax, results)
    _draw_digits(curve_ax, results)
    _draw_the_gain(gain_ax, results)
    return figure


def _draw_a_path(ax, path: xr.DataArray, color: str) -> None:
    x, y = np.meshgrid(np.linspace(-0.6, 1.15, 200), np.linspace(-2.9, 2.9, 200))
    cost = (CURVATURES[0] * x**2 + CURVATURES[1] * y**2) / 2
    ax.contour(x, y, cost, levels=np.geomspace(0.05, 200, 9), colors="#cccccc", linewidths=0.8)
    first = path.isel(step=slice(0, 41))
    ax.plot(first.sel(axis="x"), first.sel(axis="y"), ".-", color=color, linewidth=1)
    ax.plot(0, 0, "+", color="black", markersize=14, markeredgewidth=2)
    ax.set(xlabel="x (curvature 1)", xticks=[-0.5, 0.0, 0.5, 1.0])


def _draw_the_way_down(ax, results) -> None:
    distance, exact = (_distance(results[name]) for name in ("path", "closed_form"))
    drawn = []
    for name in results.descent.values:
        (line,) = ax.plot(distance.step, distance.sel(descent=name))
        ax.plot(exact.step[::8], exact.sel(descent=name)[::8], "o", color=line.get_color())
        drawn.append(line)
    style.reference(ax, "1/1000", y=1e-3)
    ax.set(yscale="log", xlabel="step", ylabel="distance / initial distance", ylim=(1e-6, 5))
    ax.set_title("The way down (dots: closed form)")
    ax.legend(drawn, results.descent.values, loc="upper right")


def _draw_digits(ax, results) -> None:
    drawn, labels = [], []
    for rate in results.learning_rate.values:
        for momentum in results.momentum.values:
            loss = results.train_loss.sel(learning_rate=rate, momentum=momentum)
            dashes = "--" if momentum == 0 else "-"  # seen on top of an equal curve
            drawn.append(style.band(ax, results.epoch, loss, linestyle=dashes))
            labels.append(f"η {rate:g}, γ {momentum:g}")
    ax.set(yscale="log", xlabel="epoch", ylabel="training loss (nats)")
    ax.set_title("Digits, rate η and momentum γ")
    _label_inside(ax, drawn, labels, results.epoch)


def _draw_the_gain(ax, results) -> None:
    gains = _gains(results)
    drawn = []
    for gain in gains.values():
        interval = mean_interval(gain)
        drawn += ax.plot(gain.epoch, interval.mean)
        color = drawn[-1].get_color()
        ax.fill_between(gain.epoch, interval.low, interval.high, color=color, alpha=0.25, lw=0)
    style.reference(ax, "as with momentum", y=0.0)
    ax.set(xlabel="epoch", ylabel="difference of losses (nats)")
    ax.set_title("Plain descent minus η 0.01, γ 0.9")
    _label_inside(ax, drawn, list(gains), results.epoch)


def _label_inside(ax, lines, texts, epoch: xr.DataArray) -> None:
    """Labels within the axes, in room of their own, so that the rows keep one spacing."""
    last = int(epoch[-1])
    ax.set_xlim(0, 1.5 * last)
    ax.set_xticks([tick for tick in ax.get_xticks() if tick <= last])
    for text in style.label_lines(ax, lines, texts):
        text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1})


def _distance(path: xr.DataArray) -> xr.DataArray:
    return np.sqrt((path**2).sum("axis")) / np.sqrt((START**2).sum())


def _gains(results) -> dict[str, xr.DataArray]:
    """Training loss of plain descent minus that of gamma = 0.9 at 0.01, seed by seed."""
    loss = results.train_loss
    if not {0.0, 0.9} <= set(results.momentum.values) or 0.01 not in results.learning_rate:
        return {}
    with_momentum = loss.sel(learning_rate=0.01, momentum=0.9)
    gains = {"plain, η 0.01": loss.sel(learning_rate=0.01, momentum=0.0) - with_momentum}
    if 0.1 in results.learning_rate:
        gains["plain, η 0.1"] = loss.sel(learning_rate=0.1, momentum=0.0) - with_momentum
    return {
        name: gain.drop_vars(["learning_rate", "momentum"], errors="ignore")
        for name, gain in gains.items()
    }


def judge(results: xr.Dataset) -> list[Verdict]:
    return [*_judge_the_formulas(), _judge_plain_descent(results), _judge_the_path(results)]


def _judge_the_formulas() -> list[Verdict]:
    verdicts = []
    for claim, decay, learning_rate, gradients in (
        ("momentum-update", 0.9, 0.1, [1.0, 2.0, 3.0]),
        ("momentum-expansion", 0.5, 0.2, [1.0, -2.0, 4.0, 0.5]),
    ):
        *velocities, unrolled = claims()[claim].value
        ours = _velocities(optimizers.momentum(learning_rate, decay), gradients)
        powers = decay ** np.arange(len(gradients))[::-1]
        holds = np.allclose(ours, velocities, rtol=1e-12) and np.isclose(
            ours[-1], learning_rate * (powers * gradients).sum(), rtol=1e-12
        )
        verdicts.append(
            verdict_on(
                claim,
                bool(holds and np.isclose(ours[-1], unrolled, rtol=1e-12)),
                measured=f"v = {', '.join(f'{v:.6g}' for v in ours)}",
                evidence=f"optimizers.momentum({learning_rate}, {decay}) on the gradients "
                f"{', '.join(f'{g:g}' for g in gradients)} in float64, and the unrolled sum",
            )
        )
    return verdicts


def _velocities(optimizer, gradients) -> list[float]:
    with jax.enable_x64(True):
        state, velocities = optimizer.init(jnp.zeros(())), []
        for gradient in gradients:
            updates, state = optimizer.update(jnp.asarray(gradient), state)
            velocities.append(-float(updates))
    return velocities


def _steps_to_a_thousandth(distance: xr.DataArray) -> float:
    """The first step from which on the distance stays below a thousandth of the first."""
    above = np.flatnonzero(distance.values > 1e-3)
    steps = int(above[-1]) + 1
    return steps if steps < distance.sizes["step"] else math.inf


def _judge_plain_descent(results) -> Verdict:
    claim = "poor-conditioning"
    step, contraction, steps = claims()[claim].value
    if results.sizes["step"] <= steps:
        return verdict_on(claim, None, measured="", evidence=f"fewer than {steps} steps were run")
    distance = _distance(results.path).isel(descent=0)
    factor = float(distance[-1] / distance[-2])
    needed = _steps_to_a_thousandth(distance)
    holds = np.isclose(factor, contraction, rtol=1e-9) and needed == steps
    return verdict_on(
        claim,
        bool(holds and np.isclose(valley_settings()["plain, best step"][0], step)),
        measured=f"contraction {factor:.6f} per step, a thousandth after {needed} steps",
        evidence="optimizers.momentum with γ = 0 and step 2/(1 + 50) from (1, 1) in float64",
    )


def _judge_the_path(results) -> Verdict:
    """The slide shows one step size with and without momentum; so is it judged."""
    claim = "momentum-path"
    steps, gains = claims()["poor-conditioning"].value[2], _gains(results)
    if results.sizes["step"] <= steps:
        return verdict_on(claim, None, measured="", evidence=f"fewer than {steps} steps were run")
    if not gains:
        return verdict_on(
            claim, None, measured="", evidence="γ 0 and 0.9 at η 0.01 were not both run on digits"
        )
    worst = float(np.abs(results.path - results.closed_form).max())
    distance = _distance(results.path)
    plain, same_step, best = (
        _steps_to_a_thousandth(distance.sel(descent=name)) for name in results.descent.values
    )
    y = results.path.sel(axis="y")
    across = np.abs(y.diff("step")).sum("step").values
    valley = worst < 1e-12 and same_step < plain < math.inf and across[1] < across[0]
    digits = mean_interval(gains["plain, η 0.01"].isel(epoch=-1))
    return verdict_on(
        claim,
        bool(valley and digits.low > 0),
        measured=f"steps to a thousandth: {plain} plain, {same_step} with γ = 0.9, {best} with the "
        f"best momentum; way across the valley {across[0]:.1f}, {across[1]:.1f}, {across[2]:.1f}; "
        f"closed form met to {worst:.0e}; digits at η = 0.01: training loss plain minus momentum "
        f"{digits:.3f}",
        evidence="with the same step, momentum must need fewer steps and go less way across the "
        "valley than plain descent; and on digits, with the same η and γ = 0.9, end with a lower "
        "training loss, paired by seed, 95 % interval above 0. First we had asked for less way "
        "across at each one's best setting: that is false. The best momentum swings further, and "
        "wins by its speed",
        seeds=int(digits.runs),
    )
