"""What the modules are made of: a chain, a way around, and dropout that draws as our layers do."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
from flax import nnx

from jaxnn import checks
from jaxnn.layers import Layer, drop_elements
from jaxnn.layers.dropout import _draw_kept
from jaxnn.modules import bridge


class Dropout(nnx.Dropout):
    """Flax's dropout with the masks of `layers.dropout`; the rate may be traced.

    Args:
      rate: in [0, 1).
      rngs: of which the stream "dropout" is drawn from, where a call gives no key.

    Raises:
      TypeError, ValueError: the rate is not a number in [0, 1).
    """

    def __init__(self, rate: checks.Number, *, rngs: nnx.Rngs):
        checks.rate("rate", rate)
        super().__init__(rate, rngs=rngs)
        self.rate = nnx.data(rate)

    def __call__(self, inputs, *, deterministic: bool | None = None, rngs: Any = None):
        is_off = self.deterministic if deterministic is None else deterministic
        if is_off:
            return inputs
        key = rngs if isinstance(rngs, jax.Array) else (rngs or self.rngs)()
        return drop_elements(inputs, _draw_kept(key, inputs.shape, self.rate), rate=self.rate)


class Chain(nnx.Module):
    """Modules and functions one after the other, as `layers.serial` has its layers."""

    def __init__(self, parts: Sequence[Callable]):
        self.parts = nnx.List(parts)

    def __call__(self, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        """Applies all; a key is folded with the place of each part, as in `layers.serial`."""
        for position, part in enumerate(self.parts):
            own = None if key is None else jax.random.fold_in(key, position)
            if isinstance(part, Chain | Residual):
                x = part(x, key=own)
            elif isinstance(part, Dropout):
                x = part(x, rngs=own)
            else:
                x = part(x)
        return x


class Residual(nnx.Module):
    """y = x + body(x), as `layers.residual`."""

    def __init__(self, body: Chain):
        self.body = body

    def __call__(self, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        return x + self.body(x, key=key)


class Network(Chain):
    """A chain beside the layers that it computes the same numbers as.

    Its weights start as theirs do. In training, dropout takes the keys of `rngs`, or in a call with
    a key those that the layers would take.
    """

    def __init__(
        self, parts: Sequence[Callable], twin: Layer, in_shape: Sequence[int], rngs: nnx.Rngs
    ):
        super().__init__(parts)
        self.in_shape = tuple(in_shape)
        params, state, _ = twin.init(rngs.params(), self.in_shape)
        bridge.write(self, params, state)  # in the layers' dtype

    def __call__(self, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        """The network's output for a batch [batch, *in_shape]."""
        if x.shape[1:] != self.in_shape:
            raise ValueError(
                f"{type(self).__name__} was made for examples of shape {self.in_shape}, got"
                f" {x.shape[1:]} in a batch of shape {x.shape}: make it with in_shape={x.shape[1:]}"
            )
        return super().__call__(x, key=key)
