"""The cost of a linear model, gradient descent on it, penalties, and saddle points."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from experiments.claims.ledger.register import answers
from jaxnn import backprop, graph, layers, logistic_regression, losses, optimizers, regularizers

_GRADIENT = backprop.by_hand(layers.dense(1, use_bias=False), losses.squared_error)


def line(w, x, y):
    """Cost (1/m) sum (W x - y)^2 and its gradient, from a dense layer of one weight."""
    (cost, _), grads = _GRADIENT({"kernel": w.reshape(1, 1)}, (), x[:, None], y[:, None], None)
    return cost, grads["kernel"].squeeze()


@answers("cost-linear-w0", "cost-linear-w1", "cost-linear-w2")
def cost(weights, x, y):
    return line(weights, x, y)[0]


@answers("cost-linear-summary")
def costs(weights, x, y):
    return [line(w, x, y)[0] for w in weights]


@answers("gd-half-factor")
def gradients_with_either_factor(weights, x, y):
    return [[line(w, x, y)[1], line(w, x, y)[1] / 2] for w in weights]


@answers("gd-sign-rule")
def gradients_on_both_sides(weights, x, y):
    return [line(w, x, y)[1] / 2 for w in weights]


@answers("gd-linear-trace")
def path_to_the_minimum(start, learning_rate, steps, x, y):
    optimizer = optimizers.gradient_descent(learning_rate)
    return optimizers.descend(optimizer, lambda w: line(w, x, y)[1] / 2, start, steps)


@answers("mse-batch-gradient-r")
def gradient_and_difference(weights, x, y):
    """The gradient of the dense layer, and the difference of the cost drawn as a graph."""
    (w,) = graph.variables("w")
    squares = [(w * float(a) + -float(b)) ** 2 for a, b in zip(x, y, strict=True)]
    cost = functools.reduce(graph.Node.__add__, squares) * (1 / (2 * len(squares)))
    difference = graph.numerical_derivative(cost, "w", w=weights)
    return line(weights, x, y)[1] / 2, jnp.round(difference, 6)


@answers("weight-step-r")
def step(learning_rate, gradient):
    optimizer = optimizers.gradient_descent(learning_rate)
    return optimizer.update(gradient, optimizer.init(gradient))[0]


@answers("r-propagate-gradients")
def propagate(weights, b, X, Y):  # noqa: N803 (the tutorial's letters)
    params = {"kernel": weights[:, None], "bias": b[None]}
    value, grads = logistic_regression.propagate(params, X.T, Y)
    return [value, *grads["kernel"].ravel(), *grads["bias"]]


@answers("r-zero-init-cost")
def first_cost(X, Y):  # noqa: N803
    return logistic_regression.cost(logistic_regression.initialize_with_zeros(len(X)), X.T, Y)


@answers("l1-penalty")
def l1(weights, strength):
    return regularizers.l1_penalty(weights, strength=strength)


@answers("elastic-net-penalty")
def elastic_net(weights, l1, l2):
    return (
        regularizers.elastic_net_penalty(weights, l1=l1, l2=l2),
        regularizers.l1_penalty(weights, strength=l1),
        regularizers.l2_penalty(weights, strength=l2),
    )


@answers("saddle-high-dim")
def share_of_minima():
    """Of 200,000 random symmetric matrices of each size, those without a downhill direction."""
    shares = []
    for size in (1, 2, 3):
        draws = np.asarray(jax.random.normal(jax.random.key(size), (200_000, size, size)))
        curvatures = np.linalg.eigvalsh(draws + draws.transpose(0, 2, 1))
        shares.append((curvatures > 0).all(axis=1).mean())
    return shares
