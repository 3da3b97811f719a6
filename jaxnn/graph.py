"""A computational graph that shows its work: values on the way forward, gradients on the way back.

    x, y, z = graph.variables("x y z")
    f = (x + y) * z
    print(graph.backpropagate(f, x=1.0, y=2.0, z=1.0))

Each node is an operation with its hand-derived rule beside it, such as those below or any function
of jaxnn of one or two scalars: `graph.apply(activations.sigmoid, x)`. The layers of jaxnn do the
same without a graph; this one is for looking at [chapter5 5.5].
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxnn import checks
from jaxnn.rules import vjp_of

Scalar = Float[Array, ""]
Floats = Float[Array, "*shape"]


def add(x: Floats, y: Floats) -> Floats:
    """f(x, y) = x + y."""
    return x + y


def add_vjp(x: Floats, y: Floats, cotangent: Floats) -> tuple[Floats, Floats]:
    """d f / d x = d f / d y = 1: a sum hands the gradient on to both."""
    checks.cotangent(cotangent, jnp.shape(x))
    return cotangent, cotangent


def multiply(x: Floats, y: Floats) -> Floats:
    """f(x, y) = x y."""
    return x * y


def multiply_vjp(x: Floats, y: Floats, cotangent: Floats) -> tuple[Floats, Floats]:
    """d f / d x = y and d f / d y = x: a product exchanges its factors."""
    checks.cotangent(cotangent, jnp.shape(x))
    return cotangent * y, cotangent * x


def exp(x: Floats) -> Floats:
    """f(x) = e^x."""
    return jnp.exp(x)


def exp_vjp(x: Floats, cotangent: Floats) -> Floats:
    """f'(x) = e^x."""
    return checks.cotangent(cotangent, jnp.shape(x)) * jnp.exp(x)


def reciprocal(x: Floats) -> Floats:
    """f(x) = 1 / x, infinite at 0."""
    return 1 / x


def reciprocal_vjp(x: Floats, cotangent: Floats) -> Floats:
    """f'(x) = -1 / x^2."""
    return -checks.cotangent(cotangent, jnp.shape(x)) / (x * x)


class Node:
    """One circle of the graph: a variable, a constant, or an operation on other nodes.

    `+`, `*`, unary `-` and `**` with a whole exponent make new ones; numbers become constants.
    """

    def __init__(
        self,
        name: str,
        operation: Callable | None = None,
        inputs: tuple["Node", ...] = (),
        value: float | None = None,
    ):
        self.name, self.operation, self.inputs, self.value = name, operation, inputs, value

    def __add__(self, other: "Node | float | int") -> "Node":
        return apply(add, self, other)

    def __mul__(self, other: "Node | float | int") -> "Node":
        return apply(multiply, self, other)

    def __neg__(self) -> "Node":
        return self * -1.0

    def __pow__(self, exponent: int) -> "Node":
        """A product of equal factors, so that each of them gets a gradient of its own."""
        checks.positive_int("exponent", exponent)
        return self if exponent == 1 else self * self ** (exponent - 1)

    __radd__, __rmul__ = __add__, __mul__


def variables(names: str) -> tuple[Node, ...]:
    """One node for each name of a space-separated list."""
    return tuple(Node(name) for name in names.split())


def apply(operation: Callable, *inputs: Node | float | int) -> Node:
    """The node of an operation.

    Raises:
      LookupError: the operation has no hand-derived rule beside it.
    """
    vjp_of(operation)
    nodes = (n if isinstance(n, Node) else Node(f"{n:g}", value=float(n)) for n in inputs)
    return Node(operation.__name__, operation, tuple(nodes))


class Edge(NamedTuple):
    """An arrow from a node to one of its inputs: the upstream gradient times the local one."""

    node: Node
    input: Node
    gradient: Array


