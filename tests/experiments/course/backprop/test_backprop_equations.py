import jax
import pytest

from experiments.course.backprop import backprop_equations
from tests.experiments.altered import change, committed_results, statuses

CLAIMS = ("bp-algorithm", "hidden-error-unknown", "backprop-three-steps")


@pytest.fixture
def committed():
    return committed_results("backprop_equations")


@pytest.mark.quick
def test_every_claim_is_reproduced(committed):
    assert statuses(backprop_equations, committed) == dict.fromkeys(CLAIMS, "reproduced")


@pytest.mark.quick
@pytest.mark.parametrize(
    ("claim", "variable", "value", "where"),
    [
        ("bp-algorithm", "distance", 1e-9, {"precision": "float64", "layer": 2, "seed": 4}),
        ("bp-algorithm", "distance", 1e-2, {"precision": "float32", "layer": 2, "seed": 4}),
        ("hidden-error-unknown", "delta", 1e-4, {"neuron": 3, "seed": 4}),
        ("hidden-error-unknown", "difference", 1e-4, {"neuron": 3, "seed": 4}),
        ("backprop-three-steps", "loss", 9.0, {"step": 199, "seed": 4}),
    ],
)
def test_numbers_that_speak_against_a_claim_contradict_it(claim, variable, value, where, committed):
    changed = change(committed, variable, lambda old: old + value, **where)
    assert statuses(backprop_equations, changed)[claim] == "contradicted"


@pytest.mark.quick
def test_too_few_seeds_are_not_judged_and_still_drawn(committed):
    few = committed.isel(seed=slice(4))
    assert set(statuses(backprop_equations, few).values()) == {"not judged"}
    backprop_equations.draw(few)


def test_equations_without_the_slope_of_the_sigmoid_are_found_out(monkeypatch):
    right = backprop_equations.bp_equations

    def without_bp2(dense, x, y):
        deltas, gradients = right(dense, x, y)
        return [2 * deltas[0], *deltas[1:]], gradients

    monkeypatch.setattr(backprop_equations, "bp_equations", without_bp2)
    jax.clear_caches()
    with jax.enable_x64(True):
        part = backprop_equations._deltas_by_difference(0)
    assert abs(part.delta / part.difference - 2).max() < 1e-5
