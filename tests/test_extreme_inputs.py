"""Extreme numbers give a defined value and gradient, or a named error; never a silent NaN.

What the value is, the tests of each module say; here every function meets every extreme.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import (
    activations,
    gradcheck,
    graph,
    layers,
    logistic_regression,
    losses,
    perceptron,
    regularizers,
)

EXTREMES = [0.0, -0.0, 1e4, -1e4, 3e38, -3e38, np.inf, -np.inf, 1e-40, -1e-40]  # 1e-40: subnormal
SCORES = np.array(
    [
        *([x, x, x, x] for x in EXTREMES),  # all equal
        *([x, 0, 0, 0] for x in EXTREMES),  # one dominant
        *([x, -x, 1, 0] for x in EXTREMES),
        *([x, y, 1, 0] for x in EXTREMES for y in (np.inf, -np.inf, 3e38)),
    ]
)
PROBABILITIES = np.array([0.0, 1.0, 1e-40, 0.5, 1 - 1e-7])
TARGETS = np.array([[1.0, 0.0, 0.0, 0.0], [0.25] * 4, [1e-40, 1.0, 0.0, 0.0], [0.0] * 4])

ACTIVATIONS = [name for name in vars(activations) if f"{name}_vjp" in vars(activations)]
LOSSES_OF_LABELS = [
    "softmax_cross_entropy",
    "smoothed_softmax_cross_entropy",
    "negative_log_likelihood",
    "multiclass_hinge",
]
LOSSES_OF_NUMBERS = [
    "softmax_cross_entropy_with_soft_targets", "squared_error", "absolute_error", "huber"
]  # fmt: skip
LOSSES_OF_PROBABILITIES = ["categorical_cross_entropy", "kl_divergence", "js_divergence"]
LOSSES_OF_TWO_CLASSES = ["sigmoid_binary_cross_entropy", "hinge", "binary_cross_entropy"]
each_dtype = pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16, jnp.float16])


def assert_never_nan(function, rule, *inputs, cotangent=None):
    value = function(*inputs)
    cotangent = jnp.ones_like(value) if cotangent is None else cotangent
    for numbers in (value, rule(*inputs, cotangent)):
        wrong = np.isnan(np.asarray(numbers, np.float64))
        assert not wrong.any(), [np.asarray(x)[np.atleast_1d(wrong).nonzero()[0]] for x in inputs]


def cast(values, dtype):
    return jnp.asarray(values, jnp.float32).astype(dtype)  # NumPy would warn of the overflow


def both(module, name):
    return getattr(module, name), getattr(module, f"{name}_vjp")


@each_dtype
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_is_never_nan(name, dtype):
    function, rule = both(activations, name)
    x = cast(SCORES, dtype)
    assert_never_nan(function, rule, x)
    dy = jnp.broadcast_to(jnp.arange(-1, function(x).shape[-1] - 1, dtype=dtype), function(x).shape)
    assert_never_nan(function, rule, x, cotangent=dy)


@each_dtype
@pytest.mark.parametrize("name", LOSSES_OF_LABELS)
def test_loss_of_extreme_scores_is_never_nan(name, dtype):
    for label in range(4):
        labels = jnp.full(len(SCORES), label)
        assert_never_nan(*both(losses, name), cast(SCORES, dtype), labels)


@each_dtype
@pytest.mark.parametrize("name", LOSSES_OF_NUMBERS)
def test_loss_of_extreme_predictions_is_never_nan(name, dtype):
    for target in TARGETS:
        targets = jnp.broadcast_to(cast(target, dtype), SCORES.shape)
        assert_never_nan(*both(losses, name), cast(SCORES, dtype), targets)


@each_dtype
@pytest.mark.parametrize("name", LOSSES_OF_PROBABILITIES)
def test_loss_of_extreme_probabilities_is_never_nan(name, dtype):
    zero = np.zeros_like(PROBABILITIES)
    p = cast(np.stack([PROBABILITIES, 1 - PROBABILITIES, zero, zero], axis=1), dtype)
    for target in TARGETS:
        assert_never_nan(*both(losses, name), p, jnp.broadcast_to(cast(target, dtype), p.shape))


@each_dtype
@pytest.mark.parametrize("name", LOSSES_OF_TWO_CLASSES)
def test_loss_of_two_classes_is_never_nan(name, dtype):
    extremes = PROBABILITIES if name == "binary_cross_entropy" else EXTREMES
    for target in (-1.0, 1.0) if name == "hinge" else (0.0, 1.0, 0.5):
        x = cast(extremes, dtype)
        assert_never_nan(*both(losses, name), x, jnp.full_like(x, target))


def test_every_loss_is_tried():
    tried = {*LOSSES_OF_LABELS, *LOSSES_OF_NUMBERS, *LOSSES_OF_PROBABILITIES}
    rules = {name for name in vars(losses) if f"{name}_vjp" in vars(losses)}
    assert rules - tried - set(LOSSES_OF_TWO_CLASSES) == {"reduce", "smooth_labels"}


def test_one_class_is_certain_and_nothing_is_learned():
    for score in EXTREMES:
        z = jnp.asarray([[score]], jnp.float32)
        labels, ones = jnp.zeros(1, int), jnp.ones((1, 1))
        assert activations.softmax(z) == 1
        assert activations.log_softmax(z) == 0
        assert activations.softmax_vjp(z, ones) == activations.log_softmax_vjp(z, ones) == 0
        for name in ("softmax_cross_entropy", "multiclass_hinge"):
            loss, rule = both(losses, name)
            assert loss(z, labels) == rule(z, labels, jnp.ones(1))[0, 0] == 0


@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_penalty_of_extreme_weights_has_a_gradient(strength):
    for name in ("l1_penalty", "l2_penalty", "elastic_net_penalty"):
        settings = {"l1": strength, "l2": strength} if "net" in name else {"strength": strength}
        bound, rule = (functools.partial(f, **settings) for f in both(regularizers, name))
        assert_never_nan(bound, rule, cast(EXTREMES, jnp.float32))


# Every row of the table. A sum of products follows IEEE arithmetic where it overflows, and
# inf - inf is NaN; so functions that multiply and add are tried up to 1e4, all others to infinity.

SUMS_OF_PRODUCTS = {
    layers.affine, layers.convolve2d, layers.fast_convolve2d, layers.dot_product_attention,
    layers.elman_cell, layers.encoder_block, layers.gru_cell, layers.lstm_cell,
    layers.multi_head_attention, layers.normalize_batch, layers.normalize_features, layers.residual,
    layers.serial, layers.standardize, layers.add_branch, layers.unroll, logistic_regression.cost,
    perceptron.line, perceptron.weighted_sum, graph.multiply,
}  # fmt: skip
FAMILIES = ["layers", "images", "sequences", "classical"]  # the others are above


@pytest.mark.parametrize("row", gradcheck.cases(*FAMILIES), ids=lambda row: row.name)
def test_row_of_the_table_is_never_nan(row, jit_as_users):
    inputs = jax.tree.map(_as_float32, row.inputs)
    overflows = not SUMS_OF_PRODUCTS.isdisjoint(row.shown)
    numbers = [x for x in EXTREMES if abs(x) <= 1e4] if overflows else EXTREMES
    argnums = (row.argnums,) if isinstance(row.argnums, int) else row.argnums
    if row.is_layer:  # huge params, layer upon layer, overflow
        argnums = (1,)
    moved = [
        tuple(
            jax.tree.map(functools.partial(change, number=number), tree) if i == position else tree
            for i, tree in enumerate(inputs)
        )
        for position in argnums
        for number in numbers
        for change in (_filled, _with_first)
    ]

    @jit_as_users
    def run(points):
        def at(point):
            y = row.function(*point)
            dy = jax.tree.map(lambda leaf: jnp.cos(jnp.arange(leaf.size, dtype=leaf.dtype)), y)
            return y, row.vjp(*point, jax.tree.map(lambda dy, y: dy.reshape(y.shape), dy, y))

        return jax.lax.map(at, points)

    for leaf in jax.tree.leaves(run(jax.tree.map(_stacked, *moved))):
        assert np.isfinite(leaf).all() if overflows else not np.isnan(leaf).any()


# In NumPy, as on the device each would be a program for each shape.


def _as_float32(leaf):
    if isinstance(leaf, jax.Array):  # a key
        return leaf
    return np.asarray(
        leaf, np.float32 if np.issubdtype(np.asarray(leaf).dtype, np.floating) else None
    )


def _filled(leaf, number):
    return np.full_like(leaf, number)


def _with_first(leaf, number):
    leaf = leaf.copy()
    leaf[(0,) * leaf.ndim] = number
    return leaf


def _stacked(*leaves):
    return jnp.stack(leaves) if isinstance(leaves[0], jax.Array) else np.stack(leaves)
