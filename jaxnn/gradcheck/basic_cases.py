"""The rows of activations, losses, penalties and Dense layers.

Inputs stay MARGIN away from kinks and ties.
"""

import numpy as np

from jaxnn import activations, layers, losses, regularizers
from jaxnn.gradcheck.case import Case, case, layer_case

MARGIN = 0.05


def activation_cases() -> list[Case]:
    x = 2 * _random().normal(size=(4, 6))
    smooth = (
        activations.identity,
        activations.sigmoid,
        activations.tanh,
        activations.softplus,
        activations.swish,
        activations.gelu,
        activations.gelu_tanh,
        activations.softmax,
        activations.log_softmax,
    )
    return [
        *(case(function, x) for function in smooth),
        *(case(function, x, axis=0) for function in (activations.softmax, activations.log_softmax)),
        case(activations.step, _away(x, 0)),
        case(activations.relu, _away(x, 0)),
        case(activations.leaky_relu, _away(x, 0)),
        case(activations.leaky_relu, _away(x, 0), negative_slope=0.01),
        case(activations.elu, _away(x, 0)),
        case(activations.elu, _away(x, 0), alpha=0.5),
        case(activations.selu, _away(x, 0)),
        case(activations.hard_sigmoid, _away(x, -3, 3)),
        case(activations.hard_tanh, _away(x, -1, 1)),
        case(activations.hard_swish, _away(x, -3, 3)),
        case(activations.maxout, _apart(4, 6)),
        case(activations.maxout, _apart(4, 6), pieces=3),
    ]


def loss_cases() -> list[Case]:
    random = _random()
    predictions, column = random.normal(size=(5, 4)), random.normal(size=(5, 1))
    near = predictions + _away(random.normal(size=(5, 4)), 0, 0.5, -0.5, 1, -1)
    labels, binary = random.integers(0, 4, 5), random.integers(0, 2, 5)
    p, t = (random.dirichlet(np.full(4, 5.0), 5) for _ in range(2))
    one_hot, soft = np.eye(4)[labels], random.uniform(0, 1, 5)
    hinge_scores = _away(random.normal(size=5), 1, -1)
    scores = _apart(8, 4) / 2
    leading = np.where(np.arange(8) < 6, scores.argmax(axis=1), 0)  # by more and by less than 1
    return [
        case(losses.absolute_error, predictions, near),
        case(losses.squared_error, predictions, near),
        case(losses.squared_error, column, random.normal(size=5), note="one output"),
        case(losses.huber, predictions, near),
        case(losses.huber, predictions, near, delta=0.5),
        case(losses.binary_cross_entropy, p[:, :1], binary),
        case(losses.binary_cross_entropy, p[:, 0], soft, note="soft labels"),
        case(losses.sigmoid_binary_cross_entropy, column, binary),
        case(losses.sigmoid_binary_cross_entropy, column[:, 0], soft, note="soft labels"),
        case(losses.softmax_cross_entropy, predictions, labels),
        case(
            losses.softmax_cross_entropy,
            predictions,
            predictions.argmax(axis=-1),
            note="right answers",
        ),
        case(losses.softmax_cross_entropy, predictions[0], labels[0], note="no batch"),
        case(losses.negative_log_likelihood, np.log(p), labels),
        case(losses.categorical_cross_entropy, p, t),
        case(losses.categorical_cross_entropy, p, one_hot, note="one-hot"),
        case(losses.softmax_cross_entropy_with_soft_targets, predictions, t),
        case(losses.softmax_cross_entropy_with_soft_targets, predictions, one_hot, note="one-hot"),
        case(losses.smooth_labels, t),
        case(losses.smoothed_softmax_cross_entropy, predictions, labels),
        case(losses.smoothed_softmax_cross_entropy, predictions, labels, alpha=0.4),
        case(losses.hinge, hinge_scores, 2 * binary - 1),
        case(losses.multiclass_hinge, scores, leading),
        case(losses.kl_divergence, p, t),
        case(losses.js_divergence, p, t),
        case(losses.js_divergence, p, one_hot, note="one-hot"),
        case(losses.reduce, predictions[:, 0]),
        case(losses.reduce, predictions[:, 0], how="sum"),
        case(losses.reduce, predictions[:, 0], note="weights", weights=binary),
    ]


def regularizer_cases() -> list[Case]:
    weights = _away(_random().normal(size=(4, 3)), 0)
    return [
        case(regularizers.l1_penalty, weights, strength=0.3),
        case(regularizers.l2_penalty, weights, strength=0.3),
        case(regularizers.elastic_net_penalty, weights, l1=0.3, l2=0.2),
    ]


def layer_cases() -> list[Case]:
    random = _random()
    x, kernel, bias = (random.normal(size=shape) for shape in ((5, 4), (4, 3), (3,)))
    square = random.normal(size=(4, 4))
    network = layers.serial(layers.dense(4), layers.tanh, layers.dense(3))
    return [
        case(layers.affine, x, kernel, bias, argnums=(0, 1, 2)),
        case(layers.affine, x[:4], square, square[0], argnums=(0, 1, 2), note="square"),
        layer_case("dense", layers.dense(3), (4,), layers.affine),
        layer_case("dense (square)", layers.dense(4), (4,), layers.affine),
        layer_case(
            "dense (without bias)", layers.dense(3, use_bias=False), (4,), layers.affine
        ),
        layer_case("dense (of images)", layers.dense(3), (2, 2, 4), layers.affine),
        layer_case("flatten", layers.flatten, (2, 3), layers.reshape),
        layer_case("serial", network, (5,), layers.serial, layers.affine, activations.tanh),
        *_activation_layers(),
    ]  # fmt: skip


def _activation_layers() -> list[Case]:
    x = _away(2 * _random().normal(size=(4, 6)), -3, -1, 0, 1, 3)
    plain = (
        "identity", "step", "sigmoid", "tanh", "relu", "selu", "softplus", "swish", "gelu",
        "gelu_tanh", "hard_sigmoid", "hard_tanh", "hard_swish", "softmax", "log_softmax",
    )  # fmt: skip
    made = {
        **{name: getattr(layers, name) for name in plain},
        "leaky_relu": layers.leaky_relu(0.3),
        "elu": layers.elu(0.5),
    }
    rows = [
        layer_case(f"{name} (layer)", layer, (6,), getattr(activations, name), x=x)
        for name, layer in made.items()
    ]
    maxout = layers.maxout(3)
    return [
        *rows,
        layer_case("maxout (layer)", maxout, (6,), activations.maxout, x=_apart(4, 6)),
    ]


def _random() -> np.random.Generator:
    return np.random.default_rng(0)


def _away(x: np.ndarray, *kinks: float | int) -> np.ndarray:
    """X with the elements near a kink moved to twice the margin from it."""
    for kink in kinks:
        side = np.where(x < kink, -2 * MARGIN, 2 * MARGIN)
        x = np.where(np.abs(x - kink) < MARGIN, kink + side, x)
    return x


def _apart(rows: int, columns: int) -> np.ndarray:
    """Numbers in [-2, 2] no two of which are closer than a margin."""
    order = _random().permutation(rows * columns).reshape(rows, columns)
    return 4 * order / (rows * columns - 1) - 2.0
