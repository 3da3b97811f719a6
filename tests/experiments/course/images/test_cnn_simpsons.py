import dataclasses

import numpy as np
import pytest
import xarray as xr

from experiments.course.images import cnn_simpsons
from experiments.course.images.cnn_simpsons import (
    LOSSES,
    NETWORKS,
    SHAPE,
    Config,
    draw,
    judge,
    setup,
)
from jaxnn import data, losses


@pytest.fixture
def faces(monkeypatch):
    """Noise in the shape of the faces, for where they are not at hand."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (80, *SHAPE), dtype=np.uint8)
    y = (np.arange(80) % 10).astype(np.int32)
    made = data.from_arrays(x[:60], y[:60], x[60:], y[60:], name="noise", scale=255.0)
    monkeypatch.setattr(cnn_simpsons.data, "load", lambda name: made)


@pytest.fixture
def tiny(monkeypatch):
    """The same network, narrow: what the run keeps does not depend on its widths."""
    real = cnn_simpsons.network
    monkeypatch.setattr(cnn_simpsons, "network", lambda kind: real(kind, filters=(2,), units=16))


@pytest.mark.usefixtures("faces", "tiny")
@pytest.mark.parametrize("chosen", [LOSSES, ("categorical",)])
def test_a_short_run_has_every_setting_and_is_drawn(chosen):
    config = dataclasses.replace(cnn_simpsons.QUICK, images=50, losses=chosen)
    results = cnn_simpsons.run(config)
    assert dict(results.sizes) == {"network_kind": 2, "loss": len(chosen), "seed": 1, "epoch": 2}
    assert all(np.isfinite(results[name]).all() for name in cnn_simpsons.TOLERANCES)
    assert judge(results) == []
    draw(results)


@pytest.mark.quick
def test_both_networks_have_as_many_parameters_within_a_percent():
    cnn, dense = (cnn_simpsons.num_params(setup(kind, "categorical", 1).model) for kind in NETWORKS)
    assert abs(dense / cnn - 1) < 0.01


@pytest.mark.quick
def test_the_loss_is_the_one_that_is_named():
    assert setup("cnn", "categorical", 1).loss is losses.softmax_cross_entropy
    binary = setup("cnn", "binary", 1)
    assert binary.loss is cnn_simpsons.binary_on_softmax
    assert binary.targets(np.array([3])).shape == (1, 10)


@pytest.mark.quick
def test_the_differences_are_paired_by_seed():
    accuracy = xr.DataArray(
        np.zeros((2, 2, 5)),
        {"network_kind": list(NETWORKS), "loss": list(LOSSES), "seed": range(5)},
    )
    accuracy.loc["cnn"] = np.linspace(0.5, 0.9, 5)
    accuracy.loc["dense"] = np.linspace(0.4, 0.8, 5)
    curve = accuracy.expand_dims(epoch=[1, 2], axis=-1)
    figure = draw(xr.Dataset({"test_accuracy": accuracy, "train_accuracy": curve}))
    (middle, *_), *_ = [container.lines for container in figure.axes[2].containers]
    assert middle.get_xdata() == pytest.approx([10.0])  # ten points, without a spread


@pytest.mark.quick
def test_too_few_images_are_refused_before_anything_is_compiled():
    with pytest.raises(ValueError, match="images=10 do not fill a batch of 25"):
        Config(images=10)
    with pytest.raises(ValueError, match="lack 'categorical'"):
        Config(losses=("binary",))
