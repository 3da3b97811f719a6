"""What would be broadcast along the batch is handled, or refused before anything compiles."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxnn import data, layers, losses, train

X = np.random.default_rng(0).normal(size=(60, 1)).astype(np.float32)
LINE = data.from_arrays(X, 2 * X[:, 0] + 1)
pytestmark = pytest.mark.usefixtures("no_type_checker")


def run_of(**changes):
    settings = {
        "model": layers.dense(1),
        "loss": losses.squared_error,
        "optimizer": optax.sgd(0.3),
        "epochs": 40,
        "batch_size": 20,
    }
    return train.Run(**(settings | changes))


def test_an_elementwise_loss_and_metric_of_ones_own_learn_and_measure_the_line():
    """Least squares has the slope 2 and the intercept 1; all against all would give their mean."""

    def setup(learning_rate):
        return run_of(
            loss=lambda p, y: (p - y) ** 2,
            gradient="autodiff",
            metrics={"distance": lambda p, y: jnp.abs(p - y)},
        )

    result = train.fit(setup, LINE, learning_rate=0.3)
    np.testing.assert_allclose(result.params["kernel"], [[2.0]], rtol=1e-3)
    np.testing.assert_allclose(result.params["bias"], [1.0], rtol=1e-3)
    assert result.history.train_distance[-1] < 1e-3


REFUSED = [
    (
        {"targets": lambda y: y[:, None] - y[None, :]},
        r"targets must make a target of each label on its own, but of 1009 labels makes"
        r" \(1009, 1009\)",
    ),
    ({"targets": lambda y: y.mean()}, r"targets must make .* makes \(\)"),
    ({"targets": lambda y: y[None]}, r"targets must make .* makes \(1, 1009\)"),
    (
        {"augment": lambda key, x, y: (x + jax.random.normal(key, x.shape[:1])[None], y)},
        r"augment must keep shapes .* \(1009,\)",
    ),
    (
        {"augment": lambda key, x, y: (x, y[:, None])},
        r"augment must keep shapes and dtypes, but makes float32 of shape \(1,\)",
    ),
    (
        {"augment": lambda key, x, y: (x * jnp.ones((7, 1)), y)},
        r"augment cannot take a batch of inputs \(1009, 1\)",
    ),
    (
        {
            "gradient": "autodiff",
            "loss": lambda p, y: p - p.T + 0 * y[:, None],
        },
        r"the loss pairs every prediction with every label: .* make \(1013, 1013\)",
    ),
    (
        {"metrics": {"gap": lambda p, y: p - p.T}},
        r"the gap pairs every prediction with every label",
    ),
    (
        {"metrics": {"gap": lambda p, y: p[:, 0] - jnp.ones(20)}},
        r"the gap cannot compare predictions of shape \(1,\) per example",
    ),
    (
        {
            "model": layers.Layer(
                lambda key, shape: ((), (), shape),
                lambda p, s, x, key, train: (x.reshape(1, -1), s, x.shape),
                lambda p, shape, dy: (p, dy.reshape(shape)),
                "merging",
            )
        },
        r"forward pass of merging gives float32\[1,1009\] .* promises \(1009, 1\)",
    ),
]


@pytest.mark.quick
@pytest.mark.parametrize(("changes", "words"), REFUSED)
def test_what_is_broadcast_along_the_batch_is_refused(changes, words):
    with jax.numpy_rank_promotion("allow"), pytest.raises(ValueError, match=words):
        run_of(**changes).check_against(LINE)
