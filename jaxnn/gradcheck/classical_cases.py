"""Rows of the gradient table: perceptron, logistic regression, operations of the graph."""

import numpy as np

from jaxnn import graph, logistic_regression, perceptron
from jaxnn.gradcheck.case import Case, case


def classical_cases() -> list[Case]:
    random = np.random.default_rng(0)
    x, weights = random.normal(size=(5, 3)), random.normal(size=3)
    a, b = random.normal(size=2)
    params = {"kernel": weights[:, None], "bias": random.normal(size=1)}
    labels = random.integers(0, 2, 5)
    return [
        case(perceptron.weighted_sum, x, weights, argnums=(0, 1)),
        case(perceptron.line, x[:, 0], a, argnums=(0, 1)),
        case(logistic_regression.cost, params, x, labels, note="logistic regression"),
        case(graph.add, a, b, argnums=(0, 1)),
        case(graph.multiply, a, b, argnums=(0, 1)),
        case(graph.exp, a),
        case(graph.reciprocal, np.asarray(1.5)),
    ]
