"""What does one step of back-propagation make of the eight weights of the worked 2-2-2 network?

Slides:   cnn_session (worked forward and backward pass)
Run:      python -m experiments run worked_network
Takes:    about 5 s on two CPU cores
Expects:  (written before the first run) printed numbers are right to their last digit or cut off
          instead of rounded; the error falls with the step, and so it does in the wrong order, by
          less
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from experiments.claims import ledger
from experiments.claims.ledger import worked_network as network
from experiments.claims.verdicts import Verdict, claims
from experiments.pages import style

# what each printed number is called in the figure, in the order of the slides
PRINTED = {
    "cnn-forward-z1": "z1",
    "cnn-forward-h1": "h1",
    "cnn-forward-z2": "z2",
    "cnn-forward-h2": "h2",
    "cnn-forward-z3": "z3",
    "cnn-forward-o1": "o1",
    "cnn-forward-z4": "z4",
    "cnn-forward-o2": "o2",
    "cnn-forward-e1": "E1",
    "cnn-forward-e2": "E2",
    "cnn-forward-etotal": "E",
    "cnn-back-de-do1": "∂E/∂o1",
    "cnn-back-do1-dz3": "∂o1/∂z3",
    "cnn-back-dz3-dw5": "∂z3/∂W5",
    "cnn-back-grad-w5": "∂E/∂W5",
    "cnn-back-new-w5": "new W5",
    "cnn-back-new-w6": "new W6",
    "cnn-back-new-w7": "new W7",
    "cnn-back-new-w8": "new W8",
}
WAYS = ("all at the old weights", "W5 to W8 first", "W5 to W8 alone")
SHOWN = (
    *PRINTED,
    "cnn-back-output-grads",
    "cnn-back-hidden-grads",
    "cnn-back-new-w1-w4",
    "cnn-back-new-w1-w4-sequential",
    "cnn-back-new-etotal",
    "cnn-back-iterate",
    "cnn-implied-targets",
    "backprop-delta-times-output-r",
)


@dataclasses.dataclass(frozen=True)
class Config:
    """Each field is a command-line flag."""

    steps: int = 3000


QUICK = Config()  # nothing is drawn by chance, and it takes seconds
DATA = ()
TOLERANCES = {
    "weight": (1e-9, 1e-13),
    "new_weight": (1e-9, 1e-13),
    "gradient": (1e-9, 1e-13),
    "new_error": (1e-9, 1e-13),
    "error": (1e-9, 1e-13),
    "value": (1e-9, 1e-13),
}


def run(config: Config) -> xr.Dataset:
    with jax.enable_x64(True):
        entry = claims()["cnn-back-new-etotal"].inputs
        given = {name: jnp.asarray(value) for name, value in entry.items()}
        weights, x, y = (given[name] for name in ("weights", "x", "y"))
        rate = given["learning_rate"]
        new = network.stepped(**given)
        wrong = network.new_hidden_weights_the_wrong_way(**given)
        ways = [new, jnp.append(wrong, new[4:]), jnp.append(weights[:4], new[4:])]
        path = network.path(weights, x, y, rate, config.steps)
        steps = np.unique(np.geomspace(1, config.steps + 1, 60).astype(int)) - 1
        values = {name: _recomputed(claim) for claim, name in PRINTED.items()}
        errors = jax.vmap(lambda w: network.total_error(w, x, y))(path[steps])
        return xr.Dataset(
            {
                "weight": ("number", np.asarray(weights)),
                "gradient": ("number", np.asarray(network.gradients(weights, x, y))),
                "new_weight": (("way", "number"), np.stack(ways)),
                "new_error": ("way", [float(network.total_error(w, x, y)) for w in ways]),
                "error": ("step", np.asarray(errors)),
                "value": ("quantity", list(values.values())),
            },
            {
                "number": [f"W{i}" for i in range(1, 9)],
                "way": list(WAYS),
                "step": steps,
                "quantity": list(values),
            },
        )


def _recomputed(claim: str) -> float:
    return float(np.ravel(claims()[claim].value)[0])


def draw(results: xr.Dataset) -> Figure:
    """Left: the network with its old weights (grey) and the new ones (orange). Middle: the printed
    numbers minus ours, in units of their last digit: a rounded one is within 1/2 (band), one that
    was cut off lies below it. Right: the total error over many steps, and after one step of each
    kind.
    """
    figure, axes = style.subplots(1, 3, size=(18, 7.5), width_ratios=(1.25, 1, 1))
    _draw_the_network(axes[0], results)
    _draw_the_digits(axes[1], results)
    _draw_the_error(axes[2], results)
    return figure


_PLACES = {"x1": (0, 1), "x2": (0, 0), "h1": (1, 1), "h2": (1, 0), "o1": (2, 1), "o2": (2, 0)}
_EDGES = ("x1 h1", "x2 h1", "x1 h2", "x2 h2", "h1 o1", "h2 o1", "h1 o2", "h2 o2")


def _draw_the_network(ax, results) -> None:
    names, values = results.quantity.values, results.value.values
    shown = {str(name): float(value) for name, value in zip(names, values, strict=True)}
    shown |= dict(zip(("x1", "x2"), claims()["cnn-back-new-etotal"].inputs["x"], strict=False))
    news = results.new_weight.isel(way=0).values
    weights = zip(results.number.values, _EDGES, results.weight.values, news, strict=True)
    for name, edge, old, new in weights:
        _draw_an_edge(ax, edge, f"{name} {old:g}", f"{new:.6f}")
    circle = {"boxstyle": "circle,pad=0.4", "facecolor": "#dcebf5", "edgecolor": "C0"}
    for name, (x, y) in _PLACES.items():
        ax.text(
            x, y, f"{name}\n{shown[name]:.5g}", ha="center", va="center", fontsize=12, bbox=circle
        )
    ax.set(xlim=(-0.25, 2.25), ylim=(-0.25, 1.25), title="One step at learning rate 0.5")
    ax.axis("off")


def _draw_an_edge(ax, edge: str, old: str, new: str) -> None:
    """An arrow between two units, with its weight above and the updated one below."""
    (x0, y0), (x1, y1) = (_PLACES[unit] for unit in edge.split())
    arrow = {"arrowstyle": "-|>", "color": "#999999", "shrinkA": 28, "shrinkB": 30}
    ax.annotate("", (x1, y1), (x0, y0), zorder=1, arrowprops=arrow)
    share = 0.5 if y0 == y1 else 0.3
    x, y = x0 + share * (x1 - x0), y0 + share * (y1 - y0)
    common = {"ha": "center", "fontsize": 12,
              "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 0.5}}  # fmt: skip
    ax.text(x, y + 0.035, old, va="bottom", color="#555555", **common)
    ax.text(x, y + 0.025, new, va="top", color="C1", **common)


def _draw_the_digits(ax, results) -> None:
    names = list(results.quantity.values)
    ax.axvspan(-0.5, 0.5, color="#eeeeee", zorder=0)
    for row, claim in enumerate(PRINTED):
        entry = claims()[claim]
        printed = float(np.ravel(entry.printed_value)[0])
        half = float(np.ravel(entry.tolerance)[0])
        off = (printed - float(results.value[row])) / (2 * half)
        ax.plot(off, row, "o", color="C1" if abs(off) > 0.5 else "C0", markersize=9)
    ax.axvline(0, color="#555555", linewidth=1)
    ax.set(yticks=range(len(names)), yticklabels=names, xlim=(-1.4, 1.4))
    ax.set(xlabel="printed minus exact (units of the last digit)", title="Rounded, or cut off?")
    ax.invert_yaxis()


def _draw_the_error(ax, results) -> None:
    ax.plot(results.step + 1, results.error)
    start = float(results.error[0])
    lines = [f"before {start:.7f}"] + [
        f"{float(error):.7f} {way}" for way, error in zip(WAYS, results.new_error, strict=True)
    ]
    ax.text(0.03, 0.05, "one step:\n" + "\n".join(lines), transform=ax.transAxes, fontsize=12)
    ax.set(
        xscale="log", yscale="log", xlabel="step + 1", ylabel="total error E", title="Many steps"
    )


def judge(results: xr.Dataset) -> list[Verdict]:
    """Every number here is a claim of the ledger's, shown with the verdict that it gives."""
    return [ledger.verdict(claim) for claim in SHOWN]
