"""The 2-2-2 network that cnn_session works through, and BP1 to BP4 on it."""

import jax
import jax.numpy as jnp

from experiments.ledger.register import answers
from jaxnn import activations, backprop, layers, losses, optimizers

MODEL = layers.serial(
    layers.dense(2, use_bias=False), layers.sigmoid, layers.dense(2, use_bias=False), layers.sigmoid
)
STATE = ((), (), (), ())
# The mean over two outputs is E_total, half the sum of their squared errors.
GRADIENT = backprop.by_hand(MODEL, losses.squared_error)


def network(weights):
    """W1 to W8 as params: the weights W1 and W2 lead to the first hidden neuron, and so on."""
    hidden, output = weights.reshape(2, 2, 2)
    return {"kernel": hidden.T}, (), {"kernel": output.T}, ()


def flat(params):
    """W1 to W8 of the params, or of their gradients."""
    return jnp.concatenate([params[0]["kernel"].T.ravel(), params[2]["kernel"].T.ravel()])


def forward(weights, x):
    """The outputs, and what the layers saved: x, z of the hidden layer, h, z of the outputs."""
    outputs, _, saved = MODEL.forward(network(weights), STATE, x[None], None, True)
    return outputs[0], [array[0] for array in saved]


def total_error(weights, x, y):
    return losses.squared_error(forward(weights, x)[0], y)


def gradients(weights, x, y):
    return flat(GRADIENT(network(weights), STATE, x[None], y[None], None)[1])


def stepped(weights, x, y, learning_rate):
    """All eight weights after one step of gradient descent."""
    return optimizers.descend(
        optimizers.gradient_descent(learning_rate), lambda w: gradients(w, x, y), weights, 1
    )[-1]


def deltas(weights, x, y):
    """BP1 and BP2: what arrives behind each sigmoid on the way back, output layer first."""
    params = network(weights)
    outputs, (_, hidden_input, hidden, output_input) = forward(weights, x)
    error = losses.squared_error_vjp(outputs, y, jnp.ones(()))
    output_delta = activations.sigmoid_vjp(output_input, error)
    hidden_error, _, _ = layers.affine_vjp(hidden, params[2]["kernel"], jnp.zeros(2), output_delta)
    return output_delta, activations.sigmoid_vjp(hidden_input, hidden_error)


@answers("cnn-forward-z3")
def first_net_input(weights, x):
    return forward(weights, x)[1][3][0]


@answers("cnn-forward-z4")
def second_net_input(weights, x):
    return forward(weights, x)[1][3][1]


@answers("cnn-forward-o1")
def first_output(weights, x):
    return forward(weights, x)[0][0]


@answers("cnn-forward-o2")
def second_output(weights, x):
    return forward(weights, x)[0][1]


def errors(weights, x, y):
    """E_o1 and E_o2: of a single output, half the mean squared error."""
    return losses.squared_error(forward(weights, x)[0][:, None], y[:, None]) / 2


@answers("cnn-forward-e1")
def first_error(weights, x, y):
    return errors(weights, x, y)[0]


@answers("cnn-forward-e2")
def second_error(weights, x, y):
    return errors(weights, x, y)[1]


@answers("cnn-forward-etotal")
def whole_error(weights, x, y):
    return total_error(weights, x, y)


@answers("cnn-implied-targets")
def targets_that_fit(weights, x, errors):
    distance = jnp.sqrt(2 * errors)
    outputs = forward(weights, x)[0]
    return jnp.stack([outputs - distance, outputs + distance], axis=1)


@answers("cnn-back-de-do1")
def error_by_output(weights, x, y):
    return losses.squared_error_vjp(forward(weights, x)[0], y, jnp.ones(()))[0]


@answers("cnn-back-do1-dz3")
def slope_of_output(weights, x, y):
    return activations.sigmoid_vjp(forward(weights, x)[1][3], jnp.ones(2))[0]


