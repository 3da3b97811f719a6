"""Narrow floats as float32: sums and squares of 16 bits overflow, vanish or stop growing."""

from typing import Any

import jax
import jax.numpy as jnp


def at_least_float32(tree: Any) -> Any:
    """The floats of fewer than 32 bits as float32; all else as it is."""

    def widen(leaf):
        is_narrow = jnp.issubdtype(leaf.dtype, jnp.floating) and jnp.finfo(leaf.dtype).bits < 32
        return jnp.asarray(leaf, jnp.float32 if is_narrow else leaf.dtype)

    return jax.tree.map(widen, tree)
