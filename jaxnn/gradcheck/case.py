"""One row of the table: a function, its hand-derived gradient, and a point to compare them at."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn import layers
from jaxnn.rules import vjp_of


class Parts(NamedTuple):
    """What a case compares: the function, its hand-derived gradient, and the inputs."""

    function: Callable
    vjp: Callable
    inputs: tuple[Any, ...]


@dataclasses.dataclass(frozen=True)
class Case:
    """A function, its hand-derived gradient, and a point at which to compare the two.

    A table of cases can be listed without a device: the three are made when one asks for them, and
    kept.

    Attributes:
      name: the function and its settings.
      make: gives the function, trees of arrays -> tree of arrays; its vjp, (*inputs, cotangent) ->
        cotangents of the inputs `argnums`; and the inputs, arrays or trees of them, in float64.
      argnums: the differentiable inputs, as in `jax.grad`.
      shown: whose docstrings hold the formula and its gradient; a layer is made of several.
      is_layer: whether the inputs are those of a layer: (params, x, state, key).
    """

    name: str
    make: Callable[[], Parts]
    argnums: int | tuple[int, ...] = 0
    shown: tuple[Callable, ...] = ()
    is_layer: bool = False

    @functools.cached_property
    def _parts(self) -> Parts:
        return self.make()

    @property
    def function(self) -> Callable:
        return self._parts.function

    @property
    def vjp(self) -> Callable:
        return self._parts.vjp

    @property
    def inputs(self) -> tuple[Any, ...]:
        return self._parts.inputs


def case(
    function: Callable, *inputs: Any, argnums: int | tuple[int, ...] = 0, note: str = "", **settings
) -> Case:
    """The case of a function that has its `_vjp` beside it; settings are bound to both.

    A setting that is a NumPy array becomes one of JAX.
    """
    notes = [note] if note else [f"{key}={value}" for key, value in settings.items()]
    name = function.__name__ + (f" ({', '.join(notes)})" if notes else "")

    def make() -> Parts:
        arrays = {key: jnp.asarray(v) for key, v in settings.items() if isinstance(v, np.ndarray)}
        bound = functools.partial(function, **settings | arrays) if settings else function
        return Parts(bound, vjp_of(bound), inputs)

    return Case(name, make, argnums, (function,))


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

    def make() -> Parts:
        random = np.random.default_rng(seed)
        params, state, _ = layer.init(jax.random.key(seed), in_shape)
        params = jax.tree.map(lambda p: np.asarray(p) + 0.1 * random.normal(size=p.shape), params)
        examples = random.normal(size=(batch, *in_shape)) if x is None else x
        inputs = params, examples, jax.tree.map(np.asarray, state), jax.random.key(seed + 1)
        return Parts(
            functools.partial(_outputs, layer, train),
            functools.partial(_gradients, layer, train),
            inputs,
        )

    return Case(name, make, (0, 1), of, is_layer=True)


def _outputs(layer, train, params, x, state, key):
    return layer.forward(params, state, x, key, train)[0]


def _gradients(layer, train, params, x, state, key, cotangent):
    _, _, saved = layer.forward(params, state, x, key, train)
    return layer.backward(params, saved, cotangent)
