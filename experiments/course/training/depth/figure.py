"""The figure of depth."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from experiments.course.training.depth.runs import (
    HALF_WIDTH,
    LINEAR_BUDGET,
    PANELS,
    PROBED,
    width_of,
)
from experiments.pages import style


def draw(results: xr.Dataset) -> Figure:
    """Top: what four trained networks decide, one of the seeds, and fresh points. Bottom: accuracy
    on fresh points over the number of hidden layers, each as wide as its parameters allow; and
    of one neuron that reads the layers of one network. Medians over the seeds, and quartiles.
    """
    figure, axes = style.subplots(2, 4, size=(21, 10.5))
    for ax, panel in zip(axes[0], results.panel.values, strict=False):
        _draw_the_decisions(ax, results.sel(panel=panel), PANELS[panel])
        ax.set_title(f"{PANELS[panel][0].capitalize()}: {panel}")
    final = results.isel(epoch=-1)
    _draw_the_activations(axes[1, 0], final)
    for ax, task in ((axes[1, 1], "moons"), (axes[1, 2], "spirals")):
        _draw_the_depths(ax, final.accuracy.sel(task=task))
        ax.set_title(f"{task.capitalize()}: depth at equal size")
    axes[1, 1].set_ylabel("accuracy on fresh points")
    if "probe_accuracy" in results:
        _draw_the_probes(axes[1, 3], results.probe_accuracy)
    return figure


def _draw_the_decisions(ax, of_panel, settings) -> None:
    task, activation, depth, budget = settings
    half = HALF_WIDTH[task]
    x, y = half * of_panel.x.values, half * of_panel.y.values
    ax.contourf(x, y, of_panel.logits, levels=[-np.inf, 0, np.inf], colors=["C0", "C1"], alpha=0.25)
    ax.contour(x, y, of_panel.logits, levels=[0], colors="black", linewidths=1.5)
    points = of_panel.points.values
    for label, color in ((0, "C0"), (1, "C1")):
        ax.plot(*points[points[:, 2] == label, :2].T, ".", color=color, markersize=4)
    width = width_of(depth, budget)
    layers = f"{depth} layers" if depth > 1 else "1 layer"
    kind = "" if activation == "identity" else " ReLUs"
    ax.set(xlim=(-half, half), ylim=(-half, half), aspect="equal", xticks=[], yticks=[])
    ax.set_xlabel(f"{layers} of {width}{kind}")


def _draw_the_activations(ax, final) -> None:
    linear = final.linear_accuracy
    style.band(ax, linear.linear_depth, linear, spread="quartiles", whole_lanes=False, marker="o",
               color="C0", label="without activation")  # fmt: skip
    if LINEAR_BUDGET in final.budget:
        bent = final.accuracy.sel(task="moons", budget=LINEAR_BUDGET)
        style.band(ax, bent.depth, bent, spread="quartiles", whole_lanes=False, marker="o",
                   color="C1", label="ReLU")  # fmt: skip
    ax.set(xlabel="hidden layers", ylabel="accuracy on fresh points", ylim=(0.84, 1.0))
    ax.set_title(f"Moons: {LINEAR_BUDGET} parameters")
    ax.set_xticks(sorted({*linear.linear_depth.values, *final.depth.values}))
    ax.legend(loc="center right")


def _draw_the_depths(ax, accuracy) -> None:
    budgets = accuracy.budget.values
    for budget, color in zip(budgets, style.shades(len(budgets)), strict=True):
        of_budget = accuracy.sel(budget=budget)
        widths = [str(width_of(int(depth), int(budget))) for depth in of_budget.depth.values]
        style.band(ax, of_budget.depth, of_budget, spread="quartiles", whole_lanes=False,
                   marker="o", color=color,
                   label=f"{budget} parameters: {', '.join(widths)} wide")  # fmt: skip
    ax.set(xlabel="hidden layers", xticks=accuracy.depth.values, ylim=(0.2, 1.03))
    ax.legend(loc="lower left")


def _draw_the_probes(ax, probe) -> None:
    for network, color in (("trained", "C1"), ("start", "C0")):
        style.band(ax, probe.layer, probe.sel(network=network), spread="quartiles",
                   whole_lanes=False, marker="o", color=color,
                   label={"trained": "trained", "start": "untrained"}[network])  # fmt: skip
    depth, budget = PROBED
    ax.set(xlabel="layer (0: the inputs)", xticks=probe.layer.values, ylim=(0.45, 1.0))
    ax.set_title(f"Spirals: a neuron reads layers of {width_of(depth, budget)}")
    ax.legend(loc="upper left")
