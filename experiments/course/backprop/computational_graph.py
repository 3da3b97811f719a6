"""How do values run forward through a graph, and gradients back along its edges?

Slides:   chapter5 5.5 (computational graphs), r_tutorial 1.3.3 (the chain rule)
Run:      python -m experiments run computational_graph
Takes:    about 5 s on two CPU cores
Expects:  (written before the first run) the gradients on the edges are upstream times local, and
          equal autodiff to rounding and the central difference to its own error, at every point
"""

import dataclasses
import re

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from experiments.claims.ledger import graphs
from experiments.claims.verdicts import Verdict, claims, verdict_on
from experiments.pages import style
from jaxnn import graph

GRAPHS = {
    "(x + y) z": graphs.PRODUCT,
    "(x³ + 2x)⁴": (graphs.X**3 + 2 * graphs.X) ** 4,
    "sigmoid neuron": graphs.NEURON,
}
_SIGNS = {"add": "+", "multiply": "×", "exp": "eˣ", "reciprocal": "1/x"}
_BOX = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none"}


@dataclasses.dataclass(frozen=True)
class Config:
    """Each field is a command-line flag."""

    seeds: int = 10  # points at which the three ways to a gradient are compared


QUICK = Config(seeds=2)
DATA = ()
TOLERANCES = {
    "by_graph": (1e-9, 1e-12),
    "by_autodiff": (1e-9, 1e-12),
    "by_difference": (1e-5, 1e-7),
    "local_times_upstream": (1e-9, 1e-12),
}


def run(config: Config) -> xr.Dataset:
    """The gradients of all variables of all graphs, three ways, at points drawn by the seeds."""
    with jax.enable_x64(True):
        rows = [_compared(name, seed) for seed in range(config.seeds) for name in GRAPHS]
        labels = [label for row in rows[: len(GRAPHS)] for label in row[0]]
        per_seed = len(GRAPHS)
        table = np.array(
            [
                np.concatenate([row[1] for row in rows[i * per_seed : (i + 1) * per_seed]], axis=1)
                for i in range(config.seeds)
            ]
        )
    names = ("by_graph", "by_autodiff", "by_difference", "local_times_upstream")
    return xr.Dataset(
        {name: (("seed", "derivative"), table[:, i]) for i, name in enumerate(names)},
        {"seed": np.arange(config.seeds), "derivative": labels},
    )


def _compared(name: str, seed: int) -> tuple[list[str], np.ndarray]:
    """Labels, and a row for each way to the derivatives by the variables of one graph."""
    output = GRAPHS[name]
    variables = _variables(output)
    draws = np.random.default_rng(seed).uniform(0.3, 2, len(variables))
    point = dict(zip(variables, draws.tolist(), strict=True))
    passes = graph.backpropagate(output, **point)
    autodiff = jax.grad(lambda values: graph.evaluate(output, **values)[output])(
        {name: jnp.asarray(value) for name, value in point.items()}
    )
    by_name = {node.name: passes.gradients[node] for node in passes.nodes}
    rows = [
        [by_name[v] for v in variables],
        [autodiff[v] for v in variables],
        [graph.numerical_derivative(output, v, **point) for v in variables],
        [_along_all_ways(output, v, point) for v in variables],
    ]
    return [f"{name}, by {v}" for v in variables], np.array(rows, dtype=float)


def _variables(output: graph.Node) -> list[str]:
    found: list[str] = []
    stack = [output]
    while stack:
        node = stack.pop()
        stack.extend(reversed(node.inputs))
        if node.operation is None and node.value is None and node.name not in found:
            found.append(node.name)
    return found


def _along_all_ways(output: graph.Node, variable: str, point) -> float:
    """The sum over all ways from the output to the variable of the product of local derivatives.

    A local derivative is the central difference of the one operation, by one of its inputs.
    """
    values, step = graph.evaluate(output, **point), 1e-5

    def below(node: graph.Node) -> float:
        if node.operation is None:
            return float(node.name == variable and node.value is None)
        total = 0.0
        for position, child in enumerate(node.inputs):
            inside = below(child)
            if inside:
                inputs = [values[n] for n in node.inputs]
                shifted = [
                    [*inputs[:position], inputs[position] + h, *inputs[position + 1 :]]
                    for h in (step, -step)
                ]
                up, down = (float(node.operation(*arguments)) for arguments in shifted)
                total += (up - down) / (2 * step) * inside
        return total

    return below(output)


