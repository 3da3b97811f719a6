"""What do the slides' activation functions make of their input, and how steep are they?

Slides:   r_tutorial 1.3.1, basics and cnn_session (activation functions), chapter5 5.3
Run:      python -m experiments run activations
Takes:    about 3 s on two CPU cores
Expects:  (written before the first run) each curve is that of its formula; every derivative by hand
          meets the difference quotient except at a kink; ReLU's matrix has misprints
"""

import dataclasses
import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from experiments.claims.verdicts import Verdict, claims, verdict_on
from experiments.pages import style
from jaxnn import activations

_ELU_HARD = functools.partial(activations.elu, alpha=2.0)
_ELU_HARD_VJP = functools.partial(activations.elu_vjp, alpha=2.0)


def _maxout(x):
    """The larger of the lines -x/2 and x - 1, as two pieces of one unit."""
    return activations.maxout(_lines(x))[..., 0]


def _maxout_vjp(x, cotangent):
    """The slope of whichever line is on top."""
    return activations.maxout_vjp(_lines(x), cotangent[..., None]) @ jnp.asarray([-0.5, 1.0])


def _lines(x):
    return jnp.stack([-0.5 * x, x - 1.0], axis=-1)


FUNCTIONS: dict[str, tuple[Callable, Callable]] = {
    "linear": (activations.identity, activations.identity_vjp),
    "step": (activations.step, activations.step_vjp),
    "sigmoid": (activations.sigmoid, activations.sigmoid_vjp),
    "tanh": (activations.tanh, activations.tanh_vjp),
    "ReLU": (activations.relu, activations.relu_vjp),
    "leaky ReLU": (activations.leaky_relu, activations.leaky_relu_vjp),
    "ELU": (activations.elu, activations.elu_vjp),
    "ELU, α = 2": (_ELU_HARD, _ELU_HARD_VJP),
    "maxout": (_maxout, _maxout_vjp),
    "swish": (activations.swish, activations.swish_vjp),
}
CURVES = {
    "linear-curve-r": "linear",
    **dict.fromkeys(
        ("sigmoid-curve-r", "sigmoid-curve-basics", "sigmoid-curve-ch5", "sigmoid-curve-cnn"),
        "sigmoid",
    ),
    **dict.fromkeys(("tanh-curve-r", "tanh-curve-basics", "tanh-curve-cnn"), "tanh"),
    **dict.fromkeys(("relu-curve-r", "relu-curve-basics", "relu-curve-cnn"), "ReLU"),
    **dict.fromkeys(("leaky-relu-basics", "leaky-relu-cnn"), "leaky ReLU"),
    **dict.fromkeys(("elu-basics", "elu-cnn"), "ELU"),
}


@dataclasses.dataclass(frozen=True)
class Config:
    """Each field is a command-line flag."""

    end: int = 4  # the slides draw from -4 to 4
    points_per_unit: int = 40
    sharpness: tuple[float, ...] = (1.0, 4.0, 20.0, 100.0)


QUICK = Config()
DATA = ()
TOLERANCES = {
    "value": (1e-12, 1e-14),
    "slope": (1e-12, 1e-14),
    "sharpened": (1e-12, 1e-14),
    "matrix": (1e-12, 1e-14),
}


def run(config: Config) -> xr.Dataset:
    with jax.enable_x64(True):
        most = config.end * config.points_per_unit
        x = jnp.arange(-most, most + 1) / config.points_per_unit
        ones = jnp.ones_like(x)
        value = np.stack([function(x) for function, _ in FUNCTIONS.values()])
        slope = np.stack([vjp(x, ones) for _, vjp in FUNCTIONS.values()])
        sharpened = np.stack([activations.sigmoid(k * x) for k in config.sharpness])
        given = jnp.asarray(claims()["relu-matrix"].inputs["x"])
        matrix = np.stack([given, activations.relu(given), activations.tanh(given)])
    rows = np.arange(given.shape[0])
    return xr.Dataset(
        {
            "value": (("function", "x"), value),
            "slope": (("function", "x"), slope),
            "sharpened": (("sharpness", "x"), sharpened),
            "matrix": (("of", "row", "column"), matrix),
        },
        {
            "function": list(FUNCTIONS),
            "x": np.asarray(x),
            "sharpness": list(config.sharpness),
            "of": ["x", "ReLU(x)", "tanh(x)"],
            "row": rows,
            "column": rows,
        },
    )


