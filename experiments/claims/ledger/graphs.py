"""The computational graph of chapter 5, and the chain rule."""

import jax.numpy as jnp

from experiments.claims.ledger.register import answers
from jaxnn import graph

X, Y, Z = graph.variables("x y z")
PRODUCT = (X + Y) * Z
W0, X0, W1, X1, W2 = graph.variables("w0 x0 w1 x1 w2")
NEURON = graph.apply(graph.reciprocal, graph.apply(graph.exp, -(W0 * X0 + W1 * X1 + W2)) + 1.0)


@answers("graph-f-at-1-2-1", "graph-f-at-1-m2-1")
def value(x, y, z):
    return graph.evaluate(PRODUCT, x=x, y=y, z=z)[PRODUCT]


@answers("graph-df-at-1-2-1", "graph-df-at-1-m2-1")
def gradient(x, y, z):
    gradients = graph.backpropagate(PRODUCT, x=x, y=y, z=z).gradients
    return [gradients[node] for node in (X, Y, Z)]


@answers("local-derivatives")
def local_derivatives(x, a):
    one = jnp.ones_like(x)
    return (
        graph.add_vjp(x, a, one)[0],
        graph.multiply_vjp(x, a, one)[0],
        graph.exp_vjp(x, one),
        graph.reciprocal_vjp(x, one),
    )


@answers("sigmoid-neuron-backprop")
def sigmoid_neuron(weights, x):
    w0, w1, w2 = weights
    passes = graph.backpropagate(NEURON, w0=w0, x0=x[0], w1=w1, x1=x[1], w2=w2)
    return passes.values[NEURON], *(passes.gradients[node] for node in (W0, W1, W2, X0, X1))


@answers("chain-rule-derivative")
def chain_rule(x):
    power = (X**3 + 2 * X) ** 4
    return [graph.backpropagate(power, x=point).gradients[X] for point in x]
