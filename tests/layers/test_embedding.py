import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen

from jaxnn import layers


def a_table():
    return jnp.asarray(np.random.default_rng(0).normal(size=(5, 3)), jnp.float32)


@pytest.mark.parametrize("batch", [(), (7,), (2, 3), (0,)])
def test_lookup_is_the_product_with_one_hot_vectors_and_flax_embed(batch):
    ids = jnp.asarray(np.random.default_rng(1).integers(0, 5, batch))
    y = layers.lookup(a_table(), ids)
    np.testing.assert_allclose(y, np.eye(5)[np.asarray(ids)] @ a_table(), rtol=1e-6)
    flax = linen.Embed(5, 3).apply({"params": {"embedding": a_table()}}, ids)
    np.testing.assert_array_equal(y, flax)


@pytest.mark.quick
def test_an_id_met_twice_collects_both_gradients_and_others_none():
    dy = np.asarray([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0], [0.5, 0.5, 0.5]], np.float32)
    dtable = layers.lookup_vjp(a_table(), jnp.asarray([1, 1, 4]), jnp.asarray(dy))
    expected = np.zeros((5, 3), np.float32)
    np.add.at(expected, [1, 1, 4], dy)
    np.testing.assert_array_equal(dtable, expected)


@pytest.mark.parametrize("bad", [5, -1])
def test_an_id_out_of_range_is_refused_where_it_is_known(bad):
    for call in (
        lambda ids: layers.lookup(a_table(), ids),
        lambda ids: layers.lookup_vjp(a_table(), ids, jnp.ones((2, 3))),
    ):
        with pytest.raises(ValueError, match=rf"ids must be in \[0, 5\), got {bad}"):
            call(jnp.asarray([0, bad]))


@pytest.mark.parametrize("bad", [5, -1, 1000, -1000])
def test_a_traced_id_out_of_range_gives_zeros_and_no_gradient(bad):
    ids = jnp.asarray([2, bad])
    y = jax.jit(layers.lookup)(a_table(), ids)
    np.testing.assert_array_equal(y, np.stack([a_table()[2], np.zeros(3)]))
    dtable = jax.jit(layers.lookup_vjp)(a_table(), ids, jnp.ones((2, 3)))
    np.testing.assert_array_equal(dtable, np.eye(5)[2][:, None] * np.ones(3))


@pytest.mark.usefixtures("no_type_checker")
def test_ids_must_be_integers():
    with pytest.raises(TypeError, match="ids must be integers, got float32"):
        layers.lookup(a_table(), jnp.ones(2))


def test_the_layer_takes_ids_as_integers_or_as_the_floats_of_a_training_run():
    layer = layers.embedding(5, 3)
    params, state, out_shape = layer.init(jax.random.key(0), (4,))
    assert out_shape == (4, 3)
    ids = jnp.asarray([[0, 1, 2, 1], [4, 4, 4, 4]])
    both = [layer.forward(params, state, x, None, True) for x in (ids, ids.astype(jnp.float32))]
    np.testing.assert_array_equal(both[0][0], both[1][0])
    np.testing.assert_array_equal(both[0][0], params["table"][ids])
    dparams, dx = layer.backward(params, both[1][2], both[1][0])
    assert dparams["table"].shape == (5, 3)
    np.testing.assert_array_equal(dx, np.zeros((2, 4)))


def test_the_vectors_start_with_a_length_near_one():
    table = layers.embedding(200, 50).init(jax.random.key(0), ())[0]["table"]
    np.testing.assert_allclose(np.square(table).sum(1).mean(), 1, rtol=0.05)


@pytest.mark.parametrize(("sizes", "name"), [((0, 3), "vocabulary"), ((3, -1), "features")])
def test_a_size_below_one_is_refused(sizes, name):
    with pytest.raises(ValueError, match=f"{name} must be at least 1"):
        layers.embedding(*sizes)