@answers("cnn-back-dz3-dw5")
def net_input_by_weight(weights, x, y):
    h, kernel = forward(weights, x)[1][2], network(weights)[2]["kernel"]
    return layers.affine_vjp(h, kernel, jnp.zeros(2), jnp.asarray([1.0, 0.0]))[1][0, 0]


@answers("cnn-back-grad-w5")
def gradient_of_w5(weights, x, y):
    return gradients(weights, x, y)[4]


@answers("cnn-back-output-grads")
def output_gradients(weights, x, y):
    return gradients(weights, x, y)[4:]


@answers("cnn-back-hidden-grads")
def hidden_gradients(weights, x, y):
    return gradients(weights, x, y)[:4]


@answers("cnn-back-new-w5")
def new_w5(weights, x, y, learning_rate):
    return stepped(weights, x, y, learning_rate)[4]


@answers("cnn-back-new-w6")
def new_w6(weights, x, y, learning_rate):
    return stepped(weights, x, y, learning_rate)[5]


@answers("cnn-back-new-w7")
def new_w7(weights, x, y, learning_rate):
    return stepped(weights, x, y, learning_rate)[6]


@answers("cnn-back-new-w8")
def new_w8(weights, x, y, learning_rate):
    return stepped(weights, x, y, learning_rate)[7]


@answers("cnn-back-new-w1-w4")
def new_hidden_weights(weights, x, y, learning_rate):
    return stepped(weights, x, y, learning_rate)[:4]


@answers("cnn-back-new-w1-w4-sequential")
def new_hidden_weights_the_wrong_way(weights, x, y, learning_rate):
    """The backward pass meets the new W5 to W8, while the forward pass saw the old ones."""
    new = stepped(weights, x, y, learning_rate)
    outputs, _, saved = MODEL.forward(network(weights), STATE, x[None], None, True)
    error = losses.squared_error_vjp(outputs, y[None], jnp.ones(1))
    grads, _ = MODEL.backward(network(jnp.append(weights[:4], new[4:])), saved, error)
    return (weights - learning_rate * flat(grads))[:4]


@answers("cnn-back-new-etotal")
def after_the_step(weights, x, y, learning_rate):
    new = stepped(weights, x, y, learning_rate)
    wrong = new_hidden_weights_the_wrong_way(weights, x, y, learning_rate)
    others = (new, jnp.append(wrong, new[4:]), jnp.append(weights[:4], new[4:]))
    totals = [total_error(w, x, y) for w in others]
    return [*forward(new, x)[0], *errors(new, x, y), *totals]


@answers("cnn-back-iterate")
def error_over_many_steps(weights, x, y, learning_rate, steps):
    path = optimizers.descend(
        optimizers.gradient_descent(learning_rate),
        lambda w: gradients(w, x, y),
        weights,
        max(steps),
    )
    return [total_error(path[step], x, y) for step in steps]


@answers("bp1-output-delta")
def output_delta(weights, x, y):
    return deltas(weights, x, y)[0]


@answers("bp2-hidden-delta")
def hidden_delta(weights, x, y):
    return deltas(weights, x, y)[1]


@answers("bp3-bias-gradient")
def bias_gradients(weights, x, y):
    """Of the same network with biases, at 0."""
    model = layers.serial(layers.dense(2), layers.sigmoid, layers.dense(2), layers.sigmoid)
    params = jax.tree.map(
        lambda layer: {**layer, "bias": jnp.zeros(2)} if layer else layer,
        network(weights),
        is_leaf=lambda node: node == () or isinstance(node, dict),
    )
    gradient = backprop.by_hand(model, losses.squared_error)
    _, grads = gradient(params, STATE, x[None], y[None], None)
    return jnp.append(grads[0]["bias"], grads[2]["bias"])


@answers("bp4-weight-gradient")
def weight_gradients(weights, x, y):
    return gradients(weights, x, y)


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
