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
from jaxnn.widening import at_least_float32

Where = Callable[[str], bool]  # the path of a leaf -> whether it is penalized


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
      penalized: params -> the paths of the leaves that it reaches; None where nobody can say.
    """

    penalty: Callable[[Any], Float[Array, ""]]
    gradient: Callable[[Any], Any]
    penalized: Callable[[Any], list[str]] | None = None


def is_kernel(path: str) -> bool:
    """Whether a leaf's own name is "kernel" or ends in "_kernel", however deep it lies."""
    name = path.rpartition("/")[2]
    return name == "kernel" or name.endswith("_kernel")


def l1(strength: Number, *, where: Where = is_kernel) -> Regularizer:
    """`l1_penalty` of every kernel, or of the leaves that `where` chooses: see `over_kernels`.

    Raises:
      TypeError, ValueError: the strength is not a finite number of at least 0.
    """
    checks.nonnegative("the strength of l1", strength)
    return over_kernels(functools.partial(l1_penalty, strength=strength), where=where)


def l2(strength: Number, *, where: Where = is_kernel) -> Regularizer:
    """`l2_penalty`, as `l1` has its own."""
    checks.nonnegative("the strength of l2", strength)
    return over_kernels(functools.partial(l2_penalty, strength=strength), where=where)


def elastic_net(l1: Number, l2: Number, *, where: Where = is_kernel) -> Regularizer:
    """`elastic_net_penalty`, as `l1` has its own; both strengths are checked."""
    checks.nonnegative("the strength l1 of elastic_net", l1)
    checks.nonnegative("the strength l2 of elastic_net", l2)
    return over_kernels(functools.partial(elastic_net_penalty, l1=l1, l2=l2), where=where)


def over_kernels(penalty: Callable, *, where: Where = is_kernel) -> Regularizer:
    """The sum of a penalty over all kernels; biases, scales and tables of embeddings are left free.

    Args:
      penalty: weights -> a scalar, with its `_vjp` beside it.
      where: path -> whether the leaf there is penalized. A path is that of `models.save`, such as
        "2/recurrent_kernel"; `is_kernel` looks at its last part alone.

    Returns:
      A regularizer, whose penalty raises a ValueError for params without a leaf that it reaches.
    """
    rule = vjp_of(penalty)

    def whole(params):
        reached = _chosen(params, where)
        if not reached and jax.tree.leaves(params):
            raise ValueError(
                "the penalty reaches none of the params"
                f" {', '.join(path for path, _ in _named(params))}: say which it is to reach,"
                ' as in regularizers.l2(0.001, where=lambda path: path.endswith("weights"))'
            )
        return sum((penalty(at_least_float32(leaf)) for _, leaf in reached), jnp.zeros(()))

    def gradient_of_leaf(path, leaf):
        if not where(_path(path)):
            return jnp.zeros_like(leaf)
        wide = at_least_float32(leaf)
        return rule(wide, jnp.ones((), wide.dtype)).astype(leaf.dtype)

    return Regularizer(
        penalty=whole,
        gradient=functools.partial(jax.tree_util.tree_map_with_path, gradient_of_leaf),
        penalized=lambda params: [path for path, _ in _chosen(params, where)],
    )


def kernels(params: Any, *, where: Where = is_kernel) -> list[Array]:
    """The kernels of a tree of params, or the leaves that `where` chooses."""
    return [leaf for _, leaf in _chosen(params, where)]


def kernel_norm(params: Any) -> Float[Array, ""]:
    """The Euclidean norm of all kernels together, sqrt(sum W_ij^2)."""
    squares = (jnp.square(at_least_float32(kernel)).sum() for kernel in kernels(params))
    return jnp.sqrt(sum(squares, jnp.zeros(())))


def _chosen(params: Any, where: Where) -> list[tuple[str, Any]]:
    return [(path, leaf) for path, leaf in _named(params) if where(path)]


def _named(params: Any) -> list[tuple[str, Any]]:
    leaves = jax.tree_util.tree_leaves_with_path(params)
    return [(_path(path), leaf) for path, leaf in leaves]


def _path(path: Any) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")
