import numpy as np
import pytest
import xarray as xr

from experiments.course.generalization import strengths

pytestmark = pytest.mark.quick

NAN = np.nan


def made_up(validation, test=None, levels=((0.0, NAN, NAN), (0.2, 0.4, 0.6))):
    """validation and test: [kind, level, seed]; one epoch before the end is the opposite."""
    validation = np.asarray(validation, float)
    test = validation if test is None else np.asarray(test, float)
    dims = ("kind", "level", "seed", "epoch")
    over_time = {
        "validation_accuracy": (dims, np.stack([1 - validation, validation], axis=-1)),
        "test_accuracy": (dims, np.stack([1 - test, test], axis=-1)),
    }
    coords = {
        "kind": ["none", "dropout"],
        "level": list(strengths.LEVELS),
        "seed": range(validation.shape[-1]),
        "epoch": [5, 10],
    }
    return xr.Dataset(over_time | {"strength": (("kind", "level"), np.array(levels))}, coords)


def alone(seeds):
    return [[0.5] * seeds, [NAN] * seeds, [NAN] * seeds]


def test_the_strength_is_the_best_of_the_other_seeds():
    # Seed 0 does best at "weak", the other two at "strong"; each of these two has one on each side.
    scores = [[0.99, 0.1, 0.1], [0.2, 0.2, 0.2], [0.1, 0.5, 0.5]]
    found = strengths.chosen(made_up([alone(3), scores]))
    np.testing.assert_array_equal(found.strength.sel(kind="dropout"), [0.6, 0.2, 0.2])
    np.testing.assert_array_equal(found.test_accuracy.sel(kind="dropout"), [0.1, 0.1, 0.1])


def test_the_test_set_chooses_nothing():
    scores, test = [[0.9] * 3, [0.2] * 3, [0.1] * 3], [[0.1] * 3, [0.9] * 3, [0.9] * 3]
    found = strengths.chosen(made_up([alone(3), scores], [alone(3), test]))
    np.testing.assert_array_equal(found.test_accuracy.sel(kind="dropout"), [0.1] * 3)


def test_a_method_without_strengths_keeps_its_one():
    found = strengths.chosen(made_up([alone(3), [[0.9] * 3, [0.2] * 3, [0.1] * 3]]))
    np.testing.assert_array_equal(found.test_accuracy.sel(kind="none"), [0.5] * 3)
    assert "level" not in found.coords


def test_one_seed_chooses_for_itself():
    found = strengths.chosen(made_up([alone(1), [[0.1], [0.9], [0.2]]]))
    assert found.strength.sel(kind="dropout").item() == 0.4


def test_a_run_that_diverged_makes_its_strength_no_better():
    scores = [[0.6, NAN, 0.6], [0.5, 0.5, 0.5], [NAN, NAN, NAN]]
    found = strengths.chosen(made_up([alone(3), scores]))
    np.testing.assert_array_equal(found.strength.sel(kind="dropout"), [0.4, 0.2, 0.4])


def test_a_method_of_which_no_run_ended_is_nan():
    found = strengths.chosen(made_up([alone(2), [[NAN] * 2] * 3]))
    gain = strengths.gain(found.test_accuracy, "dropout")
    assert np.isnan(gain.mean)
    assert int(gain.diverged) == 2


def test_the_gain_is_paired_by_seed():
    scores = [[0.6, 0.7], [0.0, 0.0], [0.0, 0.0]]
    without = [[0.5, 0.6], [NAN, NAN], [NAN, NAN]]
    gain = strengths.gain(strengths.chosen(made_up([without, scores])).test_accuracy, "dropout")
    np.testing.assert_allclose([gain.mean, gain.low, gain.high], 0.1, rtol=1e-6)


@pytest.mark.parametrize(("scores", "said"), [([0.99, 0.1, 0.1], "0.2 for 2 of 3 seeds")])
def test_the_strength_is_told_by_most_seeds(scores, said):
    found = strengths.chosen(made_up([alone(3), [scores, [0.2] * 3, [0.1, 0.5, 0.5]]]))
    assert strengths.told(found, "dropout") == said
