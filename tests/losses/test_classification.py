"""Cross entropies: two classes, the slides, confident answers, extreme logits."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import activations, losses
from tests.losses.table import draw

inf = np.inf


@pytest.mark.parametrize("batch", [(), (7,), (2, 3)])
@pytest.mark.parametrize("name", ["binary_cross_entropy", "sigmoid_binary_cross_entropy", "hinge"])
def test_predictions_of_two_classes_may_have_an_axis_of_one(name, batch):
    loss, rule = getattr(losses, name), getattr(losses, f"{name}_vjp")
    x, y = draw(name, batch)
    dy = jnp.ones(batch, x.dtype)
    np.testing.assert_array_equal(loss(x[..., None], y), loss(x, y))
    np.testing.assert_array_equal(rule(x[..., None], y, dy), rule(x, y, dy)[..., None])


@pytest.mark.quick
def test_softmax_cross_entropy_gradient_sums_to_zero_and_ignores_a_shift():
    with jax.enable_x64(True):
        logits, labels = draw("softmax_cross_entropy", (7,))
        _, t = draw("softmax_cross_entropy_with_soft_targets", (7,))
        for rule, targets in (
            (losses.softmax_cross_entropy_vjp, labels),
            (losses.softmax_cross_entropy_with_soft_targets_vjp, t),
        ):
            gradient = rule(logits, targets, jnp.ones(7))
            np.testing.assert_allclose(gradient.sum(-1), 0, atol=1e-15)
            np.testing.assert_allclose(rule(logits + 9, targets, jnp.ones(7)), gradient, atol=1e-14)


def test_confident_right_answer_keeps_a_gradient():
    with jax.enable_x64(True):
        slope = np.exp(-50.0) / (1 + np.exp(-50.0))
        gradient = losses.softmax_cross_entropy_vjp(
            jnp.asarray([50.0, 0.0]), jnp.asarray(0), jnp.ones(())
        )
        np.testing.assert_allclose(gradient, [-slope, slope], rtol=1e-14)
        for z, y, sign in ((50.0, 1, -1), (-50.0, 0, 1)):
            arguments = jnp.asarray(z), jnp.asarray(y), jnp.ones(())
            actual = losses.sigmoid_binary_cross_entropy_vjp(*arguments)
            np.testing.assert_allclose(actual, sign * slope, rtol=1e-14)


@pytest.mark.quick
def test_binary_cross_entropy_table_of_basics():
    p = jnp.asarray([0.94, 0.90, 0.78, 0.56, 0.51, 0.47, 0.32, 0.10])
    y = jnp.asarray([1, 1, 1, 0, 0, 1, 1, 0])
    nats = losses.reduce(losses.binary_cross_entropy(p, y))
    np.testing.assert_allclose(nats, 0.49373, atol=5e-6)
    np.testing.assert_allclose(nats / math.log(10), 0.214, atol=5e-4)


@pytest.mark.parametrize(
    ("p", "y", "value", "gradient"),
    [
        (0.0, 0, 0, 1),
        (1.0, 1, 0, -1),
        (0.0, 1, inf, -inf),
        (1.0, 0, inf, inf),
        (0.5, 0.5, math.log(2), 0),
    ],
)
def test_binary_cross_entropy_at_the_ends(p, y, value, gradient):
    p, y = jnp.asarray(p), jnp.asarray(y)
    np.testing.assert_allclose(losses.binary_cross_entropy(p, y), value, rtol=1e-6)
    actual = losses.binary_cross_entropy_vjp(p, y, jnp.ones(()))
    np.testing.assert_allclose(actual, gradient, atol=1e-6)


@pytest.mark.parametrize(
    ("z", "y", "value", "gradient"),
    [
        (0.0, 0, math.log(2), 0.5),
        (1e4, 1, 0, 0),
        (1e4, 0, 1e4, 1),
        (-3e38, 1, 3e38, -1),
        (inf, 1, 0, 0),
        (inf, 0, inf, 1),
        (-inf, 0, 0, 0),
        (-inf, 1, inf, -1),
    ],
)
def test_sigmoid_binary_cross_entropy_of_extreme_logits(z, y, value, gradient):
    z, y = jnp.asarray(z), jnp.asarray(y)
    np.testing.assert_allclose(losses.sigmoid_binary_cross_entropy(z, y), value, rtol=1e-6)
    actual = losses.sigmoid_binary_cross_entropy_vjp(z, y, jnp.ones(()))
    np.testing.assert_allclose(actual, gradient, atol=1e-6)


@pytest.mark.parametrize(
    ("logits", "label", "value", "gradient"),
    [
        ([0.0, 0.0, 0.0, 0.0], 1, math.log(4), [0.25, -0.75, 0.25, 0.25]),
        ([1e4, -1e4], 0, 0, [0, 0]),
        ([1e4, -1e4], 1, 2e4, [1, -1]),
        ([3e38, 3e38], 0, math.log(2), [-0.5, 0.5]),
        ([3e38, 0.0], 1, 3e38, [1, -1]),
        ([3e38, -3e38], 1, inf, [1, -1]),
        ([inf, 0.0], 0, 0, [0, 0]),
        ([inf, 0.0], 1, inf, [1, -1]),
        ([-inf, 0.0], 1, 0, [0, 0]),
        ([-inf, -inf], 0, math.log(2), [-0.5, 0.5]),
        ([7.0], 0, 0, [0]),
    ],
)
def test_softmax_cross_entropy_of_extreme_logits(logits, label, value, gradient):
    z, y, t = jnp.asarray(logits), jnp.asarray(label), jnp.eye(len(logits))[label]
    for loss, rule, targets in (
        (losses.softmax_cross_entropy, losses.softmax_cross_entropy_vjp, y),
        (
            losses.softmax_cross_entropy_with_soft_targets,
            losses.softmax_cross_entropy_with_soft_targets_vjp,
            t,
        ),
    ):
        np.testing.assert_allclose(loss(z, targets), value, rtol=1e-6)
        np.testing.assert_allclose(rule(z, targets, jnp.ones(())), gradient, atol=1e-6)


@pytest.mark.parametrize("label", range(3))
def test_second_derivatives_of_softmax_cross_entropy_are_right(label):
    """d^2 loss / d z_i d z_j = p_i ([i = j] - p_j), of the loss and through its rule."""
    with jax.enable_x64(True):
        z, y = jnp.array([1.0, 0.3, -0.7]), jnp.asarray(label)
        p = activations.softmax(z)
        expected = jnp.diag(p) - jnp.outer(p, p)
        of_rule = jax.jacobian(losses.softmax_cross_entropy_vjp)(z, y, jnp.ones(()))
        np.testing.assert_allclose(of_rule, expected, atol=1e-15)
        of_loss = jax.hessian(losses.softmax_cross_entropy)(z, y)
        np.testing.assert_allclose(of_loss, expected, atol=1e-15)
