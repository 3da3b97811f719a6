"""What does the cost of a line look like over its slope W, and does gradient descent find the
bottom?

Slides:   basics (the cost of a linear model, gradient descent)
Run:      python -m experiments run cost_of_w
Takes:    about 5 s on two CPU cores
Expects:  (written before the first run) the cost is the parabola 14/3 (W - 1)^2, so 4.67, 0, 4.67
          at W = 0, 1, 2; each step shrinks the error by 1 - 14/3 α, up to α = 3/7 where it
          diverges; on a cost with two valleys the same rule stops in whichever is nearer
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from experiments.claims.ledger import descent
from experiments.claims.verdicts import Verdict, claims, mean_interval, verdict_on
from experiments.pages import style
from jaxnn import backprop, data, graph, layers, losses, optimizers

_LINE = backprop.by_hand(layers.dense(1), losses.squared_error)
(_W,) = graph.variables("w")
TWO_VALLEYS = 0.25 * _W**4 + -0.5 * _W**2 + 0.2 * _W + 0.5  # the left one is the deeper


@dataclasses.dataclass(frozen=True)
class Config:
    """Each field is a command-line flag."""

    learning_rates: tuple[float, ...] = (0.02, 0.1, 3 / 14, 0.4, 0.45)
    steps: int = 30
    seeds: int = 10


QUICK = Config(seeds=2)
DATA = ()
TOLERANCES = {
    "cost": (1e-12, 1e-13),
    "slope_of_cost": (1e-12, 1e-13),
    "path": (1e-9, 1e-12),
    "path_cost": (1e-9, 1e-12),
    "change_of_cost": (1e-6, 1e-12),
    "fitted": (1e-7, 1e-9),
    "least_squares": (1e-9, 1e-12),
    "valley_path": (1e-9, 1e-12),
    "valley_cost": (1e-9, 1e-12),
}


def run(config: Config) -> xr.Dataset:
    with jax.enable_x64(True):
        return xr.merge([_parabola(config), _directions(), _fits(config), _two_valleys()])


def _points():
    line = data.toy.line().train
    return jnp.asarray(line.inputs[:, 0], float), jnp.asarray(line.labels[:, 0], float)


def _parabola(config: Config) -> xr.Dataset:
    x, y = _points()

    def half_gradient(w):  # the slides step along (1/m) sum (W x - y) x
        return descent.line(w, x, y)[1] / 2

    def descend_fn(rate):
        optimizer = optimizers.gradient_descent(rate)
        return optimizers.descend(optimizer, half_gradient, jnp.zeros(()), config.steps)

    line_fn = jax.jit(jnp.vectorize(lambda w: descent.line(w, x, y)))
    w = jnp.arange(-8, 25) / 8
    cost, slope = line_fn(w)
    paths = jax.jit(jax.vmap(descend_fn))(jnp.asarray(config.learning_rates))
    along, _ = line_fn(paths)
    return xr.Dataset(
        {
            "cost": ("w", np.asarray(cost)),
            "slope_of_cost": ("w", np.asarray(slope)),
            "path": (("learning_rate", "step"), np.asarray(paths)),
            "path_cost": (("learning_rate", "step"), np.asarray(along)),
        },
        {
            "w": np.asarray(w),
            "learning_rate": list(config.learning_rates),
            "step": np.arange(config.steps + 1),
        },
    )


def _objective(theta, x, y):
    """The cost of the line W x + b and its gradient; theta is (W, b)."""
    params = {"kernel": theta[:1, None], "bias": theta[1:]}
    (cost, _), grads = _LINE(params, (), x[:, None], y[:, None], None)
    return cost, jnp.append(grads["kernel"].ravel(), grads["bias"])


def _directions(length: float = 1e-4) -> xr.Dataset:
    """How the cost changes by a short step from (W, b) = (0, 0), by its angle to the gradient."""
    x, y = _points()
    theta = jnp.zeros(2)
    cost, gradient = _objective(theta, x, y)
    degrees = np.arange(0, 361, 10)
    angle = jnp.arctan2(gradient[1], gradient[0]) + jnp.deg2rad(jnp.asarray(degrees, float))
    steps = length * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=1)
    change = jax.jit(jax.vmap(lambda step: _objective(theta + step, x, y)[0] - cost))(steps)
    scaled = np.asarray(change) / length
    return xr.Dataset({"change_of_cost": ("angle", scaled)}, {"angle": degrees})


def _fits(config: Config, steps: int = 2000) -> xr.Dataset:
    """Gradient descent on W and b of noisy points, beside the normal equations' solution."""
    optimizer = optimizers.gradient_descent(0.1)

    def points_fn(seed):
        x_key, noise_key = jax.random.split(jax.random.key(seed))
        x = jax.random.uniform(x_key, (20,)) * 3
        return x, 2 * x - 1 + 0.3 * jax.random.normal(noise_key, (20,))

    def descend_fn(x, y):
        path = optimizers.descend(
            optimizer, lambda theta: _objective(theta, x, y)[1], jnp.zeros(2), steps
        )
        return path[-1]

    x, y = jax.jit(jax.vmap(points_fn))(jnp.arange(config.seeds))
    fitted = jax.jit(jax.vmap(descend_fn))(x, y)
    design = np.stack([x, np.ones(x.shape)], axis=-1)
    exact = [
        np.linalg.lstsq(one, targets, rcond=None)[0]
        for one, targets in zip(design, np.asarray(y), strict=True)
    ]
    names = ("seed", "parameter")
    return xr.Dataset(
        {"fitted": (names, np.asarray(fitted)), "least_squares": (names, np.stack(exact))},
        {"seed": np.arange(config.seeds), "parameter": ["W", "b"]},
    )


