"""Loss functions, divergences, and the table of the binary cross-entropy."""

import math

import jax.numpy as jnp

from experiments.claims.ledger.register import answers
from jaxnn import losses, metrics


@answers("mae-sum-not-mean")
def absolute_error(x, y):
    return losses.absolute_error(x, y)


@answers("mse-sum-not-mean")
def squared_error(x, y):
    return losses.squared_error(x, y)


@answers("huber-linear-branch")
def huber(residual, delta):
    column = residual[:, None]
    return losses.huber(column, jnp.zeros_like(column), delta=delta)


@answers("huber-continuity")
def two_branches_of_huber(delta):
    """At delta, and from 2 delta back to delta along the slope there."""
    rows = []
    for d in delta:
        at, beyond = jnp.reshape(d, (1, 1)), jnp.reshape(2 * d, (1, 1))
        zero, one = jnp.zeros((1, 1)), jnp.ones(1)
        slope = losses.huber_vjp(beyond, zero, one, delta=d).squeeze()
        line = losses.huber(beyond, zero, delta=d).squeeze() - slope * d
        rows.append([losses.huber(at, zero, delta=d).squeeze(), line])
    return jnp.asarray(rows).T


@answers("bce-formula-r")
def binary_cross_entropy(y, p):
    return losses.binary_cross_entropy(p, y)


@answers("bce-formula-basics")
def mean_binary_cross_entropy(y, p):
    return losses.reduce(losses.binary_cross_entropy(p, y))


@answers("cce-formula-r", "cce-formula-basics")
def categorical_cross_entropy(y, p):
    return losses.categorical_cross_entropy(p, y)


@answers("nll-formula")
def negative_log_likelihood(p):
    return losses.negative_log_likelihood(jnp.log(p)[:, None], jnp.zeros(len(p), int))


@answers("nll-min-is-likelihood-max")
def best_probabilities(data):
    grid = jnp.arange(1, 1000) / 1000
    outcomes = jnp.broadcast_to(data[None], (len(grid), len(data)))
    each = losses.binary_cross_entropy(jnp.broadcast_to(grid[:, None], outcomes.shape), outcomes)
    return grid[each.sum(axis=1).argmin()], grid[jnp.exp(-each).prod(axis=1).argmax()]


@answers("hinge-formula")
def hinge(y, score):
    return losses.hinge(score, y)


@answers("kl-direction", "kl-onehot-target")
def kl_in_both_directions(y, yhat):
    return losses.kl_divergence(y, yhat), losses.kl_divergence(yhat, y)


@answers("js-definition")
def js_in_both_orders(y, yhat):
    return losses.js_divergence(y, yhat), losses.js_divergence(yhat, y)


@answers("js-bounded-by-ln2")
def js_of_disjoint_distributions(y, yhat):
    return losses.js_divergence(yhat, y)


@answers("bce-table-sorted")
def descending_order(predicted):
    return jnp.argsort(predicted, stable=True, descending=True)


@answers("bce-table-corrected")
def corrected_probabilities(actual, predicted):
    """The probability that the truth was given, e^-loss."""
    return jnp.exp(-losses.binary_cross_entropy(predicted, jnp.asarray(actual)))


@answers("bce-table-log10")
def decimal_logarithms(corrected):
    return -_cost_of_the_truth(corrected) / math.log(10)


@answers("bce-all-logs-negative")
def largest_logarithms(corrected):
    largest = -_cost_of_the_truth(corrected).min()
    return largest / math.log(10), largest


@answers("bce-mean-log10")
def mean_decimal_logarithm(corrected):
    return losses.reduce(_cost_of_the_truth(corrected)) / math.log(10)


@answers("bce-natural-log")
def mean_natural_logarithm(corrected):
    return losses.reduce(_cost_of_the_truth(corrected))


def _cost_of_the_truth(probabilities):
    return losses.binary_cross_entropy(probabilities, jnp.ones_like(probabilities))


@answers("bce-table-accuracy")
def share_of_right_rows(actual, predicted):
    return metrics.accuracy(predicted - 0.5, jnp.asarray(actual)).mean()


@answers("cnn-code-loss-mismatch")
def two_cross_entropies_and_accuracies(y, p):
    return (
        losses.categorical_cross_entropy(p, y),
        losses.reduce(losses.binary_cross_entropy(p, y)),
        metrics.accuracy(p, y.argmax()),
        metrics.accuracy(p - 0.5, y.astype(int)).mean(),
    )
