import numpy as np
import pytest

from experiments.course.training import optimizers
from tests.experiments.altered import change, committed_results, statuses

PLAIN = "gradient descent"


@pytest.fixture
def committed():
    return committed_results("optimizers")


@pytest.mark.parametrize(
    ("claim", "variable", "value", "where"),
    [
        ("sgd-saddle", "ridge", lambda old: old + 1e-9, {"axis": "y"}),
        ("sgd-saddle", "ridge", lambda old: old + 1, {"axis": "x", "rule": PLAIN}),
        ("sgd-saddle", "beside", lambda old: 0 * old, {"rule": PLAIN}),
        ("optimiser-role", "valley", lambda old: 0 * old, {}),
        ("optimiser-role", "train_loss", lambda old: 0 * old, {}),
    ],
)
def test_altered_numbers_contradict_a_claim(claim, variable, value, where, committed):
    assert statuses(optimizers, committed)[claim] == "reproduced"
    assert statuses(optimizers, change(committed, variable, value, **where))[claim] == (
        "contradicted"
    )


@pytest.mark.quick
def test_without_mnist_the_surfaces_are_judged_and_drawn(committed):
    names = ["train_loss", "test_loss", "train_accuracy", "test_accuracy"]
    without = committed.drop_vars(names)
    found = statuses(optimizers, without)
    assert found["optimiser-role"] == "not judged"
    assert found["sgd-saddle"] == "reproduced"
    optimizers.draw(without)


@pytest.mark.quick
def test_few_seeds_do_not_judge_mnist(committed):
    assert statuses(optimizers, committed.isel(seed=slice(6)))["optimiser-role"] == "not judged"


def test_plain_descent_follows_the_closed_form_on_the_saddle():
    path = optimizers._path(PLAIN, optimizers.SADDLE, (1.0, 1e-6), 20)
    rate, steps = optimizers.RATES_HERE[PLAIN], np.arange(21)
    exact = np.stack([(1 - 2 * rate) ** steps, 1e-6 * (1 + 2 * rate) ** steps], axis=1)
    np.testing.assert_allclose(path, exact, rtol=1e-12)
