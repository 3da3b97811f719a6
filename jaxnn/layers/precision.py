"""A network computed in a narrower dtype than that of its params."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxnn.layers.layer import Layer, keeps_integers, vocabulary_of


def in_dtype(layer: Layer, dtype: DTypeLike) -> Layer:
    """The layer computed in another floating dtype; its params and gradients keep theirs.

    Mixed precision [Micikevicius et al. 2018, section 3.1]: params are rounded on the way in, the
    output and the gradients widened on the way out, so that loss and updates are those of the wide
    dtype. Rounding is taken as the identity by the backward pass.

    Ids are no quantities: they stay integers.

    Raises:
      TypeError: the dtype is not a floating one.
    """
    if not jnp.issubdtype(dtype, jnp.floating):
        raise TypeError(f"a layer computes in a floating dtype, got {jnp.dtype(dtype)}")

    vocabulary = vocabulary_of(layer)

    def forward(params, state, x, key, train):
        wide = jnp.result_type(float)
        x = _cast(x, dtype) if vocabulary is None else x.astype(jnp.int32)
        y, state, saved = layer.forward(_cast(params, dtype), state, x, key, train)
        return y.astype(wide), state, saved

    def backward(params, saved, dy):
        dparams, dx = layer.backward(_cast(params, dtype), saved, dy.astype(dtype))
        return jax.tree.map(lambda d, p: d.astype(p.dtype), dparams, params), _cast(dx, dy.dtype)

    name, kept = f"{layer.name} in {jnp.dtype(dtype)}", keeps_integers(layer)
    return Layer(layer.init, forward, backward, name, vocabulary=vocabulary, keeps_integers=kept)


def _cast(tree: Any, dtype: DTypeLike) -> Any:
    def cast(leaf):
        return leaf.astype(dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf

    return jax.tree.map(cast, tree)