def draw(results: xr.Dataset) -> Figure:
    """Top: both passes over the graphs of chapter 5, values above the lines (blue), gradients below
    (orange): the product at (1, -2, 1), where the slide has f = -1 and the gradient [1, 1, -1]; and
    a sigmoid neuron. Bottom: (x³ + 2x)⁴ and its derivative by the chain rule (dots: 540 at x = 1);
    how far the gradients by the graph are from autodiff and from the central difference.
    """
    figure, axes = style.subplots(
        2, 2, size=(18, 13), width_ratios=(1, 1.9), height_ratios=(1.5, 1)
    )
    _draw_a_graph(axes[0, 0], graphs.PRODUCT, {"x": 1.0, "y": -2.0, "z": 1.0})
    axes[0, 0].set_title("f = (x + y) z at (1, -2, 1)")
    neuron = claims()["sigmoid-neuron-backprop"].inputs
    weights, inputs = _pair(neuron)
    _draw_a_graph(
        axes[0, 1],
        graphs.NEURON,
        dict(zip(("w0", "w1", "w2", "x0", "x1"), (*weights, *inputs), strict=True)),
    )
    axes[0, 1].set_title("1 / (1 + exp(-(w0 x0 + w1 x1 + w2)))")
    _draw_the_power(axes[1, 0])
    _draw_the_distances(axes[1, 1], results)
    return figure


def _pair(inputs) -> tuple[list[float], list[float]]:
    """The weights and the inputs of the slide's neuron."""
    return list(inputs["weights"]), list(inputs["x"])


def _draw_a_graph(ax, output: graph.Node, point) -> None:
    with jax.enable_x64(True):
        passes = graph.backpropagate(output, **point)
    places = _places(output)
    for edge in passes.edges:
        (x0, y0), (x1, y1) = places[edge.input], places[edge.node]
        ax.annotate(
            "",
            (x1, y1),
            (x0, y0),
            arrowprops={"arrowstyle": "-|>", "color": "#999999", "shrinkA": 15, "shrinkB": 15},
        )
        share = 0.42 if edge.input.operation is None else 0.5  # where leaves stand apart
        middle = (x0 + share * (x1 - x0), y0 + share * (y1 - y0))
        for number, color, up in ((passes.values[edge.input], "C0", 9), (edge.gradient, "C1", -9)):
            ax.annotate(
                _short(number),
                middle,
                xytext=(0, up),
                textcoords="offset points",
                ha="center",
                va="center",
                color=color,
                bbox=_BOX,
                fontsize=12,
            )
    for node, (x, y) in places.items():
        text = _SIGNS.get(node.name, node.name)
        ax.text(
            x,
            y,
            text,
            ha="center",
            va="center",
            fontsize=13,
            bbox={
                "boxstyle": "circle,pad=0.35",
                "facecolor": "#f3f3f3" if node.operation else "white",
                "edgecolor": "#555555",
            },
        )
    x, y = places[output]
    for number, color, up in ((passes.values[output], "C0", 9), (jnp.ones(()), "C1", -9)):
        ax.annotate(
            _short(number),
            (x, y),
            xytext=(24, up),
            textcoords="offset points",
            va="center",
            color=color,
            fontsize=12,
        )
    ys = [y for _, y in places.values()]
    ax.set(xlim=(-0.4, x + 1.1), ylim=(min(ys) - 0.6, max(ys) + 0.6))
    ax.axis("off")


def _short(number) -> str:
    return re.sub(r"^-0$", "0", f"{float(number):.3g}")


def _places(output: graph.Node) -> dict[graph.Node, tuple[float, float]]:
    """A tree: operations as far right as they are deep, leaves one under the other."""
    places: dict[graph.Node, tuple[float, float]] = {}
    rows = iter(range(100))

    def place(node: graph.Node) -> tuple[float, float]:
        if node.operation is None:
            places[node] = (0.0, -float(next(rows)))
        else:
            below = [place(child) for child in node.inputs]
            places[node] = (max(x for x, _ in below) + 1, sum(y for _, y in below) / len(below))
        return places[node]

    place(output)
    for node, (x, _) in list(places.items()):  # leaves stand a step before what they feed
        for child in node.inputs:
            if child.operation is None:
                places[child] = (x - 1, places[child][1])
    return places


