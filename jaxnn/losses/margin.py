"""Hinge losses: no cost once the right answer leads by a margin of 1."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Real

from jaxnn.losses.common import label_mask, paired, per_example, refuse, times


def hinge(scores: Float[Array, "..."], targets: Real[Array, "*batch"]) -> Float[Array, "*batch"]:
    """loss(s, t) = max(0, 1 - t s)  [Cortes and Vapnik 1995; r_tutorial 1.3.2].

    Args:
      scores: s, > 0 for the class +1: [*batch] or [*batch, 1].
      targets: t, -1 or +1. (r_tutorial does not say so; its own labels 0 would always cost 1.)

    Raises:
      ValueError: the shapes do not fit, or a known target is neither -1 nor +1.
    """
    slack = 1 - times(_sides(scores, targets), scores)
    return jnp.maximum(slack, 0).reshape(targets.shape)


def hinge_vjp(
    scores: Float[Array, "..."], targets: Real[Array, "*batch"], cotangent: Float[Array, "*batch"]
) -> Float[Array, "..."]:
    """d loss / d s = -t if t s < 1 else 0; 0 at the kink t s = 1."""
    t = _sides(scores, targets)
    gradient = jnp.where(t * scores < 1, -t, 0).reshape(targets.shape)
    return per_example(cotangent, gradient[..., None]).reshape(scores.shape)


def _sides(scores: Array, targets: Array) -> Array:
    refuse("hinge targets", targets, lambda t: abs(t) != 1, "-1 or +1")
    return paired(scores, targets)


def multiclass_hinge(
    scores: Float[Array, "*batch classes"], labels: Int[Array, "*batch"]
) -> Float[Array, "*batch"]:
    """loss(z, y) = max(0, 1 + max_{j != y} z_j - z_y)  [Crammer and Singer 2001, eq. 4].

    Only the strongest rival counts; Weston and Watkins (1999) sum over all of them. Labels as in
    `softmax_cross_entropy`. A single class costs 0.
    """
    lead, _, _ = _lead(scores, labels)
    return jnp.maximum(1 - lead, 0)


def multiclass_hinge_vjp(
    scores: Float[Array, "*batch classes"],
    labels: Int[Array, "*batch"],
    cotangent: Float[Array, "*batch"],
) -> Float[Array, "*batch classes"]:
    """d loss / d z_j = [j = rival] - [j = y] if z_y - z_rival < 1, else 0.

    There the loss is 1 + z_rival - z_y, and 0 elsewhere. Of several equally strong rivals it is the
    first.
    """
    lead, is_label, is_rival = _lead(scores, labels)
    sign = is_rival.astype(scores.dtype) - is_label.astype(scores.dtype)
    return per_example(cotangent, jnp.where((lead < 1)[..., None], sign, 0))


def _lead(scores: Array, labels: Array) -> tuple[Array, Array, Array]:
    """z_y - max_{j != y} z_j, and the masks of y and of the rival."""
    is_label = label_mask(labels, scores)
    rivals = jnp.where(is_label, -jnp.inf, scores)
    rival = rivals.max(axis=-1)
    own = jnp.where(is_label, scores, -jnp.inf).max(axis=-1)
    tied_at_infinity = jnp.isinf(own) & (own == rival)
    lead = jnp.where(tied_at_infinity, 0, own - rival)
    if scores.shape[-1] == 1:  # -inf, too, leads where there is no rival
        lead = jnp.full_like(own, jnp.inf)
    return lead, is_label, jax.nn.one_hot(rivals.argmax(axis=-1), scores.shape[-1], dtype=jnp.bool)