def draw(results: xr.Dataset) -> Figure:
    """Each function (blue) and its derivative by hand (orange, dashed). With the step: sigmoids of
    k x, which tend to it. Below: chapter 5's matrix and what ReLU and tanh make of it; where a
    slide prints another number, it stands in red beside ours.
    """
    figure, axes = style.subplots(3, 4, size=(17, 12))
    places = [*axes[0], *axes[1], axes[2, 0]]
    shown = [name for name in FUNCTIONS if name != "ELU, α = 2"]
    for ax, name in zip(places, shown, strict=True):
        _draw_a_function(ax, results, name)
    printed = {"ReLU(x)": "relu-matrix", "tanh(x)": "tanh-matrix"}
    for ax, name in zip(axes[2, 1:], results.of.values, strict=True):
        claim = claims().get(printed.get(str(name), ""))
        _draw_a_matrix(ax, results.matrix.sel(of=name).values, claim and claim.printed_value, name)
    for ax in (axes[0, 0], axes[1, 0], axes[2, 0]):
        ax.set_ylabel("f(x), f'(x)")
    return figure


def _draw_a_function(ax, results, name: str) -> None:
    x = results.x
    if name == "step":
        for k, color in zip((4.0, 1.0), ("#999999", "#bbbbbb"), strict=True):
            if k in results.sharpness:
                ax.plot(x, results.sharpened.sel(sharpness=k), color=color, linewidth=1.5)
        ax.annotate("σ(x), σ(4x)", (0.9, 0.3), color="#777777")
    value, slope = results.value.sel(function=name), results.slope.sel(function=name)
    (line,) = ax.plot(x, value, label="f")
    _mark_jumps(value, line)
    (dashed,) = ax.plot(x, slope, "--", label="f'")
    _mark_jumps(slope, dashed)
    if name == "ELU":
        other = results.value.sel(function="ELU, α = 2")
        ax.plot(x, other, color="C5", linewidth=1.5)
        ax.annotate("α = 2", (-3.9, -1.75), color="C5")
    ax.set(title=name, xlabel="x", xlim=(-4, 4), ylim=(-2.1, 4.1))
    if name == "linear":
        ax.annotate("f", (2.6, 3.3), color="C0", fontsize=15)
        ax.annotate("f'", (-3.6, 1.2), color="C1", fontsize=15)


def _mark_jumps(values: xr.DataArray, line) -> None:
    """Interrupts the line where the function jumps, as a step and the slope of a kink do."""
    y = values.values.copy()
    y[:-1][np.abs(np.diff(y)) > 0.5] = np.nan
    line.set_ydata(y)


def _draw_a_matrix(ax, matrix, printed, title: str) -> None:
    size = len(matrix)
    ax.imshow(matrix, cmap="PuOr", vmin=-8, vmax=8)
    for (row, column), number in np.ndenumerate(matrix):
        says = number if printed is None else printed[row][column]
        wrong = abs(says - number) > 0.0005
        ax.text(column, row - 0.15 * wrong, f"{number:.4g}", ha="center", va="center", fontsize=15)
        if wrong:
            ax.text(
                column, row + 0.25, f"slide: {says:g}", ha="center", va="center", color="#b00000"
            )
    ax.set(title=title, xticks=range(size), yticks=range(size), xlabel="column", ylabel="row")
    ax.grid(False)


def judge(results: xr.Dataset) -> list[Verdict]:
    return [*(_judge_a_curve(results, *pair) for pair in CURVES.items()), _judge_threshold(results)]


def _judge_a_curve(results: xr.Dataset, claim: str, name: str) -> Verdict:
    value, slope = (results[which].sel(function=name) for which in ("value", "slope"))
    worst = _distance_from_quotient(value, slope)
    wanted, holds = _SHAPES[name](value, slope)
    entry = claims()[claim]
    if entry.value is not None:
        at = value.sel(x=np.asarray(entry.inputs["x"]), method="nearest")
        holds = holds and np.allclose(at.x, entry.inputs["x"]) and np.allclose(at, entry.value)
    ends = f"f(-4) = {float(value[0]):.4g}, f(0) = {float(value.sel(x=0)):.4g}, f(4) ="
    return verdict_on(
        claim,
        bool(holds and worst < 1e-3),
        measured=f"{ends} {float(value[-1]):.4g}; f' from {float(slope.min()):.4g} to"
        f" {float(slope.max()):.4g}",
        evidence=f"{wanted}; the derivative by hand is within {worst:.1g} of the difference"
        " quotient on the points drawn, kinks apart",
    )


