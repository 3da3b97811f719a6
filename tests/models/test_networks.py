import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import backprop, losses, models

IMAGE = (8, 8, 1)
NETWORKS = {
    "logistic_regression": lambda: models.logistic_regression(3),
    "mlp": lambda: models.mlp(3, (5, 4), activation="tanh", dropout=0.2),
    "conv_net": lambda: models.conv_net(3, filters=(2, 3), units=4, activation="softplus"),
    "autoencoder": lambda: models.autoencoder(IMAGE, 2, hidden=(5,), activation="tanh"),
    "conv_autoencoder": lambda: models.conv_autoencoder(filters=(3, 2), activation="softplus"),
    "rnn_classifier": lambda: models.rnn_classifier(3, 4),
    "lstm_classifier": lambda: models.lstm_classifier(3, 4),
    "transformer_classifier": lambda: models.transformer_classifier(
        3, features=4, num_heads=2, hidden=5, blocks=2, activation="gelu"
    ),
    "resnet": lambda: models.resnet(3, filters=(2, 4), activation="swish"),
}


def _is_a_decoder(name):
    return name.endswith("autoencoder")


@pytest.mark.parametrize("name", NETWORKS)
def test_by_hand_as_by_autodiff(name):
    with jax.enable_x64(True):
        model, key = NETWORKS[name](), jax.random.key(0)
        params, state, out_shape = model.init(key, IMAGE)
        assert out_shape == (IMAGE if _is_a_decoder(name) else (3,))
        x = jax.random.uniform(jax.random.key(1), (4, *IMAGE))
        y = x if _is_a_decoder(name) else jnp.arange(4) % 3
        loss = losses.squared_error if _is_a_decoder(name) else losses.softmax_cross_entropy

        @jax.jit
        def both(params, state):
            ways = backprop.by_hand, backprop.by_autodiff
            return [way(model, loss)(params, state, x, y, key) for way in ways]

        jax.tree.map(
            functools.partial(np.testing.assert_allclose, rtol=1e-10, atol=1e-13),
            *both(params, state),
        )


@pytest.mark.quick
def test_the_convolutional_network_is_that_of_the_slide():
    """Its parameters as Keras counts them on 28 x 28 pixels, worked out by hand."""
    params, state, _ = jax.eval_shape(
        lambda: models.conv_net(10).init(jax.random.key(0), (28, 28, 1))
    )
    kernels = 9 * (1 * 32 + 32 * 32 + 32 * 64 + 64 * 64) + 2 * 32 + 2 * 64
    norms = 2 * (2 * 32 + 2 * 64)
    dense = 7 * 7 * 64 * 128 + 128 + 128 * 10 + 10
    assert _size(params) == kernels + norms + dense
    assert _size(state) == norms


def _size(tree):
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


def test_a_traced_rate_of_dropout_is_no_structure():
    def kept(rate):
        model = models.conv_net(2, filters=(2,), units=3, dropout=rate)
        params, state, _ = model.init(jax.random.key(0), (4, 4, 1))
        return model.forward(params, state, jnp.ones((2, 4, 4, 1)), jax.random.key(1), True)[0]

    both = jax.jit(jax.vmap(kept))(jnp.asarray([0.0, 0.9]))
    assert jnp.abs(both[0] - both[1]).max() > 1e-3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: models.mlp(3, activation="rellu"), "'rellu', did you mean 'relu'"),
        (lambda: models.mlp(3, (0,)), "features must be at least 1, got 0"),
        (lambda: models.conv_net(3, padding="SOME"), "padding must be .* got 'SOME'"),
        (lambda: models.conv_net(3, dropout=1.0), r"rate must be in \[0, 1\), got 1.0"),
        (
            lambda: models.conv_net(3, padding="VALID").init(jax.random.key(0), (8, 8, 1)),
            "window of 3 rows does not fit",
        ),
        (lambda: models.resnet(3, blocks=0), "blocks must be at least 1, got 0"),
        (
            lambda: models.transformer_classifier(3, features=5, num_heads=2),
            "2 heads cannot share 5 features",
        ),
        (
            lambda: models.autoencoder((8, 8)).init(jax.random.key(0), (8, 9)),
            r"\(8, 9\), of 72 elements, cannot become \(64,\)",
        ),
        (lambda: models.rnn_classifier(3).init(jax.random.key(0), (16,)), "rows_as_steps takes"),
    ],
)
def test_what_cannot_be_is_refused_with_a_remedy(make, message):
    with pytest.raises(ValueError, match=message):
        make()
