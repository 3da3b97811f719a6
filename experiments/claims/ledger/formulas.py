"""The slides' formulas where they are wrong: evaluated as printed, and put right."""

import jax
import jax.numpy as jnp

from experiments.claims.ledger.graphs import NEURON
from experiments.claims.ledger.register import answers
from experiments.claims.ledger.shapes import made
from experiments.claims.ledger.worked_network import outputs
from jaxnn import graph, layers, losses


@answers("bce-missing-brackets")
def with_and_without_brackets(y, p):
    """Without brackets, minus and mean reach y log p alone."""
    first, second = y * jnp.log(p), (1 - y) * jnp.log(1 - p)
    return -first.mean() + second.mean(), losses.binary_cross_entropy(p, y).mean()


@answers("bce-p-reused")
def of_either_probability(predicted, corrected):
    """Minus the mean of log p_i, for p_i of class 1 and for p_i of the truth."""
    return [losses.binary_cross_entropy(p, jnp.ones_like(p)).mean() for p in (predicted, corrected)]


@answers("cce-index-m")
def summed_to_m_and_over_classes(y, p, m):
    """The sum over the first m terms, m the number of samples, and over all classes."""
    return losses.categorical_cross_entropy(p[:m], y[:m]), losses.categorical_cross_entropy(p, y)


@answers("cost-bias-dropped")
def slope_by_the_bias(w, b, x, y):
    """dCost/db of the printed right-hand side, and with + b in it."""

    def cost(b, with_bias):
        prediction = layers.affine(x[:, None], w.reshape(1, 1), jnp.reshape(b * with_bias, 1))
        return losses.squared_error(prediction, y[:, None]).mean()

    return [jax.grad(cost)(b, with_bias) for with_bias in (0.0, 1.0)]


@answers("loss-name-inconsistent")
def shapes_of_loss_and_cost(y, p):
    """One number per example, and one for all of them, as printed."""
    each = losses.binary_cross_entropy(p, y)
    return each.shape, losses.reduce(each).shape


@answers("cost-versus-loss")
def mean_loss_and_cost(y, p):
    """The losses one example at a time, averaged; and the cost of the whole set."""
    each = [losses.binary_cross_entropy(p[i : i + 1], y[i : i + 1])[0] for i in range(len(y))]
    return sum(each) / len(each), losses.reduce(losses.binary_cross_entropy(p, y))


@answers("batch-sum-limits")
def mean_from_0_to_m(costs, m):
    """(1/m) sum over z = 0 ... m, and the mean of m samples."""
    return costs[: m + 1].sum() / m, losses.reduce(costs[:m])


@answers("minibatch-sum-limits")
def mean_of_the_batch(costs, z, bs):
    """(1/bs) sum over 0 ... bs, and over the batch z ... z + bs - 1."""
    return costs[: bs + 1].sum() / bs, losses.reduce(costs[z : z + bs])


@answers("sigmoid-neuron-w2x2")
def with_an_input_of_the_bias(weights, x, x2):
    """The neuron with w2 x2 for each x2, and with w2."""
    w0, w1, w2 = weights

    def neuron(bias):
        return graph.evaluate(NEURON, w0=w0, x0=x[0], w1=w1, x1=x[1], w2=bias)[NEURON]

    return [*(neuron(w2 * value) for value in x2), neuron(w2)]


@answers("update-rule-indices")
def indices_of_the_parameters(inputs, units):
    """How many indices a bias has, and a weight."""
    params, _, _ = made(layers.dense(units), inputs)
    return params["bias"].ndim, params["kernel"].ndim


@answers("cnn-mse-name")
def sum_half_and_mean(weights, x, y):
    """The sum of the squared errors, half of it, and their mean."""
    squares = (outputs(weights, x) - y) ** 2
    return squares.sum(), squares.sum() / 2, squares.mean()


@answers("cnn-chain-rule-text")
def product_and_derivative_of_the_whole(x):
    """f'(g(x)) g'(x) of u^4 and x^3 + 2x, and the derivative of their composition."""
    (inner,) = graph.variables("x")
    (outer,) = graph.variables("u")
    g, f = inner**3 + 2 * inner, outer**4
    whole = g**4
    rows = []
    for point in x:
        at_g = graph.backpropagate(g, x=point)
        at_f = graph.backpropagate(f, u=at_g.values[g])
        product = at_f.gradients[outer] * at_g.gradients[inner]
        rows.append([product, graph.backpropagate(whole, x=point).gradients[inner]])
    return rows
