import dataclasses

import numpy as np
import pytest
import xarray as xr

from experiments.course.images import cnn_regularization
from experiments.course.images.cnn_regularization import QUICK, TOLERANCES, draw, judge, run


def test_quick_run_has_every_setting_and_is_drawn(monkeypatch):
    real = cnn_regularization.network
    narrow = {"filters": (1,), "units": 2}  # what the run keeps does not depend on the widths
    monkeypatch.setattr(
        cnn_regularization, "network", lambda kind, **given: real(kind, **given | narrow)
    )
    results = run(dataclasses.replace(QUICK, epochs=1, images=25))
    assert dict(results.sizes) == {"dropout": 2, "l2": 2, "seed": 1}
    assert all(np.isfinite(results[name]).all() for name in TOLERANCES)
    assert judge(results) == []
    draw(results)


@pytest.mark.quick
def test_the_grid_shows_the_means_where_they_belong():
    rates, strengths = [0.0, 0.4], [0.0, 1e-3, 1e-2]
    accuracy = xr.DataArray(
        np.arange(12.0).reshape(2, 3, 2) / 100,
        {"dropout": rates, "l2": strengths, "seed": [0, 1]},
    )
    figure = draw(xr.Dataset({"test_accuracy": accuracy}))
    told = {text.get_position(): text.get_text() for text in figure.axes[0].texts}
    assert told[0, 0] == "0.5"
    assert told[2, 1] == "10.5"


@pytest.mark.quick
def test_more_dropout_in_the_set_up_drops_more():
    names = [
        [part.name for part in cnn_regularization.setup(rate, 0.0, 1).model.parts]
        for rate in (0.0, 0.5)
    ]
    assert names[0] == names[1]  # one program for all rates
    assert "dropout" in names[0]
