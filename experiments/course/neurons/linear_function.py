"""Can a line learn its slope from its errors, and why must it not believe the last sample alone?

Slides:   ann_session 1 (learning a linear function)
Run:      python -m experiments run linear_function
Takes:    about 2 s on two CPU cores
Expects:  (written before the first run) with full corrections the slope is 0.25, 0.3667, 2.9, that
          of the last sample; with a learning rate of 0.5 it settles between the samples and parts
          them
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from experiments.claims.verdicts import Verdict, claims, verdict_on
from experiments.pages import style
from jaxnn import perceptron

ANIMALS = {"ladybird": (3.0, 1.0), "caterpillar": (1.0, 3.0)}  # width, length
MARGIN = 0.1
TARGETS = (1.0 + MARGIN, 3.0 - MARGIN)  # above the ladybird, below the caterpillar


@dataclasses.dataclass(frozen=True)
class Config:
    """Each field is a command-line flag."""

    learning_rates: tuple[float, ...] = (1.0, 0.5, 0.25, 0.1, 0.02)
    rounds: int = 40
    start: float = 0.25


QUICK = Config(rounds=10)
DATA = ()
TOLERANCES = {"slope": (1e-12, 1e-14)}


def run(config: Config) -> xr.Dataset:
    with jax.enable_x64(True):
        inputs = jnp.asarray([width for width, _ in ANIMALS.values()])
        slopes = [
            perceptron.learn_slope(
                jnp.asarray(config.start),
                inputs,
                jnp.asarray(TARGETS),
                learning_rate=rate,
                num_rounds=config.rounds,
            ).ravel()
            for rate in config.learning_rates
        ]
    slope = np.insert(np.stack(slopes), 0, config.start, axis=1)
    return xr.Dataset(
        {"slope": (("learning_rate", "step"), slope)},
        {"learning_rate": list(config.learning_rates), "step": np.arange(slope.shape[1])},
    )


def draw(results: xr.Dataset) -> Figure:
    """Left: the two animals, their targets a margin of 0.1 away (crosses), and the line after each
    of the first steps: with full corrections it runs through the last target. Middle: the same with
    half of each correction. Right: the slope over the steps (diamonds: the slide's values); in the
    grey band the line parts the animals.
    """
    figure, axes = style.subplots(1, 3, size=(17, 5.6))
    for ax, rate in zip(axes, (1.0, 0.5), strict=False):
        _draw_the_lines(ax, results, rate)
    _draw_the_slopes(axes[2], results)
    return figure


def _draw_the_lines(ax, results, rate: float) -> None:
    ax.set(xlim=(0, 4.3), ylim=(0, 4.4), xlabel="width", ylabel="length")
    ax.set_title(f"Learning rate {rate:g}" + (": the last sample wins" if rate == 1 else ""))
    slopes = results.slope.sel(learning_rate=rate)[:5] if rate in results.learning_rate else []
    for step, color in zip(range(len(slopes)), style.shades(5), strict=False):
        if rate == 1 and step > 2:  # it jumps to and fro between the same two
            break
        slope = float(slopes[step])
        end = min(3.4, 3.9 / slope)
        ax.plot([0, end], [0, slope * end], color=color)
        where = (end, slope * end)
        steep = end < 3.4
        ax.annotate(
            f"{step}: {slope:.3g}",
            where,
            xytext=(0, 24 - 5 * step) if steep else (4, 0),
            textcoords="offset points",
            color=color,
            fontsize="small",
            ha="center" if steep else "left",
        )
    for (name, (width, length)), target in zip(ANIMALS.items(), TARGETS, strict=True):
        ax.plot(width, length, "o", color="C1", markersize=10)
        ax.plot(width, target, "x", color="black", markersize=9, markeredgewidth=2)
        low = length < width
        ax.annotate(
            name,
            (width, length),
            xytext=(0, -42) if low else (-10, -4),
            color="C1",
            textcoords="offset points",
            ha="center" if low else "right",
        )


def _draw_the_slopes(ax, results) -> None:
    ax.axhspan(1 / 3, 3, color="#eeeeee", zorder=0)
    shown = results.slope.isel(step=slice(0, 21))
    lines = [
        ax.plot(shown.step, y, ".-", color=color)[0]
        for y, color in zip(shown, style.shades(len(shown)), strict=True)
    ]
    ax.plot([0, 1, 2], [0.25, *_printed_slopes()], "D", color="black", markerfacecolor="none")
    ax.set(xlabel="step (two samples in turn)", ylabel="slope A", title="The slope on its way")
    style.label_lines(ax, lines, [f"L = {rate:g}" for rate in results.learning_rate.values])


def _printed_slopes() -> list[float]:
    entries = claims()
    return [
        float(np.ravel(entries[claim].printed_value)[0])
        for claim in ("slope-step1-updated", "slope-step2-updated")
    ]


def judge(results: xr.Dataset) -> list[Verdict]:
    return [_judge_the_task(results), _judge_the_margin(results)]


def _parts(slope: float) -> bool:
    """Whether the line runs above the ladybird and below the caterpillar."""
    sides = [
        length - float(perceptron.line(jnp.asarray(width), jnp.asarray(slope)))
        for width, length in ANIMALS.values()
    ]
    return sides[0] < 0 < sides[1]


def _judge_the_task(results) -> Verdict:
    """One number is learnt, the slope, and then the animals are parted; at first they are not."""
    if 0.5 not in results.learning_rate:
        return verdict_on("slope-task", None, measured="", evidence="the rate 0.5 was not run")
    slopes = results.slope.sel(learning_rate=0.5)
    first, last = float(slopes[0]), slopes[-2:].values
    return verdict_on(
        "slope-task",
        not _parts(first) and all(_parts(slope) for slope in last),
        measured=f"slope {first:g} has both animals on one side; after {slopes.sizes['step'] - 1}"
        f" steps at L = 0.5 it goes to and fro between {last[0]:.4f} and {last[1]:.4f}, and parts"
        " them",
        evidence="perceptron.learn_slope from 0.25 on (3, 1.1) and (1, 2.9) in turn, in float64;"
        " the line must run above (3, 1) and below (1, 3)",
    )


def _judge_the_margin(results) -> Verdict:
    """Through the targets the line has the sample itself on the right side; through it, on none."""
    if 1.0 not in results.learning_rate:
        return verdict_on("slope-target-margin", None, measured="", evidence="L = 1 was not run")
    slopes = results.slope.sel(learning_rate=1.0)
    through = [
        float(perceptron.line(jnp.asarray(width), jnp.asarray(float(slope))))
        for (width, _), slope in zip(ANIMALS.values(), slopes[1:3], strict=True)
    ]
    lengths = [length for _, length in ANIMALS.values()]
    above, below = through[0] - lengths[0], lengths[1] - through[1]
    return verdict_on(
        "slope-target-margin",
        bool(
            np.allclose([above, below], MARGIN, atol=1e-6) and all(map(_parts, slopes[1:3].values))
        ),
        measured=f"the line runs {above:.4f} above the ladybird after the first step, {below:.4f}"
        " below the caterpillar after the second, and parts the two each time",
        evidence="full corrections (L = 1) towards 1.1 at (3, 1) and 2.9 at (1, 3)",
    )
