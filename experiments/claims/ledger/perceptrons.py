"""Weighted sums, thresholds, and the line that learns its slope."""

import jax.numpy as jnp

from experiments.claims.ledger.register import answers
from jaxnn import activations, layers, logistic_regression, perceptron


@answers("neuron-affine-sum")
def affine(weights, x, b):
    return layers.affine(x, weights[:, None], b[None]).squeeze()


@answers(
    "neuron-weighted-sum-ann",
    "ann-forward-x1",
    "ann-forward-x2",
    "cnn-forward-z1",
    "cnn-forward-z2",
)
def weighted_sum(weights, x):
    return perceptron.weighted_sum(x, weights)


@answers("perceptron-rule", "perceptron-tie")
def fires(weights, threshold, x):
    return perceptron.perceptron(x, weights, threshold)


@answers("r-predict-threshold")
def predicted_class(z):
    """A neuron of weight 1 and bias 0 has its input for a logit."""
    params = {"kernel": jnp.ones((1, 1)), "bias": jnp.zeros(1)}
    return logistic_regression.predict(params, z[:, None])


@answers("ann-forward-matrix")
def a_layer(weights, inputs):
    total = layers.affine(inputs, weights.T, jnp.zeros(len(weights)))
    return total, activations.sigmoid(total)


@answers("arithmetic-1231")
def product_and_sum():
    return int(jnp.prod(jnp.asarray([1231, 13, 515])) + 12)


@answers("slope-step1-y", "slope-step2-y")
def output(slope, x):
    return perceptron.line(x, slope)


@answers("slope-step1-error", "slope-step2-error")
def error(slope, x, target):
    return perceptron.slope_error(slope, x, target)


@answers("slope-step1-delta", "slope-step2-delta")
def change(slope, x, target):
    return perceptron.slope_change(slope, x, target)


@answers("slope-step1-updated", "slope-step2-updated", "slope-3667-decimal")
def new_slope(slope, x, target):
    return perceptron.learn_slope(slope, x[None], target[None]).squeeze()


@answers("slope-error-delta-relation")
def corrected_output_and_target(slope, x, target):
    return perceptron.line(x, new_slope(slope, x, target)), target


@answers("slope-last-sample-wins")
def last_slopes(slope, samples):
    inputs, targets = samples.T
    return [perceptron.learn_slope(start, inputs, targets)[-1, -1] for start in slope]


@answers("slope-moderated")
def moderated_steps(slope, learning_rate, samples):
    inputs, targets = samples.T
    slopes = perceptron.learn_slope(slope, inputs, targets, learning_rate=learning_rate)[0]
    before = jnp.append(slope, slopes[:-1])
    errors = [perceptron.slope_error(a, x, t) for a, (x, t) in zip(before, samples, strict=True)]
    return jnp.stack([jnp.asarray(errors), slopes - before, slopes], axis=1)


@answers("slope-moderated-cycle")
def settled_slopes(slope, learning_rate, samples):
    inputs, targets = samples.T
    return perceptron.learn_slope(
        slope, inputs, targets, learning_rate=learning_rate, num_rounds=200
    )[-1]


@answers("slope-separates")
def sides_of_the_line(slope, points):
    x, y = points.T
    return perceptron.line(x, slope) - y
