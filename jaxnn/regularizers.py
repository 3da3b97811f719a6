"""Penalties on the weights: R(W) is added to the mean loss, and its gradient to the gradient."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxnn import checks
from jaxnn.checks import Number
from jaxnn.rules import vjp_of


def l1_penalty(weights: Float[Array, "..."], *, strength: Number) -> Float[Array, ""]:
    """Lasso: R(W) = lambda sum_ij |W_ij|  [Tibshirani 1996; chapter5 5.6]."""
    return _times(strength, jnp.abs(weights).sum())


def l1_penalty_vjp(
    weights: Float[Array, "..."], cotangent: Float[Array, ""], *, strength: Number
) -> Float[Array, "..."]:
    """d R / d W_ij = lambda sign(W_ij), with the subgradient 0 at W_ij = 0."""
    return _times(strength, checks.cotangent(cotangent, ()) * jnp.sign(weights))


def l2_penalty(weights: Float[Array, "..."], *, strength: Number) -> Float[Array, ""]:
    """Ridge: R(W) = lambda sum_ij W_ij^2  [Hoerl and Kennard 1970; chapter5 5.6].

    Without the factor 1/2 of weight decay: under plain gradient descent, optax's and PyTorch's
    `weight_decay` is 2 lambda.
    """
    return _times(strength, jnp.square(weights).sum())


def l2_penalty_vjp(
    weights: Float[Array, "..."], cotangent: Float[Array, ""], *, strength: Number
) -> Float[Array, "..."]:
    """d R / d W_ij = 2 lambda W_ij."""
    return _times(strength, checks.cotangent(cotangent, ()) * 2.0 * weights)


def elastic_net_penalty(
    weights: Float[Array, "..."], *, l1: Number, l2: Number
) -> Float[Array, ""]:
    """R(W) = sum_ij (lambda_1 |W_ij| + lambda_2 W_ij^2)  [Zou and Hastie 2005; chapter5 5.6]."""
    return l1_penalty(weights, strength=l1) + l2_penalty(weights, strength=l2)


def elastic_net_penalty_vjp(
    weights: Float[Array, "..."], cotangent: Float[Array, ""], *, l1: Number, l2: Number
) -> Float[Array, "..."]:
    """d R / d W_ij = lambda_1 sign(W_ij) + 2 lambda_2 W_ij."""
    return l1_penalty_vjp(weights, cotangent, strength=l1) + l2_penalty_vjp(
        weights, cotangent, strength=l2
    )


def _times(strength: Number, size: Array) -> Array:
    """strength * size, where a strength of 0 wins over a size that is infinite."""
    strength = jnp.asarray(strength, size.dtype)
    return jnp.where(strength == 0, 0, strength * size)


class Regularizer(NamedTuple):
    """A penalty on a whole tree of params.

    Attributes:
      penalty: params -> R, a scalar.
      gradient: params -> d R / d params, a tree of the same structure.
    """

    penalty: Callable[[Any], Float[Array, ""]]
    gradient: Callable[[Any], Any]


def l1(strength: Number) -> Regularizer:
    """`l1_penalty` of every kernel; ValueError or TypeError unless strength is a number >= 0."""
    checks.nonnegative("the strength of l1", strength)
    return over_kernels(functools.partial(l1_penalty, strength=strength))


def l2(strength: Number) -> Regularizer:
    """`l2_penalty` of every kernel; ValueError or TypeError unless strength is a number >= 0."""
    checks.nonnegative("the strength of l2", strength)
    return over_kernels(functools.partial(l2_penalty, strength=strength))


def elastic_net(l1: Number, l2: Number) -> Regularizer:
    """`elastic_net_penalty` of every kernel; ValueError or TypeError as for `l1` and `l2`."""
    checks.nonnegative("the strength l1 of elastic_net", l1)
    checks.nonnegative("the strength l2 of elastic_net", l2)
    return over_kernels(functools.partial(elastic_net_penalty, l1=l1, l2=l2))


def over_kernels(penalty: Callable) -> Regularizer:
    """The sum of a penalty over all leaves named "kernel"; biases and scales are left free."""
    rule = vjp_of(penalty)

    def gradient_of_leaf(path, leaf):
        return rule(leaf, jnp.ones((), leaf.dtype)) if _is_kernel(path) else jnp.zeros_like(leaf)

    return Regularizer(
        penalty=lambda params: sum((penalty(kernel) for kernel in kernels(params)), jnp.zeros(())),
        gradient=functools.partial(jax.tree_util.tree_map_with_path, gradient_of_leaf),
    )


def kernels(params: Any) -> list[Array]:
    """The leaves named "kernel" of a tree of params: the weights W, without biases."""
    leaves = jax.tree_util.tree_leaves_with_path(params)
    return [leaf for path, leaf in leaves if _is_kernel(path)]


def kernel_norm(params: Any) -> Float[Array, ""]:
    """The Euclidean norm of all kernels together, sqrt(sum W_ij^2)."""
    return jnp.sqrt(sum((jnp.square(kernel).sum() for kernel in kernels(params)), jnp.zeros(())))


def _is_kernel(path) -> bool:
    return bool(path) and getattr(path[-1], "key", None) == "kernel"
