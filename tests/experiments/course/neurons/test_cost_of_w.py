import pytest

from experiments.course.neurons import cost_of_w
from tests.experiments.altered import change, committed_results, statuses


@pytest.fixture
def committed():
    return committed_results("cost_of_w")


@pytest.mark.quick
def test_every_claim_is_reproduced(committed):
    assert set(statuses(cost_of_w, committed).values()) == {"reproduced"}


@pytest.mark.parametrize(
    ("claim", "variable", "value", "where"),
    [
        ("cost-linear-curve", "cost", lambda old: old + 0.01, {"w": 0.0}),
        ("cost-linear-curve", "cost", lambda old: old - 0.01, {"w": 1.125}),
        ("gd-idea", "path_cost", lambda old: old + 1, {"learning_rate": 0.1, "step": 5}),
        ("gd-idea", "path", lambda old: old - 1, {"learning_rate": 0.1, "step": 5}),
        ("gd-stop", "path", lambda old: old + 0.1, {"learning_rate": 0.1, "step": 30}),
        ("gd-stop", "valley_cost", lambda old: old + 1, {"start": "left", "valley_step": 200}),
        ("gd-stop", "valley_cost", lambda old: old + 1, {"start": "right", "valley_step": 200}),
        ("gd-is-linear-regression", "fitted", lambda old: old + 1e-6, {"seed": 3}),
    ],
)
def test_numbers_that_speak_against_a_claim_contradict_it(claim, variable, value, where, committed):
    changed = change(committed, variable, value, **where)
    assert statuses(cost_of_w, changed)[claim] == "contradicted"


def test_too_few_seeds_are_not_judged_and_still_drawn(committed):
    few = committed.isel(seed=slice(4), learning_rate=slice(1))
    found = statuses(cost_of_w, few)
    assert found["gd-is-linear-regression"] == found["gd-idea"] == "not judged"
    cost_of_w.draw(few)