def _distance_from_quotient(value: xr.DataArray, slope: xr.DataArray) -> float:
    """The largest distance of f' from the central difference, whose error is of order h^2.

    Neighbours of 0, where there may be a kink, are left out.
    """
    quotient = (value.values[2:] - value.values[:-2]) / (value.x.values[2:] - value.x.values[:-2])
    inner = np.abs(value.x.values[1:-1]) > 1.5 * float(value.x[1] - value.x[0])
    return float(np.abs(quotient - slope.values[1:-1])[inner].max())


def _is_linear(value, slope):
    return "f(x) = x with slope 1", np.allclose(value, value.x) and np.allclose(slope, 1)


def _is_sigmoid(value, slope):
    mirrored = np.allclose(value.values + value.values[::-1], 1)
    steepest = np.isclose(slope.max(), 0.25) and float(slope.x[slope.argmax("x")]) == 0
    shape = _rises(value) and mirrored and value.min() > 0 and value.max() < 1 and steepest
    return "rising between 0 and 1, f(-x) = 1 - f(x), steepest at 0 with slope 1/4", shape


def _is_tanh(value, slope):
    odd = np.allclose(value.values, -value.values[::-1])
    shape = _rises(value) and odd and np.abs(value).max() < 1 and np.isclose(slope.max(), 1)
    return "odd, rising between -1 and 1, slope 1 at 0, four times that of the sigmoid", shape


def _is_relu(value, slope):
    return "0 on the left, x on the right, a kink at 0", _has_branches(value, slope, 0.0)


def _is_leaky(value, slope):
    return "0.1 x on the left, x on the right", _has_branches(value, slope, 0.1)


def _has_branches(value, slope, left_slope: float) -> bool:
    left, right = value.x < 0, value.x > 0
    return bool(
        np.allclose(value, xr.where(left, left_slope * value.x, value.x))
        and np.allclose(slope[left], left_slope)
        and np.allclose(slope[right], 1)
    )


def _is_elu(value, slope):
    left, right = value.x < 0, value.x > 0
    near = float(value.min() + 1)
    joined = abs(float(slope[left][-1]) - 1) < 2 * float(value.x[1] - value.x[0])
    shape = _rises(value) and np.allclose(value[right], value.x[right]) and 0 < near < 0.02
    return "x on the right, towards -α on the left; with α = 1 no kink at 0", shape and joined


def _rises(value: xr.DataArray) -> bool:
    return bool((value.diff("x") > 0).all())


_SHAPES = {
    "linear": _is_linear,
    "sigmoid": _is_sigmoid,
    "tanh": _is_tanh,
    "ReLU": _is_relu,
    "leaky ReLU": _is_leaky,
    "ELU": _is_elu,
}


def _judge_threshold(results: xr.Dataset) -> Verdict:
    """Away from the threshold, a sigmoid of k x tends to the step."""
    step = results.value.sel(function="step")
    away = np.abs(results.x) >= 0.25
    gap = np.abs(results.sharpened - step).where(away).max("x").sortby("sharpness")
    values = results.value.sel(function="sigmoid")
    simple = np.allclose(results.slope.sel(function="sigmoid"), values * (1 - values))
    closes = bool((gap.diff("sharpness") < 0).all()) and float(gap[-1]) < 1e-6
    listed = ", ".join(f"{float(g):.2g} at k = {float(g.sharpness):g}" for g in gap)
    return verdict_on(
        "neuron-threshold",
        bool(closes and simple and set(np.unique(step)) == {0.0, 1.0}),
        measured=f"largest distance of σ(k x) from the step where |x| ≥ 1/4: {listed}",
        evidence="activations.step and activations.sigmoid; the distance must shrink with k and end"
        " below a millionth, and the sigmoid's slope be σ (1 - σ)",
    )
