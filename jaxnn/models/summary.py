"""A network as a table: every layer with the shape that it makes, its parameters and its work."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxnn import flops
from jaxnn.layers import Layer


class Row(NamedTuple):
    """A layer of a network.

    Attributes:
      depth: of how many layers it is a part.
      name: the layer in words.
      out_shape: of one example.
      params: how many numbers it learns.
      state: how many it keeps besides, as running means.
      flops: those of its matrix products and convolutions for one example, forwards.
      is_whole: whether its parts follow, whose numbers it sums up.
    """

    depth: int
    name: str
    out_shape: tuple[int, ...]
    params: int
    state: int
    flops: float
    is_whole: bool


def rows(model: Layer, in_shape: Sequence[int]) -> list[Row]:
    """The layers from input to output; a chain within a chain is left out, its layers are not.

    Raises:
      ValueError: a layer cannot take the shape that the one before it gives.
    """
    return list(_rows(model, tuple(in_shape), 0, is_top=True))


def summary(model: Any, in_shape: Sequence[int]) -> str:
    """The table as text; of a Flax NNX module, that of `flax.nnx.tabulate`.

    Raises:
      TypeError: the model is neither.
      ValueError: a layer cannot take the shape that the one before it gives.
    """
    if not isinstance(model, Layer):
        return _of_module(model, tuple(in_shape))
    lines = [("layer", "output shape", "parameters", "FLOP")]
    for row in rows(model, in_shape):
        numbers = ("", "") if row.is_whole else (f"{row.params:,}", f"{row.flops:,.0f}")
        lines.append(("  " * row.depth + row.name, str(row.out_shape), *numbers))
    whole = _row(model, tuple(in_shape), 0)
    lines.append(("all", str(whole.out_shape), f"{whole.params:,}", f"{whole.flops:,.0f}"))
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    table = [
        f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}  {d:>{widths[3]}}".rstrip()
        for a, b, c, d in lines
    ]
    table.insert(-1, "-" * max(map(len, table)))
    return "\n".join(table)


def _rows(layer: Layer, in_shape: tuple[int, ...], depth: int, is_top: bool) -> Iterator[Row]:
    is_chain = layer.name.startswith("serial(")
    if not (layer.parts and is_chain):
        row = _row(layer, in_shape, depth)
        label = layer.name.partition("(")[0] if layer.name.startswith("residual(") else layer.name
        yield row._replace(name=label)
    shape = in_shape
    for part in layer.parts:
        yield from _rows(part, shape, depth if is_chain else depth + 1, is_top=False)
        shape = _row(part, shape, depth).out_shape


def _row(layer: Layer, in_shape: tuple[int, ...], depth: int) -> Row:
    shapes: list[tuple[int, ...]] = []

    def one_example(key):
        params, state, out_shape = layer.init(key, in_shape)
        shapes.append(tuple(out_shape))
        return params, state

    key = jax.random.key(0)
    params, state = jax.eval_shape(one_example, key)
    x = jax.ShapeDtypeStruct((1, *in_shape), jnp.result_type(float))
    work = flops.count(lambda p, s, x: layer.forward(p, s, x, None, False)[0], params, state, x)
    return Row(depth, layer.name, shapes[0], _size(params), _size(state), work, bool(layer.parts))


def _size(tree: Any) -> int:
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(tree))


def _of_module(module: Any, in_shape: tuple[int, ...]) -> str:
    if not any(kind.__module__.startswith("flax.nnx") for kind in type(module).__mro__):
        raise TypeError(f"a summary is that of a Layer or an NNX module, got {module!r}")
    from flax import nnx

    x = jnp.zeros((1, *in_shape))
    return nnx.tabulate(module, x, compute_flops=True, console_kwargs={"width": 120})