def _draw_the_power(ax) -> None:
    power = GRAPHS["(x³ + 2x)⁴"]
    with jax.enable_x64(True):
        both = jax.vmap(jax.value_and_grad(lambda x: graph.evaluate(power, x=x)[power]))
        x = jnp.linspace(-1.2, 1.2, 200)
        value, slope = both(x)
        entry = claims()["chain-rule-derivative"]
        at = [p for p in entry.inputs["x"] if abs(p) <= 1.2]
        by_hand = [float(graph.backpropagate(power, x=p).gradients[graphs.X]) for p in at]
    ax.plot(x, value)
    ax.plot(x, slope, "--")
    ax.plot(at, by_hand, "o", color="C1")
    ax.annotate("540", (1, 540), xytext=(-34, 0), textcoords="offset points", color="C1")
    ax.annotate("f", (1.06, 40), color="C0", fontsize=15)
    ax.annotate("f'", (0.62, 160), color="C1", fontsize=15)
    ax.set(xlabel="x", ylabel="f(x), f'(x)", ylim=(-700, 700))
    ax.set_title("f = (x³ + 2x)⁴, f' = 4 (x³ + 2x)³ (3x² + 2)")


def _draw_the_distances(ax, results) -> None:
    positions = np.arange(results.sizes["derivative"])
    for name, color, marker in (("by_difference", "C1", "o"), ("by_autodiff", "C0", "s")):
        gaps = _relative(results, name)
        for gap in gaps:
            ax.plot(np.maximum(gap, 1e-17), positions, marker, color=color, alpha=0.5)
    ax.set(
        xscale="log",
        xlim=(3e-18, 1e-6),
        xlabel="relative distance (at the left edge: the same bits)",
    )
    ax.set_yticks(positions, results.derivative.values)
    ax.set_title("From autodiff (blue) and central difference (orange)")
    ax.invert_yaxis()


def _relative(results, name: str) -> xr.DataArray:
    ours = results.by_graph
    return np.abs(results[name] - ours) / np.maximum(np.abs(ours), 1e-12)


def judge(results: xr.Dataset) -> list[Verdict]:
    autodiff, difference, ways = (
        float(_relative(results, name).max())
        for name in ("by_autodiff", "by_difference", "local_times_upstream")
    )
    count = results.by_graph.size
    return [
        verdict_on(
            "graph-chain-rule",
            bool(autodiff < 1e-12 and difference < 1e-7 and ways < 1e-6),
            measured=f"{count} derivatives differ by at most {autodiff:.1g} from autodiff,"
            f" {difference:.1g} from the central difference, {ways:.1g} from the sum over all ways"
            " of the products of local differences (relative)",
            evidence="graph.backpropagate on three graphs at points drawn by the seeds, in float64;"
            " at most 1e-12, 1e-7 and 1e-6 are allowed",
        ),
        _judge_the_steps(),
    ]


def _judge_the_steps() -> Verdict:
    """The four steps on the slide's own point: the graph, its operations, forward, backward."""
    point = {"x": 1.0, "y": -2.0, "z": 1.0}
    passes = graph.backpropagate(graphs.PRODUCT, **point)
    names = [node.name for node in passes.nodes]
    forward = [float(passes.values[node]) for node in passes.nodes]
    backward = [float(passes.gradients[node]) for node in (graphs.X, graphs.Y, graphs.Z)]
    inner = passes.nodes.index(passes.edges[-1].node)
    order = [edge.node for edge in passes.edges]
    return verdict_on(
        "graph-four-steps",
        bool(
            forward[-1] == claims()["graph-f-at-1-m2-1"].value
            and backward == list(claims()["graph-df-at-1-m2-1"].value)
            and order[0] is graphs.PRODUCT
            and names[inner] == "add"
        ),
        measured=f"nodes {', '.join(names)}; forward {', '.join(f'{v:g}' for v in forward)};"
        f" backward {', '.join(f'{g:g}' for g in backward)}",
        evidence="the graph (x + y) z at the slide's (1, -2, 1), drawn with the values above and"
        " the gradients below its edges; the product is left before the sum on the way back",
    )
