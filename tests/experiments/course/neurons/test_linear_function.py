import pytest

from experiments.course.neurons import linear_function
from tests.experiments.altered import change, committed_results, statuses

pytestmark = pytest.mark.quick


@pytest.fixture
def committed():
    return committed_results("linear_function")


def test_both_claims_are_reproduced(committed):
    assert set(statuses(linear_function, committed).values()) == {"reproduced"}


@pytest.mark.parametrize(
    ("claim", "where", "slope"),
    [
        ("slope-task", {"learning_rate": 0.5, "step": 0}, 1.0),  # parts them before it has learnt
        ("slope-task", {"learning_rate": 0.5, "step": 80}, 3.1),
        ("slope-task", {"learning_rate": 0.5, "step": 79}, 0.3),
        ("slope-target-margin", {"learning_rate": 1.0, "step": 1}, 1 / 3),
        ("slope-target-margin", {"learning_rate": 1.0, "step": 2}, 3.0),
    ],
)
def test_a_slope_on_the_wrong_side_is_contradicted(claim, where, slope, committed):
    changed = change(committed, "slope", lambda old: slope, **where)
    assert statuses(linear_function, changed)[claim] == "contradicted"


def test_what_was_not_run_is_not_judged_and_still_drawn(committed):
    part = committed.sel(learning_rate=[0.25])
    assert set(statuses(linear_function, part).values()) == {"not judged"}
    linear_function.draw(part)
