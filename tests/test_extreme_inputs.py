"""Extreme numbers and sizes give a defined value and gradient, or a named error; never a NaN.

What the value is, the tests of each module say; here every function meets every extreme.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import activations, backprop, gradcheck, layers, losses, regularizers

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
    weights = jnp.asarray([x for x in EXTREMES if np.isfinite(x)])
    for name in ("l1_penalty", "l2_penalty"):
        function, rule = both(regularizers, name)
        bound = functools.partial(function, strength=strength)
        assert_never_nan(bound, functools.partial(rule, strength=strength), weights)


# Sizes

NETWORK = layers.serial(layers.dense(1), layers.tanh, layers.dense(3))


@pytest.mark.parametrize("way", [backprop.by_hand, backprop.by_autodiff])
def test_an_empty_batch_has_no_mean_loss(way):
    params, state, _ = NETWORK.init(jax.random.key(0), (4,))
    gradient = way(NETWORK, losses.softmax_cross_entropy)
    with pytest.raises(ValueError, match=r"needs an example, got losses of shape \(0,\)"):
        gradient(params, state, jnp.zeros((0, 4)), jnp.zeros(0, int), None)


@pytest.mark.parametrize("row", [r for r in gradcheck.cases("layers") if r.argnums == (0, 1)],
                         ids=lambda row: row.name)  # fmt: skip
@pytest.mark.parametrize("batch", [0, 1])
def test_layer_of_an_empty_batch_gives_zeros_and_of_one_example_that_of_the_batch(row, batch):
    params, x, *others = jax.tree.map(jnp.asarray, row.inputs)
    few = x[:batch]
    y = row.function(params, few, *others)
    dparams, dx = row.vjp(params, few, *others, jnp.ones_like(y))
    assert (y.shape[0], dx.shape) == (batch, few.shape)
    np.testing.assert_allclose(y, row.function(params, x, *others)[:batch], rtol=1e-5, atol=1e-6)
    for leaf, gradient in zip(jax.tree.leaves(params), jax.tree.leaves(dparams), strict=True):
        assert gradient.shape == leaf.shape
        assert np.isfinite(gradient).all()
        assert batch or not gradient.any()


def test_width_one_and_batch_one_is_the_single_neuron():
    x, w, b, dy = (jnp.full(shape, v) for shape, v in (
        ((1, 1), 3.0), ((1, 1), 2.0), ((1,), -1.0), ((1, 1), 10.0)))  # fmt: skip
    assert layers.affine(x, w, b) == 5
    dx, dw, db = layers.affine_vjp(x, w, b, dy)
    assert (float(dx[0, 0]), float(dw[0, 0]), float(db[0])) == (20, 30, 10)


def test_network_of_width_one_learns_from_one_example_by_both_ways():
    params, state, _ = NETWORK.init(jax.random.key(0), (1,))
    arguments = params, state, jnp.ones((1, 1)), jnp.zeros(1, int), None
    hand, auto = (
        way(NETWORK, losses.softmax_cross_entropy)(*arguments)
        for way in (backprop.by_hand, backprop.by_autodiff)
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), hand, auto)
