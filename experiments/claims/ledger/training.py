"""Costs and errors of training: the printed table of r_tutorial, and the network in pure Python.

The network of ann_session 4 is two dense layers with sigmoids. It draws its weights by Python's own
generator and takes one row at a time, always in the same order. Its delta, (expected - output)
output (1 - output), is that of half the squared error, which is `losses.squared_error` for two
outputs; what it prints is the sum of the logarithms of the cross-entropy. So the loss that it shows
is not the loss that it descends.
"""

import functools
import random
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.claims.ledger.register import answers
from jaxnn import activations, backprop, layers, logistic_regression, losses, optimizers

ROWS = np.array(
    [
        [2.7810836, 2.550537003, 0],
        [1.465489372, 2.362125076, 0],
        [3.396561688, 4.400293529, 0],
        [1.38807019, 1.850220317, 0],
        [3.06407232, 3.005305973, 0],
        [7.627531214, 2.759262235, 1],
        [5.332441248, 2.088626775, 1],
        [6.922596716, 1.77106367, 1],
        [8.675418651, -0.242068655, 1],
        [7.673756466, 3.508563011, 1],
    ]
)
STATE = ((), (), (), ())


class Training(NamedTuple):
    """What became of the network.

    Attributes:
      params: after the last epoch; last_params: before its last step.
      outputs: of each row in each epoch, before the step on it, [epochs, rows, 2].
    """

    params: Any
    last_params: Any
    outputs: jax.Array


def network(hidden):
    return layers.serial(layers.dense(hidden), layers.sigmoid, layers.dense(2), layers.sigmoid)


def initial_params(seed, hidden):
    """Neuron by neuron, each with its bias last, as the code draws them."""
    uniform = random.Random(seed).random

    def dense(n_in, features):
        drawn = np.array([[uniform() for _ in range(n_in + 1)] for _ in range(features)])
        return {"kernel": jnp.asarray(drawn[:, :-1].T), "bias": jnp.asarray(drawn[:, -1])}

    return dense(2, hidden), (), dense(hidden, 2), ()


def inputs_and_targets():
    labels = jnp.asarray(ROWS[:, 2], int)
    return jnp.asarray(ROWS[:, :2]), jax.nn.one_hot(labels, 2, dtype=float)


@functools.cache
def trained(seed, learning_rate, epochs, hidden, loss=losses.squared_error) -> Training:
    """The run of the slides; with another loss, what its delta would have led to."""
    return _train(initial_params(seed, hidden), learning_rate, epochs, loss)


@functools.partial(jax.jit, static_argnames=("epochs", "loss"))
def _train(params, learning_rate, epochs, loss) -> Training:
    hidden = len(params[0]["bias"])
    gradient = backprop.by_hand(network(hidden), loss)
    optimizer = optimizers.gradient_descent(learning_rate)

    def step(carry, row):
        params, _ = carry
        x, y = row
        (_, aux), grads = gradient(params, STATE, x[None], y[None], None)
        updates, _ = optimizer.update(grads, optimizer.init(params))
        return (optax.apply_updates(params, updates), params), aux.predictions[0]

    def epoch(carry, _):
        return jax.lax.scan(step, carry, inputs_and_targets())

    (params, last_params), outputs = jax.lax.scan(epoch, (params, params), length=epochs)
    return Training(params, last_params, outputs)


def by_neuron(params):
    """A row of weights for each neuron, bias last."""
    rows = [jnp.vstack([layer["kernel"], layer["bias"]]).T for layer in params if layer]
    return [row for layer in rows for row in layer]


def error_per_epoch(outputs, loss):
    """The loss of each output, summed over outputs and rows."""
    targets = jnp.broadcast_to(inputs_and_targets()[1], outputs.shape)
    each = loss(outputs[..., None], targets[..., None].squeeze(-1))
    return each.sum(axis=(1, 2))


@answers("purenet-initial-weights")
def initial_weights(seed):
    return by_neuron(initial_params(seed, 2))


@answers("purenet-epoch-error")
def printed_errors(**settings):
    return -cross_entropies(**settings)


@answers("purenet-error-sign")
def cross_entropies(hidden=2, **settings):
    run = trained(**_plain(settings), hidden=hidden)
    return error_per_epoch(run.outputs, losses.binary_cross_entropy)


@answers("purenet-squared-error")
def squared_errors(**settings):
    return error_per_epoch(trained(**_plain(settings)).outputs, losses.squared_error)


@answers("purenet-delta-is-squared-error")
def last_error_with_either_delta(**settings):
    """Two independent labels have half the sum of two cross-entropies as their mean."""
    other = trained(**_plain(settings), hidden=2, loss=sum_of_cross_entropies)
    last = error_per_epoch(other.outputs, losses.binary_cross_entropy)[-1]
    return -cross_entropies(**settings)[-1], -last


def sum_of_cross_entropies(outputs, targets):
    """The cross-entropies of all outputs of an example, each taken for a label of its own."""
    return losses.binary_cross_entropy(outputs, targets).sum(axis=-1)


def sum_of_cross_entropies_vjp(outputs, targets, cotangent):
    """The gradient of a sum hands the cotangent on to each part."""
    each = jnp.broadcast_to(cotangent[:, None], targets.shape)
    return losses.binary_cross_entropy_vjp(outputs, targets, each)


@answers("purenet-final-weights")
def final_weights(**settings):
    return by_neuron(trained(**_plain(settings)).params)


@answers("purenet-final-state")
def last_outputs_and_deltas(**settings):
    """Of the last step; the code's deltas are minus the gradients with respect to net inputs."""
    params = trained(**_plain(settings)).last_params
    inputs, targets = inputs_and_targets()
    gradient = backprop.by_hand(network(2), losses.squared_error)
    (_, aux), grads = gradient(params, STATE, inputs[-1:], targets[-1:], None)
    hidden = activations.sigmoid(layers.affine(inputs[-1], **params[0]))
    outputs = jnp.append(hidden, aux.predictions[0])
    deltas = -jnp.append(grads[0]["bias"], grads[2]["bias"])  # BP3
    return jnp.stack([outputs, deltas], axis=1)


@answers("purenet-outputs")
def final_outputs(**settings):
    params = trained(**_plain(settings)).params
    return network(2).forward(params, STATE, inputs_and_targets()[0], None, False)[0]


@answers("purenet-predictions")
def predictions(**settings):
    return final_outputs(**settings).argmax(axis=1)


def _plain(settings):
    """Python's own numbers, by which runs can be told apart."""
    return {name: float(v) if isinstance(v, jax.Array) else v for name, v in settings.items()}


@answers("r-cost-storage")
def stored_costs(num_steps, every):
    """Of a run of so many steps, each hundredth cost."""
    params = logistic_regression.initialize_with_zeros(1)
    x, y = jnp.asarray([[-1.0], [1.0]]), jnp.asarray([0, 1])
    fit = logistic_regression.optimize(params, x, y, learning_rate=0.01, num_steps=num_steps)
    return len(fit.costs[every - 1 :: every])


@answers("r-cost-power-law")
def products_and_slope(iteration, cost):
    iterations = jnp.asarray(iteration, float)
    slope = jnp.polyfit(jnp.log(iterations), jnp.log(cost), 1)[0]
    return jnp.append(iterations * cost, slope)


@answers("r-train-test-gap")
def points_between(train, test):
    return train - test
