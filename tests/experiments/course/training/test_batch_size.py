import numpy as np
import pytest

from experiments.course.training import batch_size
from jaxnn import data
from tests.experiments.altered import change, committed_results, statuses


@pytest.fixture
def committed():
    return committed_results("batch_size")


@pytest.mark.parametrize(
    ("claim", "variable", "value", "where"),
    [
        ("sgd-computation", "noise", lambda old: 3 * old, {"batch_size": 1}),
        ("sgd-computation", "bias", lambda old: old + 1, {"batch_size": 128}),
        ("stochastic-update", "bias", lambda old: old + 0.01, {"batch_size": 1}),
    ],
)
def test_altered_numbers_contradict_a_claim(claim, variable, value, where, committed):
    assert statuses(batch_size, committed)[claim] == "reproduced"
    assert statuses(batch_size, change(committed, variable, value, **where))[claim] == (
        "contradicted"
    )


@pytest.mark.parametrize(
    "part", [{"batch_size": [16, batch_size.WHOLE]}, {"seed": [0, 1, 2, 3, 4, 5, 6]}]
)
def test_what_was_not_run_is_not_judged_and_still_drawn(part, committed):
    custom = committed.sel(part)
    assert statuses(batch_size, custom)["batch-stochastic-minibatch"] == "not judged"
    batch_size.draw(custom)


@pytest.mark.quick
def test_a_rate_that_diverged_is_not_the_best(committed):
    lost = change(committed, "train_loss", lambda old: old * np.nan, learning_rate=0.1, seed=0)
    assert batch_size.best_rate(lost, 16) != 0.1


@pytest.mark.quick
def test_steps_with_all_points_never_lead_uphill_and_single_ones_do():
    names, paths = batch_size.line_paths(2, 100)
    costs = np.diff(batch_size._cost(paths), axis=-1)
    assert names[0] == "batch"
    assert (costs[0] <= 0).all()
    assert (costs[2] > 0).any()


@pytest.mark.quick
def test_the_descent_of_all_points_ends_at_the_least_squares_fit():
    _, paths = batch_size.line_paths(1, 400)
    x, y = batch_size.line_points()
    np.testing.assert_allclose(paths[0, 0, -1], np.linalg.lstsq(x, y)[0], rtol=1e-9)


def test_the_whole_batch_has_no_noise():
    digits = data.load("digits")
    (noise,), (bias,) = batch_size.gradient_noise(digits, (batch_size.WHOLE,), 1)
    assert noise == pytest.approx(0, abs=1e-12)
    assert bias == pytest.approx(0, abs=1e-12)
