import json

import numpy as np
import pytest
import xarray as xr

from experiments.pages.site import sweeps


def dataset(rates=2, seeds=4, epochs=9):
    epoch = np.arange(1, epochs + 1)
    loss = np.add.outer(np.add.outer(np.arange(rates), np.arange(seeds)), epoch).astype(np.float32)
    return xr.Dataset(
        {
            "loss": (("learning_rate", "seed", "epoch"), loss),
            "path": (("step", "axis"), np.zeros((5, 2))),
            "first_bad_step": (("learning_rate", "seed"), np.zeros((rates, seeds), np.int32)),
        },
        {"learning_rate": np.linspace(0.1, 1, rates), "epoch": epoch},
    )


@pytest.mark.quick
def test_a_curve_is_median_and_range_over_the_seeds():
    (found,) = sweeps._fitting(dataset())
    assert found["name"] == "loss"
    assert found["settings"] == [{"name": "learning_rate", "values": ["0.1", "1"]}]
    low, median, high = found["curves"][1]
    assert low == [2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert median == [value + 1.5 for value in low]
    assert high == [value + 3 for value in low]


@pytest.mark.quick
def test_runs_that_are_not_finite_are_counted_and_left_out():
    values = dataset()
    values.loss[0, 3, 5] = np.nan
    values.loss[1] = np.inf
    (found,) = sweeps._fitting(values)
    assert found["finite"] == [3, 0]
    assert found["curves"][0][2][0] == 3  # the highest of the three that are left
    assert found["curves"][1] == [[], [], []]
    json.dumps(found, allow_nan=False)


def test_long_curves_keep_first_and_last_and_files_stay_small():
    many = dataset(rates=150, seeds=3, epochs=500)
    (found,) = sweeps._fitting(many)
    assert found["x"]["values"][0] == 1
    assert found["x"]["values"][-1] == 500
    assert len(found["x"]["values"]) < sweeps.POINTS
    assert len(json.dumps(found, separators=(",", ":"))) <= sweeps.SIZE


@pytest.mark.parametrize("rates", [2000])
def test_what_does_not_fit_at_all_is_left_out(rates):
    assert sweeps._fitting(dataset(rates=rates, seeds=2)) == []
