import numpy as np
import pytest

from experiments.course.neurons import perceptron
from tests.experiments.altered import change, committed_results, statuses


@pytest.fixture
def committed():
    return committed_results("perceptron")


@pytest.mark.quick
def test_both_claims_are_reproduced(committed):
    assert set(statuses(perceptron, committed).values()) == {"reproduced"}


@pytest.mark.parametrize(
    ("claim", "variable", "value", "where"),
    [
        ("mlp-layers", "best_of_one_neuron", 1.0, {"gate": "XOR, two layers"}),
        ("mlp-layers", "best_of_one_neuron", 0.75, {"gate": "OR"}),
        ("mlp-layers", "gate_accuracy", 0.75, {"gate": "XOR, two layers"}),
        ("xor-needs-hidden", "accuracy", 1.0, {"hidden": 0, "seed": 7}),
        ("xor-needs-hidden", "accuracy", 0.75, {"hidden": 2}),
    ],
)
def test_numbers_that_speak_against_a_claim_contradict_it(claim, variable, value, where, committed):
    changed = change(committed, variable, lambda old: 0 * old + value, **where)
    assert statuses(perceptron, changed)[claim] == "contradicted"


@pytest.mark.parametrize("part", [{"hidden": [2, 4]}, {"hidden": [0]}, {"seed": [0, 1, 2, 3]}])
def test_what_was_not_run_is_not_judged_and_still_drawn(part, committed):
    custom = committed.sel(part)
    assert statuses(perceptron, custom)["xor-needs-hidden"] == "not judged"
    perceptron.draw(custom)


@pytest.mark.quick
def test_the_search_finds_a_neuron_for_and_but_none_for_xor():
    inputs = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)

    class Truth:
        def __init__(self, labels):
            self.inputs, self.labels = inputs, np.array(labels)

    assert perceptron._best(Truth([0, 0, 0, 1])) == 1
    assert perceptron._best(Truth([0, 1, 1, 0])) == 0.75