def _two_valleys_cost(w):
    return graph.evaluate(TWO_VALLEYS, w=w)[TWO_VALLEYS]


def _two_valleys(steps: int = 200) -> xr.Dataset:
    """Gradient descent on a cost with two minima, from the left, the right and the hill between."""
    value_and_grad = jax.value_and_grad(_two_valleys_cost)
    hill = float(np.sort(np.roots([1, 0, -1, 0.2]).real)[1])  # where the slope is 0
    starts = {"left": -1.8, "hill": hill, "right": 1.8}
    optimizer = optimizers.gradient_descent(0.1)
    paths = jax.vmap(
        lambda start: optimizers.descend(optimizer, lambda w: value_and_grad(w)[1], start, steps)
    )(jnp.asarray(list(starts.values())))
    names = ("start", "valley_step")
    return xr.Dataset(
        {
            "valley_path": (names, np.asarray(paths)),
            "valley_cost": (names, np.asarray(jax.vmap(jax.vmap(value_and_grad))(paths)[0])),
        },
        {"start": list(starts), "valley_step": np.arange(steps + 1)},
    )


def draw(results: xr.Dataset) -> Figure:
    """Top: the cost of the line W x on the points (1, 1), (2, 2), (3, 3), with the slides' values,
    and gradient descent on it; W over the steps at several rates α; the same as an error, a
    straight line where each step shrinks it by the same factor. Bottom: what a short step from W =
    b = 0 does to the cost, by its angle to the gradient; W and b that descent finds on noisy
    points, and least squares (circles), one colour a seed; a cost with two valleys.
    """
    figure, axes = style.subplots(2, 3, size=(17, 10))
    _draw_the_parabola(axes[0, 0], results)
    _draw_the_paths(axes[0, 1], results)
    _draw_the_errors(axes[0, 2], results)
    _draw_the_directions(axes[1, 0], results)
    _draw_the_fits(axes[1, 1], results)
    _draw_the_valleys(axes[1, 2], results)
    return figure


def _draw_the_parabola(ax, results) -> None:
    ax.plot(results.w, results.cost, color="#888888")
    if 0.1 in results.learning_rate:
        path, cost = (results[name].sel(learning_rate=0.1) for name in ("path", "path_cost"))
        ax.plot(path[:11], cost[:11], "o-", color="C1", linewidth=1, markersize=5)
        ax.annotate(
            "descent, α = 0.1",
            (path[1], cost[1]),
            xytext=(8, 12),
            color="C1",
            textcoords="offset points",
        )
    for w, printed in zip(
        (0.0, 1.0, 2.0), claims()["cost-linear-summary"].printed_value, strict=True
    ):
        ax.plot(w, printed, "D", color="black", markersize=8, markerfacecolor="none")
        ax.annotate(
            f"slide: {printed:g}",
            (w, printed),
            xytext=(0, -20),
            ha="center",
            textcoords="offset points",
            color="#555555",
        )
    ax.set(
        xlabel="slope W", ylabel="cost", xlim=(-0.6, 2.6), ylim=(-1.3, 10), title="The cost of W"
    )


def _draw_the_paths(ax, results) -> None:
    lines = [
        ax.plot(results.step[:16], results.path.sel(learning_rate=rate)[:16], ".-", color=color)[0]
        for rate, color in _rates(results)
    ]
    style.reference(ax, "minimum", y=1.0)
    ax.set(xlabel="step", ylabel="W", title="W on its way", ylim=(-2.5, 5))
    style.label_lines(ax, lines, [f"α = {rate:.2g}" for rate, _ in _rates(results)])


def _draw_the_errors(ax, results) -> None:
    for rate, color in _rates(results):
        error = np.abs(results.path.sel(learning_rate=rate) - 1)
        ax.plot(results.step, error.where(error > 1e-12), ".-", color=color)
    style.reference(ax, "", y=1.0)
    ax.set(xlabel="step", ylabel="|W - 1|", yscale="log", ylim=(1e-9, 30))
    ax.set_title("Up to α = 3/7 = 0.43 it converges")


def _rates(results):
    return list(
        zip(results.learning_rate.values, style.shades(len(results.learning_rate)), strict=True)
    )


def _draw_the_directions(ax, results) -> None:
    ax.plot(results.angle, results.change_of_cost, ".-")
    style.reference(ax, "against the gradient", x=180.0)
    ax.set(xlabel="angle to the gradient (degrees)", ylabel="change of cost / length of step")
    ax.set(xticks=range(0, 361, 90), title="No direction is steeper")


