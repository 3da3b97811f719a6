"""Cross entropies: minus the logarithm of the probability that a network gave to the truth.

From logits wherever possible. From probabilities the loss and its gradient are infinite where the
truth was given the probability 0, and the sigmoid or softmax below, of slope 0, cannot undo that.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Real

from jaxnn.activations import log_softmax, sigmoid, softmax, softplus
from jaxnn.losses.common import check_probabilities, label_mask, paired, per_example, times
from jaxnn.maxima import from_largest


def binary_cross_entropy(
    probabilities: Float[Array, "..."], labels: Real[Array, "*batch"]
) -> Float[Array, "*batch"]:
    """loss(p, y) = -y log p - (1 - y) log(1 - p)  [Good 1952; basics, r_tutorial 1.3.2].

    Errata: the table of basics takes the logarithm to base 10. Its mean, 0.2144, is 0.4937 nats,
    this loss, divided by log 10. And ann_session's pure Python network prints the sum without the
    minus sign, an error that rises as the network learns.

    Args:
      probabilities: p of class 1, in [0, 1]: [*batch] or [*batch, 1].
      labels: y, 0 or 1 or anything between.

    Returns:
      One loss per label. p = 0 against y = 1 costs inf, as does p = 1 against y = 0.

    Raises:
      ValueError: the shapes do not fit, or a known p or y is outside [0, 1].
    """
    check_probabilities(probabilities=probabilities)
    p, y = _flat(probabilities, labels)
    return times(y, -jnp.log(p)) + times(1 - y, -jnp.log1p(-p))


def binary_cross_entropy_vjp(
    probabilities: Float[Array, "..."],
    labels: Real[Array, "*batch"],
    cotangent: Float[Array, "*batch"],
) -> Float[Array, "..."]:
    """d loss / d p = (1 - y) / (1 - p) - y / p, infinite where the loss is.

    -y log p has the slope -y / p, and -(1 - y) log(1 - p) the slope +(1 - y) / (1 - p).
    """
    check_probabilities(probabilities=probabilities)
    p, y = _flat(probabilities, labels)
    gradient = times(1 - y, 1 / (1 - p)) - times(y, 1 / p)
    return _unflat(cotangent, gradient, probabilities)


def sigmoid_binary_cross_entropy(
    logits: Float[Array, "..."], labels: Real[Array, "*batch"]
) -> Float[Array, "*batch"]:
    """loss(z, y) = -y log sigmoid(z) - (1 - y) log(1 - sigmoid(z)).

    1 - sigmoid(z) = sigmoid(-z), and -log sigmoid(z) = log(1 + e^-z) = softplus(-z). So the loss is
    y softplus(-z) + (1 - y) softplus(z).

    Args:
      logits: z, the log-odds of class 1: [*batch] or [*batch, 1].
      labels: y, 0 or 1 or anything between.

    Returns:
      One loss per label; of several independent labels per example, take the mean.

    Raises:
      ValueError: the shapes do not fit, or a known y is outside [0, 1].
    """
    z, y = _flat(logits, labels)
    return times(y, softplus(-z)) + times(1 - y, softplus(z))


def sigmoid_binary_cross_entropy_vjp(
    logits: Float[Array, "..."], labels: Real[Array, "*batch"], cotangent: Float[Array, "*batch"]
) -> Float[Array, "..."]:
    """d loss / d z = (1 - y) sigmoid(z) - y sigmoid(-z), by softplus' = sigmoid.

    As sigmoid(-z) = 1 - sigmoid(z), this is sigmoid(z) - y, but without cancellation for a
    confident right answer.
    """
    z, y = _flat(logits, labels)
    return _unflat(cotangent, (1 - y) * sigmoid(z) - y * sigmoid(-z), logits)


def _flat(predictions: Array, labels: Array) -> tuple[Array, Array]:
    """Both in the shape of the labels."""
    check_probabilities(labels=labels)
    y = paired(predictions, labels).reshape(labels.shape)
    return predictions.reshape(labels.shape), y


def _unflat(cotangent: Array, gradient: Array, predictions: Array) -> Array:
    return per_example(cotangent, gradient[..., None]).reshape(predictions.shape)


def softmax_cross_entropy(
    logits: Float[Array, "*batch classes"], labels: Int[Array, "*batch"]
) -> Float[Array, "*batch"]:
    """Negative log-likelihood of integer labels under softmax(logits).

        loss(z, y) = log(sum_j e^z_j) - z_y      [Bishop 2006, PRML, eq. 4.108]

    Args:
      logits: unnormalised log-probabilities z.
      labels: class indices y in [0, classes).

    Returns:
      Uniform logits cost log(classes). A label outside the range costs inf where it is traced.

    Raises:
      TypeError: the labels are floats.
      ValueError: the shapes do not fit, or a known label is outside the range.
    """
    return negative_log_likelihood(log_softmax(logits), labels)


def softmax_cross_entropy_vjp(
    logits: Float[Array, "*batch classes"],
    labels: Int[Array, "*batch"],
    cotangent: Float[Array, "*batch"],
) -> Float[Array, "*batch classes"]:
    """d loss / d z_j = softmax(z)_j - [j = y].

    d log(sum_k e^z_k) / d z_j = e^z_j / sum_k e^z_k, the first term; the second is that of -z_y.
    With p = softmax(z), p_y - 1 would cancel for a confident right answer: where z_y is the largest
    score, it is minus the sum of the other p_j.
    """
    is_label = label_mask(labels, logits)
    below, first, rest = from_largest(logits)
    e = jnp.exp(below)
    p = e / (1 + rest)
    is_right = first == labels[..., None].astype(first.dtype)  # then e = 1, and e - 1 = 0
    at_label = jnp.where(is_right, ((e - 1) - rest) / (1 + rest), p - 1)
    return per_example(cotangent, jnp.where(is_label, at_label, p))


def negative_log_likelihood(
    log_probabilities: Float[Array, "*batch classes"], labels: Int[Array, "*batch"]
) -> Float[Array, "*batch"]:
    """loss(l, y) = -l_y, for l = log p, such as log_softmax gives  [r_tutorial 1.3.2].

    Labels as in `softmax_cross_entropy`.
    """
    # max, not sum: a label that is no class has no probability, and costs inf rather than 0
    return -jnp.where(label_mask(labels, log_probabilities), log_probabilities, -jnp.inf).max(-1)


def negative_log_likelihood_vjp(
    log_probabilities: Float[Array, "*batch classes"],
    labels: Int[Array, "*batch"],
    cotangent: Float[Array, "*batch"],
) -> Float[Array, "*batch classes"]:
    """d loss / d l_j = -[j = y]."""
    is_label = label_mask(labels, log_probabilities)
    return per_example(cotangent, -is_label.astype(log_probabilities.dtype))


def categorical_cross_entropy(
    probabilities: Float[Array, "*batch classes"], targets: Real[Array, "*batch classes"]
) -> Float[Array, "*batch"]:
    """loss(p, t) = -sum_c t_c log p_c, for one-hot or soft targets  [r_tutorial 1.3.2; basics].

    The index c runs over the classes of one example; basics prints i = 1 .. m, its letter for the
    number of examples. A class with t > 0 and p = 0 costs inf.

    Raises:
      ValueError: the shapes do not fit, or a known p or t is outside [0, 1].
    """
    check_probabilities(probabilities=probabilities, targets=targets)
    return times(paired(probabilities, targets), -jnp.log(probabilities)).sum(axis=-1)


def categorical_cross_entropy_vjp(
    probabilities: Float[Array, "*batch classes"],
    targets: Real[Array, "*batch classes"],
    cotangent: Float[Array, "*batch"],
) -> Float[Array, "*batch classes"]:
    """d loss / d p_c = -t_c / p_c, as log' p = 1/p; infinite where the loss is."""
    check_probabilities(probabilities=probabilities, targets=targets)
    gradient = -times(paired(probabilities, targets), 1 / probabilities)
    return per_example(cotangent, gradient)


def softmax_cross_entropy_with_soft_targets(
    logits: Float[Array, "*batch classes"], targets: Real[Array, "*batch classes"]
) -> Float[Array, "*batch"]:
    """loss(z, t) = -sum_j t_j log softmax(z)_j; `optax.softmax_cross_entropy`.

    Raises:
      ValueError: the shapes do not fit, or a known t is outside [0, 1].
    """
    check_probabilities(targets=targets)
    return times(paired(logits, targets), -log_softmax(logits)).sum(axis=-1)


def softmax_cross_entropy_with_soft_targets_vjp(
    logits: Float[Array, "*batch classes"],
    targets: Real[Array, "*batch classes"],
    cotangent: Float[Array, "*batch"],
) -> Float[Array, "*batch classes"]:
    """d loss / d z_i = softmax(z)_i (sum_j t_j) - t_i, from sum_j t_j (softmax(z)_i - [i = j]).

    The bracket is the slope of -log softmax(z)_j = log(sum_k e^z_k) - z_j.
    """
    check_probabilities(targets=targets)
    t = paired(logits, targets)
    return per_example(cotangent, softmax(logits) * t.sum(axis=-1, keepdims=True) - t)
