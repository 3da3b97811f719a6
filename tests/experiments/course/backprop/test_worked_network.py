import numpy as np
import pytest

from experiments.claims.verdicts import claims
from experiments.course.backprop import worked_network
from tests.experiments.altered import committed_results, statuses


@pytest.fixture
def committed():
    return committed_results("worked_network")


def test_every_printed_number_is_shown_with_the_verdict_of_the_ledger(committed):
    found = statuses(worked_network, committed)
    assert tuple(found) == worked_network.SHOWN
    off = np.array([claims()[c].printed_value for c in worked_network.PRINTED]) - committed.value
    half = np.array([claims()[c].tolerance for c in worked_network.PRINTED])
    cut_off = np.abs(off) > half
    assert [found[c] == "erratum" for c in worked_network.PRINTED] == cut_off.values.tolist()


@pytest.mark.quick
def test_the_new_weights_and_errors_are_those_of_the_claims(committed):
    hidden = committed.new_weight.sel(number=["W1", "W2", "W3", "W4"])
    right, wrong, unchanged = hidden.values
    np.testing.assert_allclose(right, claims()["cnn-back-new-w1-w4"].value, rtol=1e-12)
    np.testing.assert_allclose(wrong, claims()["cnn-back-new-w1-w4-sequential"].value, rtol=1e-12)
    np.testing.assert_array_equal(unchanged, committed.weight[:4])
    np.testing.assert_allclose(
        committed.new_error, claims()["cnn-back-new-etotal"].value[4:], rtol=1e-12
    )


def test_few_steps_are_drawn():
    few = worked_network.run(worked_network.Config(steps=3))
    worked_network.draw(few)
    assert list(few.step) == [0, 1, 2, 3]
    assert bool((few.error.diff("step") < 0).all())