def _draw_the_fits(ax, results) -> None:
    found, exact = results.fitted, results.least_squares
    ax.scatter(
        exact.sel(parameter="W"),
        exact.sel(parameter="b"),
        s=150,
        facecolors="none",
        edgecolors="C1",
        linewidths=2,
    )
    ax.plot(found.sel(parameter="W"), found.sel(parameter="b"), ".", color="C0", markersize=9)
    ax.plot(2, -1, "+", color="black", markersize=16, markeredgewidth=2)
    ax.annotate("without noise", (2, -1), xytext=(10, 4), textcoords="offset points")
    ax.set(xlabel="W", ylabel="b", title="Descent (dots) finds least squares (rings)")


def _draw_the_valleys(ax, results) -> None:
    w = np.linspace(-2, 2, 200)
    ax.plot(w, jax.vmap(_two_valleys_cost)(w), color="#888888")
    for start, color in zip(results.start.values, ("C0", "C2", "C1"), strict=True):
        path, cost = (results[name].sel(start=start) for name in ("valley_path", "valley_cost"))
        ax.plot(path[:60:3], cost[:60:3], ".", color=color, markersize=8)
        ax.plot(path[-1], cost[-1], "o", color=color, markersize=11)
    ax.set(xlabel="w", ylabel="cost", ylim=(0, 1.6), title="Where it stops depends on the start")


def judge(results: xr.Dataset) -> list[Verdict]:
    return [
        _judge_the_curve(results),
        _judge_the_idea(results),
        _judge_the_stop(results),
        _judge_the_regression(results),
    ]


def _judge_the_curve(results) -> Verdict:
    entry = claims()["cost-linear-curve"]
    parabola = np.polyfit(results.w, results.cost, 2)
    wanted = np.array([14 / 3, -28 / 3, 14 / 3])
    at = results.cost.sel(w=np.asarray(entry.inputs["W"]))
    least = float(results.w[results.cost.argmin("w")])
    fits = np.allclose(parabola, wanted, rtol=1e-9) and np.allclose(at, entry.value, rtol=1e-12)
    return verdict_on(
        entry.id,
        bool(fits and least == 1),
        measured=f"cost = {parabola[0]:.4f} W² {parabola[1]:+.4f} W {parabola[2]:+.4f}, least at W"
        f" = {least:g}",
        evidence="the cost of a dense layer of one weight at 33 slopes, and the parabola through"
        " them, which must be 14/3 (W - 1)²",
    )


def _judge_the_idea(results) -> Verdict:
    if 0.1 not in results.learning_rate:
        return verdict_on("gd-idea", None, measured="", evidence="the rate 0.1 was not run")
    path, cost = (results[name].sel(learning_rate=0.1) for name in ("path", "path_cost"))
    early = path[:16]
    steps = early.diff("step")
    factor = float((steps[1:].values / steps[:-1].values).max())
    return verdict_on(
        "gd-idea",
        bool((cost[:16].diff("step") < 0).all() and (steps > 0).all() and factor < 1),
        measured=f"each step is {factor:.4f} of the one before; after {path.sizes['step'] - 1}"
        f" steps W = {float(path[-1]):.8f}",
        evidence="optimizers.gradient_descent(0.1) from W = 0: over the first 15 steps the cost"
        " must fall, and the steps shrink, all in one direction",
    )


def _judge_the_stop(results) -> Verdict:
    """On the parabola the stop is the minimum; where there are two, it need not be the deeper."""
    one = (
        float(np.abs(results.path.sel(learning_rate=0.1)[-1] - 1))
        if (0.1 in results.learning_rate)
        else np.inf
    )
    ends, costs = results.valley_path[:, -1], results.valley_cost[:, -1]
    left, hill, right = (float(costs.sel(start=s)) for s in ("left", "hill", "right"))
    return verdict_on(
        "gd-stop",
        bool(one < 1e-6 and left < right < hill and costs.sel(start="left") == costs.min()),
        measured=f"on the parabola it stops {one:.1g} from the minimum; on a cost with two valleys"
        f" at {float(ends[0]):.3f} (cost {left:.3f}) from the left, at {float(ends[2]):.3f} (cost"
        f" {right:.3f}) from the right, and on the hill between (cost {hill:.3f}) where it starts"
        " there",
        evidence="the rule finds a place without slope. On the slides' convex cost that is the"
        " optimum, as they say; elsewhere it is not always",
    )


def _judge_the_regression(results) -> Verdict:
    gap = np.abs(results.fitted - results.least_squares).max("parameter")
    slope = mean_interval(results.fitted.sel(parameter="W"))
    return verdict_on(
        "gd-is-linear-regression",
        bool((gap < 1e-8).all()),
        measured="W and b of descent and of least squares differ by at most"
        f" {float(gap.max()):.1g}; W = {slope:.3f}, drawn with 2",
        evidence="2,000 steps at rate 0.1 on 20 noisy points for each seed, beside"
        " numpy.linalg.lstsq on the same points; each seed must be within 1e-8",
        seeds=results.sizes["seed"],
    )