class Passes(NamedTuple):
    """Both passes over a graph.

    Attributes:
      nodes: in the order of the forward pass; the last is the output.
      values: the value of each node.
      gradients: d output / d node, for each node: the sum over the edges that arrive there.
      edges: in the order of the backward pass.
    """

    nodes: tuple[Node, ...]
    values: Mapping[Node, Array]
    gradients: Mapping[Node, Array]
    edges: tuple[Edge, ...]

    def __str__(self) -> str:
        numbers = {node: f"[{i}]" for i, node in enumerate(self.nodes)}
        lines = [f"{'node':28} {'value':>12} {'gradient':>12}   on the edge to each input"]
        for node in self.nodes:
            inputs = " ".join(numbers[n] for n in node.inputs)
            label = f"{numbers[node]} {node.name} {inputs}".rstrip()
            back = [f"{numbers[e.input]} {float(e.gradient):.4g}" for e in self.edges_of(node)]
            value, gradient = float(self.values[node]), float(self.gradients[node])
            lines.append(f"{label:28} {value:12.6g} {gradient:12.6g}   {'  '.join(back)}".rstrip())
        return "\n".join(lines)

    def edges_of(self, node: Node) -> tuple[Edge, ...]:
        """The edges from the node to its inputs, in their order."""
        return tuple(edge for edge in self.edges if edge.node is node)


def evaluate(output: Node, **values: float | Scalar) -> dict[Node, Array]:
    """The forward pass: the value of the output and of every node below it, in order.

    Raises:
      ValueError: a variable of the graph has no value, or a value no variable.
    """
    order = _in_order(output)
    wanted = {node.name for node in order if node.operation is None and node.value is None}
    if wanted != set(values):
        raise ValueError(
            f"the graph has the variables {sorted(wanted)}, but values are given for"
            f" {sorted(values)}"
        )
    found: dict[Node, Array] = {}
    for node in order:
        if node.operation is not None:
            found[node] = node.operation(*(found[n] for n in node.inputs))
        else:
            found[node] = jnp.asarray(
                values[node.name] if node.value is None else node.value, float
            )
    return found


def backpropagate(output: Node, **values: float | Scalar) -> Passes:
    """Forward, and then back from d output / d output = 1, an edge at a time.

        gradient on an edge = upstream gradient x local gradient     [chapter5 5.5]

    Where several edges arrive at a node, their gradients add up.
    """
    found = evaluate(output, **values)
    gradients = {node: jnp.zeros_like(value) for node, value in found.items()}
    gradients[output] = jnp.ones_like(found[output])
    edges: list[Edge] = []
    for node in reversed(found):
        if node.operation is None:
            continue
        upstream = gradients[node]
        back = vjp_of(node.operation)(*(found[n] for n in node.inputs), upstream)
        for below, gradient in zip(
            node.inputs, back if len(node.inputs) > 1 else (back,), strict=True
        ):
            edges.append(Edge(node, below, gradient))
            gradients[below] = gradients[below] + gradient
    return Passes(tuple(found), found, gradients, tuple(edges))


def numerical_derivative(
    output: Node, name: str, *, step: float | None = None, **values: float | Scalar
) -> Scalar:
    """d output / d variable ~ (f(x + h) - f(x - h)) / 2h, with an error of order h^2.

    Rounding, which is divided by h, adds an error of its own: so h is by default 1e-5 in float64
    and 5e-3 in float32, about the cube root of the rounding error, where the two balance.
    """
    if step is None:
        step = 1e-5 if jnp.result_type(float) == jnp.float64 else 5e-3
    above, below = (
        evaluate(output, **{**values, name: values[name] + h})[output] for h in (step, -step)
    )
    return (above - below) / (2 * step)


def _in_order(output: Node) -> list[Node]:
    """Every node once, after all of its inputs."""
    order: dict[Node, None] = {}

    def visit(node: Node) -> None:
        if node not in order:
            for below in node.inputs:
                visit(below)
            order[node] = None

    visit(output)
    return list(order)
