import dataclasses

import jax
import numpy as np
import pytest

from experiments.course.images import cnn_mnist
from experiments.course.images.cnn_mnist import BATCH_SIZE, RATE, SHAPE, Config, draw, judge, setup
from jaxnn import data, models


@pytest.fixture
def digits(monkeypatch):
    """Noise in the shape of MNIST, for where it is not at hand."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (3 * BATCH_SIZE, *SHAPE), dtype=np.uint8)
    y = (np.arange(len(x)) % 10).astype(np.int32)
    cut = 2 * BATCH_SIZE
    made = data.from_arrays(x[:cut], y[:cut], x[cut:], y[cut:], name="noise", scale=255.0)
    monkeypatch.setattr(cnn_mnist.data, "load", lambda name: made)


@pytest.fixture
def tiny(monkeypatch):
    """The same network, narrow: what the run keeps does not depend on its widths."""
    real = cnn_mnist.network
    monkeypatch.setattr(cnn_mnist, "network", lambda kind, **_: real(kind, filters=(1,), units=2))


@pytest.mark.usefixtures("digits", "tiny")
def test_a_short_run_has_every_number_of_images_and_is_drawn():
    config = dataclasses.replace(cnn_mnist.QUICK, images=(64, 128), epochs=4)
    with jax.numpy_dtype_promotion("standard"):  # optax counts on it in its schedules
        results = cnn_mnist.run(config)
    assert dict(results.sizes) == {"images": 2, "seed": 1, "epoch": 2}
    np.testing.assert_array_equal(results.epoch, [2, 4])
    assert all(np.isfinite(results[name]).all() for name in cnn_mnist.TOLERANCES)
    assert judge(results) == []
    draw(results)


@pytest.mark.quick
def test_the_network_is_that_of_the_slides():
    def shapes(model):
        params = jax.eval_shape(lambda: model.init(jax.random.key(0), SHAPE)[0])
        return [leaf.shape for leaf in jax.tree.leaves(params)]

    assert shapes(setup(64, 2, 2).model) == shapes(models.conv_net(10))


def test_the_learning_rate_is_0_after_ten_epochs_however_long_a_run_is(monkeypatch):
    taken = []
    monkeypatch.setattr(cnn_mnist.optimizers, "adam", taken.append)
    with pytest.raises(TypeError, match="optimizer"):
        setup(640, 2, 2)
    (rate,) = taken
    assert float(rate(0)) == pytest.approx(RATE)
    assert float(rate(50)) == pytest.approx(RATE / 2)
    assert float(rate(100)) == 0


@pytest.mark.quick
def test_what_does_not_fit_is_refused_before_anything_is_compiled():
    with pytest.raises(ValueError, match=r"images=\(10,\) do not fill a batch of 64"):
        Config(images=(10,))
    with pytest.raises(ValueError, match="3 epochs are no multiple of evaluate_every=2"):
        Config(epochs=3)
    with pytest.raises(ValueError, match="10 epochs are no multiple of evaluate_every=0"):
        Config(evaluate_every=0)
