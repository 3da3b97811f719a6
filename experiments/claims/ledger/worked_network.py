"""The 2-2-2 network that cnn_session works through, and BP1 to BP4 on it."""

import functools

import jax
import jax.numpy as jnp

from experiments.claims.ledger.register import answers
from jaxnn import activations, backprop, layers, losses, optimizers

MODEL = layers.serial(layers.dense(2), layers.sigmoid, layers.dense(2), layers.sigmoid)
STATE = ((), (), (), ())
# The mean over two outputs is E_total, half the sum of their squared errors.
GRADIENT = backprop.by_hand(MODEL, losses.squared_error)


def network(weights):
    """W1 to W8 as params, W1 and W2 lead to the first hidden neuron; the biases are 0."""
    hidden, output = ({"kernel": w.T, "bias": jnp.zeros(2)} for w in weights.reshape(2, 2, 2))
    return hidden, (), output, ()


def flat(params):
    """W1 to W8 of the params, or of their gradients."""
    return jnp.concatenate([params[0]["kernel"].T.ravel(), params[2]["kernel"].T.ravel()])


@jax.jit
def forward(weights, x):
    """The outputs, and what the layers saved: x, z of the hidden layer, h, z of the outputs."""
    out, _, saved = MODEL.forward(network(weights), STATE, x[None], None, True)
    return out[0], [array[0] for array in saved]


def outputs(weights, x):
    return forward(weights, x)[0]


def net_inputs(weights, x):
    """z3 and z4, of the output layer."""
    return forward(weights, x)[1][3]


@jax.jit
def errors(weights, x, y):
    """E_o1 and E_o2: of a single output, half the mean squared error."""
    return losses.squared_error(outputs(weights, x)[:, None], y[:, None]) / 2


@answers("cnn-forward-etotal")
@jax.jit
def total_error(weights, x, y):
    return losses.squared_error(outputs(weights, x), y)


@jax.jit
def grads_of(weights, x, y):
    return GRADIENT(network(weights), STATE, x[None], y[None], None)[1]


@answers("bp4-weight-gradient")
def gradients(weights, x, y):
    return flat(grads_of(weights, x, y))


@answers("bp3-bias-gradient")
def bias_gradients(weights, x, y):
    hidden, _, output, _ = grads_of(weights, x, y)
    return jnp.append(hidden["bias"], output["bias"])


@functools.partial(jax.jit, static_argnames="steps")
def path(weights, x, y, learning_rate, steps):
    """All eight weights after each step of gradient descent."""
    optimizer = optimizers.gradient_descent(learning_rate)
    return optimizers.descend(optimizer, lambda w: gradients(w, x, y), weights, steps)


def stepped(weights, x, y, learning_rate):
    return path(weights, x, y, learning_rate, 1)[-1]


@jax.jit
def deltas(weights, x, y):
    """BP1 and BP2: what arrives behind each sigmoid on the way back, output layer first."""
    _, _, output, _ = network(weights)
    out, (_, hidden_input, hidden, output_input) = forward(weights, x)
    error = losses.squared_error_vjp(out, y, jnp.ones(()))
    output_delta = activations.sigmoid_vjp(output_input, error)
    hidden_error, _, _ = layers.affine_vjp(hidden, **output, cotangent=output_delta)
    return output_delta, activations.sigmoid_vjp(hidden_input, hidden_error)


PARTS = {  # claims about a part of what a function gives
    "cnn-forward-z3": (net_inputs, 0),
    "cnn-forward-z4": (net_inputs, 1),
    "cnn-forward-o1": (outputs, 0),
    "cnn-forward-o2": (outputs, 1),
    "cnn-forward-e1": (errors, 0),
    "cnn-forward-e2": (errors, 1),
    "cnn-back-grad-w5": (gradients, 4),
    "cnn-back-output-grads": (gradients, slice(4, None)),
    "cnn-back-hidden-grads": (gradients, slice(4)),
    "cnn-back-new-w5": (stepped, 4),
    "cnn-back-new-w6": (stepped, 5),
    "cnn-back-new-w7": (stepped, 6),
    "cnn-back-new-w8": (stepped, 7),
    "cnn-back-new-w1-w4": (stepped, slice(4)),
    "bp1-output-delta": (deltas, 0),
    "bp2-hidden-delta": (deltas, 1),
}


def _part_of(function, part):
    @functools.wraps(function)
    def part_fn(**inputs):
        return function(**inputs)[part]

    return part_fn


for claim, (function, part) in PARTS.items():
    answers(claim)(_part_of(function, part))


@answers("cnn-implied-targets")
def targets_that_fit(weights, x, errors):
    distance, out = jnp.sqrt(2 * errors), outputs(weights, x)
    return jnp.stack([out - distance, out + distance], axis=1)


@answers("cnn-back-de-do1")
def error_by_output(weights, x, y):
    return losses.squared_error_vjp(outputs(weights, x), y, jnp.ones(()))[0]


@answers("cnn-back-do1-dz3")
def slope_of_output(weights, x, y):
    return activations.sigmoid_vjp(net_inputs(weights, x), jnp.ones(2))[0]


@answers("cnn-back-dz3-dw5")
def net_input_by_weight(weights, x, y):
    hidden, output = forward(weights, x)[1][2], network(weights)[2]
    return layers.affine_vjp(hidden, **output, cotangent=jnp.asarray([1.0, 0.0]))[1][0, 0]


@answers("cnn-back-new-w1-w4-sequential")
@jax.jit
def new_hidden_weights_the_wrong_way(weights, x, y, learning_rate):
    """The backward pass meets the new W5 to W8, while the forward pass saw the old ones."""
    new = stepped(weights, x, y, learning_rate)
    out, _, saved = MODEL.forward(network(weights), STATE, x[None], None, True)
    error = losses.squared_error_vjp(out, y[None], jnp.ones(1))
    grads, _ = MODEL.backward(network(jnp.append(weights[:4], new[4:])), saved, error)
    step = optimizers.gradient_descent(learning_rate)
    return optimizers.descend(step, lambda _: flat(grads), weights, 1)[-1, :4]


@answers("cnn-back-new-etotal")
def after_the_step(weights, x, y, learning_rate):
    new = stepped(weights, x, y, learning_rate)
    wrong = new_hidden_weights_the_wrong_way(weights, x, y, learning_rate)
    others = (new, jnp.append(wrong, new[4:]), jnp.append(weights[:4], new[4:]))
    totals = [total_error(w, x, y) for w in others]
    return [*outputs(new, x), *errors(new, x, y), *totals]


@answers("cnn-back-iterate")
def error_over_many_steps(weights, x, y, learning_rate, steps):
    weights = path(weights, x, y, learning_rate, max(steps))
    return [total_error(weights[step], x, y) for step in steps]


@answers("backprop-delta-times-output-r")
def delta_times_output(weights, x, y):
    hidden = forward(weights, x)[1][2]
    return deltas(weights, x, y)[0][0] * hidden[0], gradients(weights, x, y)[4]


@answers("error-share-by-weight")
def errors_sent_back(weights, errors):
    """Row j of the weights leads to output j."""
    shares = weights / jnp.broadcast_to(weights.sum(axis=1, keepdims=True), weights.shape)
    zeros = jnp.zeros(2)
    return [layers.affine_vjp(zeros, w.T, zeros, errors)[0] for w in (shares, weights)]
