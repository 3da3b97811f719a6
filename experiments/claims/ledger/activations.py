"""Activation functions and their slopes; softmax beside sigmoid."""

import math

import jax.numpy as jnp
import numpy as np
from scipy import optimize

from experiments.claims.ledger.register import answers
from jaxnn import activations, graph, layers, losses


@answers(
    "sigmoid-at-1",
    "sigmoid-at-2",
    "sigmoid-open-interval-ann",
    "ann-forward-y1",
    "ann-forward-y2",
    "cnn-forward-h1",
    "cnn-forward-h2",
)
def sigmoid(x):
    return activations.sigmoid(x)


@answers("sigmoid-derivative-ch5", "sigmoid-derivative-cnn")
def slope_of_sigmoid(x):
    return activations.sigmoid_vjp(x, jnp.ones_like(x))


@answers("logistic-two-forms")
def two_forms_of_the_sigmoid(x):
    """Both by the operations of the graph; they must be one function, the sigmoid."""
    first = graph.multiply(graph.exp(x), graph.reciprocal(1 + graph.exp(x)))
    second = graph.reciprocal(1 + graph.exp(-x))
    np.testing.assert_allclose(first, activations.sigmoid(x), rtol=1e-14)
    return second


@answers("ann-forward-exp1", "ann-forward-exp2")
def exponential(x):
    return graph.exp(-x)


@answers("e-constant")
def euler():
    return graph.exp(jnp.asarray(1.0))


@answers("tanh-two-forms")
def two_forms_of_tanh(x):
    rising, falling = graph.exp(x), graph.exp(-x)
    square = graph.exp(-2 * x)
    first = (rising - falling) * graph.reciprocal(rising + falling)
    return first, (1 - square) * graph.reciprocal(1 + square), activations.tanh(x)


@answers("tanh-form-ch5")
def tanh_by_the_square(x):
    square = graph.exp(2 * x)
    return (square - 1) * graph.reciprocal(square + 1), activations.tanh(x)


@answers("tanh-matrix", "tanh-range")
def tanh(x):
    return activations.tanh(x)


@answers("tanh-derivative-positive", "tanh-saturation")
def slope_of_tanh(x):
    return activations.tanh_vjp(x, jnp.ones_like(x))


@answers("relu-matrix", "relu-definition")
def relu(x):
    return activations.relu(x)


@answers("relu-range")
def range_of_relu():
    ends = activations.relu(jnp.asarray([-jnp.inf, jnp.inf]))
    return ends.min(), ends.max()


@answers("relu-derivative")
def slope_of_relu(x):
    return activations.relu_vjp(x, jnp.ones_like(x))


@answers("step-function")
def step(x):
    return activations.step(x)


@answers("maxout-basics", "maxout-cnn")
def maxout(weights, x, b):
    return activations.maxout(layers.affine(x, weights.T, b)).squeeze()


@answers("swish-definition", "swish-positive-unbounded")
def swish(x):
    return activations.swish(x)


@answers("swish-argmin")
def place_of_the_minimum_of_swish():
    return optimize.brentq(
        lambda x: float(activations.swish_vjp(jnp.asarray(x), jnp.asarray(1.0))), -2, -1, xtol=1e-14
    )


@answers("swish-negative-bound")
def minimum_of_swish():
    return activations.swish(jnp.asarray(place_of_the_minimum_of_swish()))


@answers("swish-range")
def range_of_swish():
    return minimum_of_swish(), activations.swish(jnp.asarray(math.inf))


@answers("softmax-sums-to-one-r")
def parts_and_their_sum(z):
    parts = activations.softmax(z)
    return jnp.append(parts, parts.sum())


@answers("softmax-example")
def softmax(z):
    return activations.softmax(z)


@answers("softmax-sums-to-one-ann")
def sums(z):
    return jnp.stack([z, activations.sigmoid(z), activations.softmax(z)], axis=-1).sum(axis=1)


@answers("softmax-closer-to-dog")
def distances_to_the_target(z, target):
    targets = jnp.broadcast_to(target, z.shape)
    before, after = (
        losses.squared_error(outputs, targets) * z.shape[-1]  # the sum, not the mean
        for outputs in (z, activations.softmax(z))
    )
    cost = losses.softmax_cross_entropy_with_soft_targets(z, targets)
    return jnp.stack([before, after, cost], axis=-1)
