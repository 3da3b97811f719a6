"""Whole networks over sequences: by hand as by autodiff, and they learn."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import backprop, data, layers, losses, optimizers, train

VOCABULARY = 4
NETWORKS = {
    "recurrent": lambda: layers.serial(
        layers.embedding(VOCABULARY, 3),
        layers.gru(4, return_sequences=True),
        layers.lstm(8),
        layers.dense(VOCABULARY),
    ),
    "transformer": lambda: layers.serial(
        layers.embedding(VOCABULARY, 4),
        layers.positional_encoding(),
        layers.encoder_block(4, 2, 8, norm=layers.identity),
        layers.flatten,
        layers.dense(VOCABULARY),
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_both_ways_give_the_same_objective_and_gradient(name):
    with jax.enable_x64(True):
        model, key = NETWORKS[name](), jax.random.key(0)
        params, state, out_shape = model.init(key, (5,))
        assert out_shape == (VOCABULARY,)
        ids = jnp.asarray(np.random.default_rng(0).integers(0, VOCABULARY, (6, 5)))
        ways = [
            jax.jit(way(model, losses.softmax_cross_entropy))(params, state, ids, ids[:, 0], key)
            for way in (backprop.by_hand, backprop.by_autodiff)
        ]
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14), *ways)


def test_a_transformer_learns_to_say_what_came_first():
    ids = np.random.default_rng(0).integers(0, VOCABULARY, (200, 5)).astype(np.float32)
    examples = ids[:150], ids[:150, 0].astype(np.int32), ids[150:], ids[150:, 0].astype(np.int32)

    def setup(learning_rate):
        return train.Run(
            model=NETWORKS["transformer"](),
            loss=losses.softmax_cross_entropy,
            optimizer=optimizers.adam(learning_rate),
            epochs=30,
            batch_size=25,
        )

    result = train.fit(setup, data.from_arrays(*examples), learning_rate=0.03)
    assert result.history.test_accuracy[-1] > 0.9
