"""The gradient of a network's objective, in two exchangeable ways: by hand and by autodiff.

The objective is the slides' L(W) = (1/N) sum_i L_i(f(x_i, W), y_i) + R(W).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxnn.layers import Layer
from jaxnn.layers.axes import summed_over_devices
from jaxnn.layers.contract import check_gradient
from jaxnn.losses import aligned, reduce, reduce_vjp
from jaxnn.regularizers import Regularizer
from jaxnn.rules import vjp_of


class Aux(NamedTuple):
    """What a gradient step shows besides the objective."""

    state: Any  # the layers' state after the forward pass
    losses: Float[Array, " batch"]  # the loss of each example, without the penalty
    predictions: Float[Array, "batch ..."]


def by_hand(model: Layer, loss: Callable, regularizer: Regularizer | None = None) -> Callable:
    """The gradient by the chain rule, walked by the layers' own backward passes.

    Args:
      model: a layer, most often `layers.serial(...)`.
      loss: (predictions, targets) -> one value per example, with its `_vjp` beside it. Targets
        [batch] reach a loss that would broadcast them against predictions [batch, 1] as [batch, 1].
      regularizer: the penalty R(W); None is 0.

    Returns:
      gradient(params, state, x, y, key) -> ((objective, Aux), grads). Inside of `jax.shard_map` the
      gradient of params that devices share is that of the sum of their objectives, as autodiff has
      it.

    Raises:
      LookupError: the loss has no hand-derived gradient.
      ValueError: (from gradient) the batch is empty.
    """
    loss_vjp = vjp_of(loss)

    def gradient(params, state, x, y, key):
        predictions, state, saved = model.forward(params, state, x, key, True)
        y = aligned(loss, predictions, y)
        losses = _not_empty(loss(predictions, y))
        objective = reduce(losses)
        dlosses = reduce_vjp(losses, jnp.ones_like(objective))  # 1/N each
        grads, _ = model.backward(params, saved, loss_vjp(predictions, y, dlosses))
        check_gradient(model.name, params, grads)
        if regularizer is not None:
            objective += regularizer.penalty(params)
            grads = _each(jnp.add, grads, regularizer.gradient(params))
        return (objective, Aux(state, losses, predictions)), _each(
            summed_over_devices, grads, params
        )

    return gradient


def _each(function: Callable, tree: Any, other: Any) -> Any:
    """Leaf by leaf, in the form of the first tree: params may come in lists in place of tuples."""
    pairs = zip(jax.tree.leaves(tree), jax.tree.leaves(other), strict=True)
    return jax.tree.unflatten(jax.tree.structure(tree), [function(*pair) for pair in pairs])


def by_autodiff(model: Layer, loss: Callable, regularizer: Regularizer | None = None) -> Callable:
    """The same gradient by `jax.value_and_grad` of the forward pass; the same signature."""

    def objective_fn(params, state, x, y, key):
        predictions, state, _ = model.forward(params, state, x, key, True)
        losses = _not_empty(loss(predictions, aligned(loss, predictions, y)))
        objective = reduce(losses)
        if regularizer is not None:
            objective += regularizer.penalty(params)
        return objective, Aux(state, losses, predictions)

    return jax.value_and_grad(objective_fn, has_aux=True)


def _not_empty(losses: Array) -> Array:
    if not losses.size:
        raise ValueError(f"a mean loss needs an example, got losses of shape {losses.shape}")
    return losses
