import numpy as np
import pytest
import xarray as xr

from experiments.course.neurons import losses
from tests.experiments.altered import change, committed_results, statuses


@pytest.fixture
def committed():
    return committed_results("losses")


@pytest.mark.quick
def test_the_claim_is_reproduced(committed):
    assert statuses(losses, committed) == {"bce-use-case": "reproduced"}


@pytest.mark.quick
@pytest.mark.parametrize(
    ("variable", "value"),
    [("accuracy", lambda old: old - 0.03), ("calibration_error", lambda old: old + 0.05)],
)
def test_classes_not_told_apart_or_probabilities_that_are_off_contradict_it(
    variable, value, committed
):
    assert statuses(losses, change(committed, variable, value)) == {"bce-use-case": "contradicted"}


@pytest.mark.quick
def test_too_few_seeds_are_not_judged_and_still_drawn(committed):
    few = committed.isel(seed=slice(4))
    assert statuses(losses, few) == {"bce-use-case": "not judged"}
    losses.draw(few)


def test_every_seed_draws_clouds_of_its_own(monkeypatch):
    monkeypatch.setattr(losses, "_curves", xr.Dataset)  # the same for all seeds
    few = losses.run(losses.Config(seeds=2, epochs=1, examples=100))
    assert few.sizes["seed"] == 2
    assert not np.array_equal(*few.predicted.values)


@pytest.mark.quick
def test_huber_as_printed_is_negative_where_ours_is_not(committed):
    left = committed.sel(residual=-3.0)
    assert float(left.huber_as_printed) == -3.5
    assert float(left.regression.sel(loss="Huber")) == 2.5
