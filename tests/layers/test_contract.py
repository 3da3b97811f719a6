"""A layer of one's own that breaks the contract is named, with what it gave and what was due."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxnn import backprop, data, layers, losses, train

X = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
DATA = data.from_arrays(X, np.arange(12) % 2)
pytestmark = pytest.mark.usefixtures("no_type_checker")


def scaling(**changes):
    """y = a x with one number a for each feature, or what is changed of it."""
    parts = {
        "init": lambda key, shape: ({"a": jnp.ones(shape[-1])}, (), shape),
        "forward": lambda params, state, x, key, train: (_times(x, params["a"]), state, x),
        "backward": lambda params, x, dy: ({"a": (x * dy).sum(0)}, _times(dy, params["a"])),
    }
    return layers.Layer(**(parts | changes), name="scaling")


def _times(x, a):
    return x * jnp.broadcast_to(a, x.shape)


def fit(own, **settings):
    def setup(learning_rate):
        return train.Run(
            model=layers.serial(layers.dense(4), own, layers.relu, layers.dense(2)),
            loss=losses.softmax_cross_entropy,
            optimizer=optax.sgd(learning_rate),
            epochs=1,
            batch_size=4,
            **settings,
        )

    return train.fit(setup, DATA, learning_rate=0.1)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        (
            {"backward": lambda p, x, dy: ({"a": x * dy}, dy)},
            ValueError,
            r"dparams, from the backward pass of scaling, .* expected a: float32\[4\], got"
            r" a: float32\[1009,4\]",
        ),
        (
            {"backward": lambda p, x, dy: ({"b": (x * dy).sum(0)}, dy)},
            ValueError,
            r"expected a: float32\[4\], got b: float32\[4\]",
        ),
        (
            {"backward": lambda p, x, dy: ({}, dy)},
            ValueError,
            r"expected a: float32\[4\], got none",
        ),
        (
            {"backward": lambda p, x, dy: ({"a": (x * dy).sum(0)}, dy.sum(0))},
            ValueError,
            r"backward pass of scaling gives dx as float32\[4\], .* expected: \(1009, 4\)",
        ),
        (
            {"backward": lambda p, x, dy: (x * dy).sum(0)},
            TypeError,
            r"backward of scaling must give \(dparams, dx\), got",
        ),
        (
            {"backward": lambda p, x, dy: (p, dy, x)},
            TypeError,
            r"backward of scaling must give \(dparams, dx\), got 3 things",
        ),
        (
            {"backward": lambda p, x, dy: ({"a": x @ dy}, dy)},
            ValueError,
            r"backward of scaling failed: TypeError",
        ),
        (
            {"forward": lambda p, s, x, key, train: (x, s)},
            TypeError,
            r"forward, with train=False, of scaling must give \(y, state, saved\), got 2 things",
        ),
        (
            {"forward": lambda p, s, x, key, train: (x[:, :2], s, x)},
            ValueError,
            r"forward pass of scaling gives float32\[1009,2\] .* promises \(1009, 4\)",
        ),
        (
            {"forward": lambda p, s, x, key, train: (x, {"seen": x}, x)},
            ValueError,
            r"state after the forward pass of scaling .* expected none, got seen: float32",
        ),
        (
            {"forward": lambda p, s, x, key, train: (x + jax.random.normal(key, x.shape), s, x)},
            ValueError,
            r"forward, with train=False of scaling failed",
        ),
        (
            {"init": lambda key, shape: ({"a": jnp.ones(shape[-1])}, shape)},
            TypeError,
            r"init of scaling must give \(params, state, out_shape\), got 2 things",
        ),
        (
            {"forward": lambda p, s, x, key, train: (x * p["scale"], s, x)},
            ValueError,
            r"forward, with train=False of scaling failed: KeyError: 'scale'",
        ),
    ],
)
def test_what_a_layer_gives_wrongly_is_said_with_its_name(changes, error, words):
    with pytest.raises(error, match=words):
        fit(scaling(**changes))


def test_a_layer_that_keeps_the_contract_trains_as_autodiff_would_have_it():
    kept = [fit(scaling(), gradient=way) for way in ("hand", "autodiff")]
    np.testing.assert_allclose(*(each.history.train_loss for each in kept), rtol=1e-6)


def test_a_backward_pass_that_is_not_used_is_not_looked_at():
    assert fit(scaling(backward=None), gradient="autodiff").history.train_loss.notnull().all()


def test_a_function_of_ones_own_is_looked_at_too():
    own = layers.stateless(
        lambda x: (x, x), lambda x, dy: dy[:1], name="own", out_shape=lambda shape: shape
    )
    with pytest.raises(ValueError, match=r"backward pass of own gives dx as float32\[1,4\]"):
        fit(own)


def test_in_a_loop_of_ones_own_the_gradient_is_compared_with_the_params():
    own = scaling(backward=lambda p, x, dy: ({"a": x * dy}, dy))
    params, state, _ = own.init(jax.random.key(0), (3,))
    gradient = backprop.by_hand(own, losses.softmax_cross_entropy)
    with pytest.raises(ValueError, match=r"scaling, .* expected a: float32\[3\], got"):
        gradient(params, state, jnp.asarray(X), jnp.arange(12) % 3, None)
