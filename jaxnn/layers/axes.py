"""The axes of a mesh over which an array differs, inside of `jax.shard_map`.

JAX knows them by the type of each array, and its own operations give all their operands the axes of
each. So must what carries an array through a loop, or tells JAX of an operation of its own.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax


def varying_over(array: Any) -> frozenset[str]:
    """The names of the axes; none outside of `shard_map`."""
    kind: Any = jax.typeof(array)
    if hasattr(kind, "manual_axis_type"):  # so since JAX 0.10.2
        return kind.manual_axis_type.varying
    return getattr(kind, "vma", frozenset())


def alike(tree: Any, *others: Any) -> Any:
    """The tree, each leaf of which also varies over the axes over which a leaf of another does.

    Its transpose is a sum over the axes that are added: so the gradient of weights that all devices
    share is that of all devices.
    """
    axes = frozenset().union(*(varying_over(leaf) for leaf in jax.tree.leaves((tree, others))))

    def cast(leaf):
        missing = tuple(sorted(axes - varying_over(leaf)))
        return lax.pcast(leaf, missing, to="varying") if missing else jnp.asarray(leaf)

    return jax.tree.map(cast, tree)


def summed_over_devices(cotangent: Any, value: Any) -> Any:
    """The cotangent of a value, summed over the axes over which it differs and the value does not.

    It is what devices that share the value have to say of it, each for itself.
    """
    axes = tuple(sorted(varying_over(cotangent) - varying_over(value)))
    return lax.psum(cotangent, axes) if axes else cotangent
