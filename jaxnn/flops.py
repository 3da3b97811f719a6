"""Floating-point operations, counted in what JAX traces of a function."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxnn import private_jax
from jaxnn.layers import fast_convolve


def count(function: Callable, *arguments: Any) -> float:
    """2 for every multiplication and addition of the matrix products and convolutions, no others.

    What no result needs is not counted, as XLA would not compute it: the gradient to the inputs of
    a first layer, for one. A scan counts as often as it runs, a while loop once.

    Args:
      function: of arrays; traced, not computed.
      arguments: arrays, or `jax.ShapeDtypeStruct` in their place.
    """
    jaxpr = jax.make_jaxpr(function)(*arguments).jaxpr
    return _count(private_jax.what_is_needed(jaxpr))


def _count(jaxpr: Any) -> float:
    total = 0.0
    for equation in jaxpr.eqns:
        shapes = [var.aval.shape for var in equation.invars if hasattr(var, "aval")]
        out = float(np.prod(equation.outvars[0].aval.shape)) if equation.outvars else 0.0
        if equation.primitive.name == "dot_general":
            (contracted, _), _ = equation.params["dimension_numbers"]
            total += 2 * out * float(np.prod([shapes[0][axis] for axis in contracted]))
        elif equation.primitive.name == "conv_general_dilated":
            kernel, numbers = shapes[1], equation.params["dimension_numbers"]
            total += 2 * out * float(np.prod(kernel)) / kernel[numbers.rhs_spec[0]]
        elif equation.primitive.name in fast_convolve.NAMES:
            shapes.append(equation.outvars[0].aval.shape)
            total += 2 * fast_convolve.num_products(equation.primitive.name, *shapes)
        times = equation.params.get("length", 1) if equation.primitive.name == "scan" else 1
        for inner in jax.tree.leaves(
            list(equation.params.values()), is_leaf=lambda leaf: hasattr(leaf, "eqns")
        ):
            inner = getattr(inner, "jaxpr", inner)
            total += times * _count(inner) if hasattr(inner, "eqns") else 0
    return total
