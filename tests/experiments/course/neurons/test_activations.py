import pytest

from experiments.course.neurons import activations
from tests.experiments.altered import change, committed_results, statuses


@pytest.fixture
def committed():
    return committed_results("activations")


@pytest.mark.quick
def test_every_curve_is_reproduced(committed):
    found = statuses(activations, committed)
    assert set(found) == {*activations.CURVES, "neuron-threshold"}
    assert set(found.values()) == {"reproduced"}


@pytest.mark.parametrize("name", sorted(set(activations.CURVES.values())))
@pytest.mark.parametrize(
    ("variable", "where"), [("value", {"x": 2.0}), ("slope", {"x": 2.0}), ("value", {"x": -1.0})]
)
def test_a_curve_that_leaves_its_formula_is_contradicted(name, variable, where, committed):
    bent = change(committed, variable, lambda old: old + 0.3, function=name, **where)
    found = statuses(activations, bent)
    for claim, function in activations.CURVES.items():
        assert (found[claim] == "contradicted") is (function == name)


@pytest.mark.parametrize(
    ("variable", "where"),
    [
        ("sharpened", {"sharpness": 100.0, "x": 1.0}),
        ("value", {"function": "step", "x": 1.0}),
        ("slope", {"function": "sigmoid", "x": 1.0}),
    ],
)
def test_a_sigmoid_that_does_not_tend_to_the_step_is_contradicted(variable, where, committed):
    changed = change(committed, variable, lambda old: old + 0.01, **where)
    assert statuses(activations, changed)["neuron-threshold"] == "contradicted"


def test_fewer_points_are_drawn_and_judged_too():
    few = activations.run(activations.Config(points_per_unit=8))
    activations.draw(few)
    assert few.sizes["x"] == 65
