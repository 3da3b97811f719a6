"""Extreme sizes give a defined value and gradient, or a named error: no example, one, width 1.

Windows that do not fit into an image are refused in the tests of convolution and pooling; larger
strides and padding that makes room for them are rows of the table of gradients.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import backprop, gradcheck, layers, losses

NETWORK = layers.serial(layers.dense(1), layers.tanh, layers.dense(3))


@pytest.mark.parametrize("way", [backprop.by_hand, backprop.by_autodiff])
def test_an_empty_batch_has_no_mean_loss(way):
    params, state, _ = NETWORK.init(jax.random.key(0), (4,))
    gradient = way(NETWORK, losses.softmax_cross_entropy)
    with pytest.raises(ValueError, match=r"needs an example, got losses of shape \(0,\)"):
        gradient(params, state, jnp.zeros((0, 4)), jnp.zeros(0, int), None)


LAYERS = [row for row in gradcheck.cases("layers", "images", "sequences") if row.is_layer]
OF_THE_WHOLE_BATCH = {"batch_norm", "serial (image network)", "dropout"}


@pytest.mark.parametrize("row", LAYERS, ids=lambda row: row.name)
def test_layer_of_an_empty_batch_gives_zeros_and_of_one_example_that_of_the_batch(row):
    params, x, *others = jax.tree.map(jnp.asarray, row.inputs)

    @jax.jit
    def run(params, x):
        y = row.function(params, x, *others)
        return y, row.vjp(params, x, *others, jnp.ones_like(y))

    whole, _ = run(params, x)
    for batch in (0, 1):
        few = x[:batch]
        if not batch and row.name in OF_THE_WHOLE_BATCH - {"dropout"}:
            with pytest.raises(ValueError, match=r"an empty batch, of shape \(0, .*no mean"):
                run(params, few)
            continue
        y, (dparams, dx) = run(params, few)
        assert (y.shape[0], dx.shape) == (batch, few.shape)
        if row.name not in OF_THE_WHOLE_BATCH:
            np.testing.assert_allclose(y, whole[:batch], rtol=1e-5, atol=1e-6)
        for leaf, gradient in zip(jax.tree.leaves(params), jax.tree.leaves(dparams), strict=True):
            assert gradient.shape == leaf.shape
            assert np.isfinite(gradient).all()
            assert batch or not gradient.any()


@pytest.mark.parametrize("name", ["batch_norm", "layer_norm"])
def test_a_number_alone_is_normalised_to_the_bias_and_learns_nothing(name):
    layer = getattr(layers, name)()
    params, state, _ = layer.init(jax.random.key(0), (1,))
    params |= {"bias": jnp.full(1, 3.0)}
    for number in (0.0, 1e4, -1e4, 1e-40):
        y, _, saved = layer.forward(params, state, jnp.full((1, 1), number), None, True)
        dparams, dx = layer.backward(params, saved, jnp.ones((1, 1)))
        assert (y, dx) == (3, 0)
        assert (dparams["scale"], dparams["bias"]) == (0, 1)


def test_one_class_is_certain_for_every_loss_of_scores():
    scores, labels, ones = jnp.asarray([[2.0], [-7.0]]), jnp.zeros(2, int), jnp.ones((2, 1))
    for name, targets in (
        ("softmax_cross_entropy", labels),
        ("smoothed_softmax_cross_entropy", labels),
        ("multiclass_hinge", labels),
        ("softmax_cross_entropy_with_soft_targets", ones),
    ):
        assert not getattr(losses, name)(scores, targets).any()
        assert not getattr(losses, f"{name}_vjp")(scores, targets, jnp.ones(2)).any()
    for name in ("categorical_cross_entropy", "kl_divergence", "js_divergence"):
        assert not getattr(losses, name)(ones, ones).any()


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
