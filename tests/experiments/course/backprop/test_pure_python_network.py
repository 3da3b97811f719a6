import numpy as np
import pytest

from experiments.claims.verdicts import claims
from experiments.course.backprop import pure_python_network
from tests.experiments.altered import change, committed_results, statuses

CLAIMS = {
    "purenet-bias-last": "reproduced",
    "purenet-row-with-label": "reproduced",
    "purenet-sign-convention": "reproduced",
    "purenet-log-of-zero": "erratum",
}


@pytest.fixture
def committed():
    return committed_results("pure_python_network")


def test_the_committed_numbers_give_these_verdicts(committed):
    assert statuses(pure_python_network, committed) == CLAIMS


@pytest.mark.quick
@pytest.mark.parametrize(
    ("claim", "variable", "where"),
    [
        ("purenet-bias-last", "weight", {"seed": 1, "number": 2}),
        ("purenet-bias-last", "python_weight", {"seed": 20, "number": 11}),
        ("purenet-row-with-label", "label_output", {"row": 4, "label": 1}),
        ("purenet-sign-convention", "cross_entropy", {"seed": 3, "epoch": 9}),
        ("purenet-sign-convention", "python_cross_entropy", {"seed": 3, "epoch": 9}),
    ],
)
def test_numbers_that_speak_against_a_claim_contradict_it(claim, variable, where, committed):
    numbered = committed.assign_coords(
        {d: np.arange(n) for d, n in committed.sizes.items() if d not in committed.coords}
    )
    changed = change(numbered, variable, lambda old: old + 1e-6, **where)
    assert statuses(pure_python_network, changed)[claim] == "contradicted"


@pytest.mark.quick
def test_plain_python_prints_the_errors_of_the_slides():
    errors = pure_python_network.Witness(1).train(0.5, 20)
    printed = -np.array(claims()["purenet-epoch-error"].value)
    np.testing.assert_allclose(errors, printed, rtol=1e-12)


def test_two_seeds_are_drawn():
    pure_python_network.draw(pure_python_network.run(pure_python_network.Config(seeds=2)))
