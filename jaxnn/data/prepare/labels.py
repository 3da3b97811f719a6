"""Class labels as networks and losses want them, or spoilt on purpose."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32, Float64, Int, Key, Shaped

from jaxnn import checks


def one_hot(labels: Int[np.ndarray, " n"], num_classes: int) -> Float32[np.ndarray, "n classes"]:
    """Rows of 0 with a 1 in the place of the label.

    Raises:
      ValueError: a label is not in [0, num_classes).
      TypeError: the labels are no class indices [n].
    """
    _check(labels, num_classes)
    return np.eye(num_classes, dtype=np.float32)[labels]


def class_weights(labels: Int[np.ndarray, " n"], num_classes: int) -> Float64[np.ndarray, " k"]:
    """w_c = n / (k n_c), by which every class counts as much  [King and Zeng 2001].

    Their mean over the examples is 1.

    Raises:
      ValueError: a class has no example, or a label is not in [0, num_classes).
    """
    _check(labels, num_classes)
    counts = np.bincount(labels, minlength=num_classes)
    if not counts.all():
        raise ValueError(
            f"class {int(np.argmin(counts))} has no example, so there is no weight for it: leave"
            " it out, or split with stratified=True"
        )
    return len(labels) / (num_classes * counts)


def label_noise(
    labels: Int[np.ndarray, " n"], share: float, *, num_classes: int, seed: int = 0
) -> Int[np.ndarray, " n"]:
    """The labels, a share of them replaced by another class, each of these equally likely.

    Args:
      labels: class indices.
      share: the probability with which each label is replaced, in [0, 1].
      num_classes: 2 or more.
      seed: of the draw. A larger share replaces all that a smaller one does, by the same class;
        a run of this seed, swept over label_noise, replaces the same labels.

    Raises:
      ValueError: the share or a label is out of range, or there is no other class.
    """
    checks.probability("share", share)
    _check(labels, num_classes)
    if num_classes < 2:
        raise ValueError(f"num_classes={num_classes} leaves no other class: give 2 or more")
    key = jax.random.fold_in(jax.random.key(seed, impl="threefry2x32"), 3)
    noisy = noisy_labels(jnp.asarray(labels), jnp.asarray(share), jnp.asarray(num_classes), key)
    return np.asarray(noisy).astype(labels.dtype)


def noisy_labels(
    labels: Int[Array, " n"],
    share: Float[Array, ""],
    num_classes: Int[Array, ""],
    key: Key[Array, ""],
) -> Int[Array, " n"]:
    """What `label_noise` gives, on the device, for a share that may be traced."""
    chosen_key, shift_key = jax.random.split(key)
    is_chosen = jax.random.uniform(chosen_key, labels.shape) < share
    shift = jax.random.randint(shift_key, labels.shape, 1, num_classes)
    return jnp.where(is_chosen, (labels + shift) % num_classes, labels)


def _check(labels: Shaped[np.ndarray, " n"], num_classes: int) -> None:
    checks.positive_int("num_classes", num_classes)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise TypeError(
            f"labels have dtype {labels.dtype} and shape {list(labels.shape)}, class indices [n]"
            " are needed: labels.reshape(-1) of one column, labels.astype(int) of whole numbers,"
            " np.unique(labels, return_inverse=True)[1] of names"
        )
    wrong = (labels < 0) | (labels >= num_classes)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            f"labels[{row}] is {int(labels[row])}, which is not one of {num_classes} classes: they"
            f" count from 0 to {num_classes - 1}"
        )
