"""Logistic regression as a network of one neuron, by the six steps of r_tutorial 2.3.

Define the architecture (here), initialize with zeros, propagate forward to the cost and backward to
its gradient, optimize by gradient descent until the cost is small, and predict. Each step is a
composition of what the rest of the library offers: `layers.dense(1)`, the binary cross entropy of
its logit, and backpropagation by hand. Samples are rows here, columns in r_tutorial.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Real

from jaxnn import activations, backprop, checks, layers, losses, optimizers

NEURON = layers.dense(1, kernel_init=jax.nn.initializers.zeros)

Params = dict[str, Array]
Inputs = Float[Array, "samples features"]
Labels = Real[Array, " samples"]


class Fit(NamedTuple):
    """What optimize gives: the params, and the cost before each of its steps."""

    params: Params
    costs: Float[Array, " steps"]


def initialize_with_zeros(num_features: int) -> Params:
    """w = 0 and b = 0, `kernel` [features, 1] and `bias` [1].

    Zeros are fine for a single neuron, whose cost is convex; every neuron of a hidden layer would
    stay a copy of the others. The first cost is log 2, as every probability is 1/2.

    Raises:
      TypeError, ValueError: num_features is not an int of at least 1.
    """
    checks.positive_int("num_features", num_features)
    return NEURON.init(jax.random.key(0), (num_features,))[0]


def probabilities(params: Params, inputs: Inputs) -> Float[Array, " samples"]:
    """p = sigmoid(x w + b), the probability of class 1."""
    return activations.sigmoid(_logits(params, inputs))


def cost(params: Params, inputs: Inputs, labels: Labels) -> Float[Array, ""]:
    """C = -(1/m) sum_i (y_i log p_i + (1 - y_i) log(1 - p_i)), computed from the logits."""
    return losses.reduce(losses.sigmoid_binary_cross_entropy(_logits(params, inputs), labels))


def cost_vjp(params: Params, inputs: Inputs, labels: Labels, cotangent: Float[Array, ""]) -> Params:
    """d C / d w = (1/m) x^T (p - y) and d C / d b = (1/m) sum_i (p_i - y_i), by the chain rule.

    d C / d z_i = (p_i - y_i) / m for the logit z_i = x_i w + b, whose slopes are x_i and 1.
    """
    checks.cotangent(cotangent, ())
    return jax.tree.map(lambda grad: cotangent * grad, propagate(params, inputs, labels)[1])


def propagate(params: Params, inputs: Inputs, labels: Labels) -> tuple[Float[Array, ""], Params]:
    """The cost and its gradient: forward, and backward by hand."""
    gradient = backprop.by_hand(NEURON, losses.sigmoid_binary_cross_entropy)
    (value, _), grads = gradient(params, (), inputs, labels, None)
    return value, grads


def optimize(
    params: Params,
    inputs: Inputs,
    labels: Labels,
    *,
    learning_rate: checks.Number,
    num_steps: int,
) -> Fit:
    """Gradient descent with all samples in every step, as one compiled loop.

    Raises:
      ValueError: learning_rate is negative or not finite, or num_steps is less than 1.
    """
    checks.positive_int("num_steps", num_steps)
    optimizer = optimizers.gradient_descent(learning_rate)

    def step(params, _):
        value, grads = propagate(params, inputs, labels)
        updates, _ = optimizer.update(grads, optimizer.init(params))
        return jax.tree.map(jnp.add, params, updates), value

    return Fit(*jax.lax.scan(step, params, length=num_steps))


def predict(params: Params, inputs: Inputs) -> Int[Array, " samples"]:
    """1 where p > 1/2, which is where the logit is above 0; the tie is class 0."""
    return (_logits(params, inputs) > 0).astype(int)


def _logits(params: Params, inputs: Inputs) -> Float[Array, " samples"]:
    return NEURON.forward(params, (), inputs, None, False)[0].squeeze(-1)
