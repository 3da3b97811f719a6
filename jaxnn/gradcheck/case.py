"""One row of the table: a function, its hand-derived gradient, and a point to compare them at."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxnn import layers
from jaxnn.rules import vjp_of


class Case(NamedTuple):
    """A function, its hand-derived gradient, and a point at which to compare the two.

    Attributes:
      name: the function and its settings.
      function: trees of arrays -> tree of arrays.
      vjp: (*inputs, cotangent) -> cotangents of the inputs `argnums`.
      inputs: arrays or trees of them, float64.
      argnums: the differentiable inputs, as in `jax.grad`.
      shown: whose docstrings hold the formula and its gradient; a layer is made of several.
    """

    name: str
    function: Callable
    vjp: Callable
    inputs: tuple[Any, ...]
    argnums: int | tuple[int, ...] = 0
    shown: tuple[Callable, ...] = ()


def case(
    function: Callable, *inputs: Any, argnums: int | tuple[int, ...] = 0, note: str = "", **settings
) -> Case:
    """The case of a function that has its `_vjp` beside it; settings are bound to both."""
    bound = functools.partial(function, **settings) if settings else function
    notes = [note] if note else [f"{key}={value}" for key, value in settings.items()]
    name = function.__name__ + (f" ({', '.join(notes)})" if notes else "")
    return Case(name, bound, vjp_of(bound), inputs, argnums, (function,))


def layer_case(
    name: str,
    layer: layers.Layer,
    in_shape: tuple[int, ...],
    *of: Callable,
    batch: int = 3,
    seed: int = 0,
    train: bool = True,
    x: np.ndarray | None = None,
) -> Case:
    """The case of a layer as a function of (params, x, state, key), differentiable in two of them.

    Noise is added to the initial params, since zeros and ones would hide a mistake.

    Args:
      name: the layer and its settings.
      layer: the layer.
      in_shape: the shape of one example.
      *of: the functions that it is made of, by whose docstrings it is explained.
      batch: number of examples, which are drawn.
      seed: of all that is drawn.
      train: False for what the layer does in evaluation.
      x: the examples, where drawn ones may fall on a kink.
    """
    random = np.random.default_rng(seed)
    params, state, _ = layer.init(jax.random.key(seed), in_shape)
    params = jax.tree.map(lambda p: np.asarray(p) + 0.1 * random.normal(size=p.shape), params)

    def function(params, x, state, key):
        return layer.forward(params, state, x, key, train)[0]

    def vjp(params, x, state, key, cotangent):
        _, _, saved = layer.forward(params, state, x, key, train)
        return layer.backward(params, saved, cotangent)

    x = random.normal(size=(batch, *in_shape)) if x is None else x
    inputs = params, x, state, jax.random.key(seed + 1)
    return Case(name, function, vjp, inputs, (0, 1), of)
