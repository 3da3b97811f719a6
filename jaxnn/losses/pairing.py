"""Targets that differ from predictions by axes of one: a loss must not pair all with all.

Predictions [batch, 1] against targets [batch] broadcast to [batch, batch], so that
`lambda p, y: (p - y) ** 2` compares each prediction with the target of every example, and a network
learns their mean. Our own losses and metrics know such targets; those of others are given them in
the shape of the predictions, where that is what keeps the examples apart.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
from jaxtyping import Array

BATCH = 1009  # a number that is the length of no other axis


def aligned(function: Callable, predictions: Array, targets: Any) -> Any:
    """The targets as `function(predictions, targets)` is to be given them.

    They take the shape of the predictions where the two differ by axes of one alone, and the
    function keeps the examples apart in this shape but not in the other.
    """
    if not _differ_by_ones(predictions, targets):
        return targets
    reshaped = targets.reshape(predictions.shape)
    if _keeps_apart(function, predictions, targets):
        return targets
    return reshaped if _keeps_apart(function, predictions, reshaped) else targets


def _differ_by_ones(predictions: Any, targets: Any) -> bool:
    p, t = (getattr(each, "shape", None) for each in (predictions, targets))
    if not p or not t or p == t or p[0] != t[0] or math.prod(p) != math.prod(t):
        return False
    return [n for n in p[1:] if n != 1] == [n for n in t[1:] if n != 1]


def _keeps_apart(function: Callable, *arguments: Array) -> bool:
    """Whether the function takes the arguments, and makes nothing with two axes of examples."""
    batches = [jax.ShapeDtypeStruct((BATCH, *a.shape[1:]), a.dtype) for a in arguments]
    try:
        program = jax.make_jaxpr(function)(*batches)
    except (TypeError, ValueError):
        return False
    return all(shape.count(BATCH) < 2 for shape in _shapes(program.jaxpr))


def _shapes(program: Any) -> Any:
    """Of all that is computed on the way."""
    for equation in program.eqns:
        for variable in equation.outvars:
            yield getattr(variable.aval, "shape", ())
        for inner in jax.tree.leaves(
            list(equation.params.values()), is_leaf=lambda leaf: hasattr(leaf, "eqns")
        ):
            inner = getattr(inner, "jaxpr", inner)
            if hasattr(inner, "eqns"):
                yield from _shapes(inner)
