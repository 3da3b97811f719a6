import numpy as np
import pytest

from experiments.course.classifiers import keras_lab
from experiments.course.classifiers.keras_lab import judges, runs
from jaxnn import data
from tests.experiments.altered import change, committed_results, statuses


@pytest.fixture
def committed():
    return committed_results("keras_lab")


@pytest.mark.parametrize(
    ("claim", "variable", "value", "where", "becomes"),
    [
        ("mnist-test-accuracy", "right_test_accuracy", lambda old: old + 0.009, {},
         "reproduced"),
        ("mnist-history-plot", "right_validation_accuracy", lambda old: old + 0.003, {},
         "reproduced"),
        ("mnist-fit-wrong-array", "unscaled_test_accuracy", lambda old: 0 * old + 0.9758, {},
         "reproduced"),
        ("cce-use-case", "right_test_accuracy", lambda old: old - 0.1, {}, "contradicted"),
        ("training-elements", "right_train_loss", lambda old: 0 * old + 2, {}, "contradicted"),
        ("loss-role", "right_train_loss", lambda old: 0 * old + 2, {}, "contradicted"),
        ("mnist-scaling", "unscaled_train_accuracy", lambda old: 0 * old + 0.99, {},
         "contradicted"),
    ],
)  # fmt: skip
def test_altered_numbers_change_the_verdict(claim, variable, value, where, becomes, committed):
    changed = change(committed, variable, value, **where)
    assert statuses(keras_lab, committed)[claim] != becomes
    assert statuses(keras_lab, changed)[claim] == becomes


@pytest.mark.parametrize(
    ("variable", "value", "where"),
    [
        ("right_test_accuracy", lambda old: old + 0.02, {}),
        ("right_train_accuracy", lambda old: old - 0.03, {"right_epoch": 30}),
        ("right_validation_accuracy", lambda old: 0 * old + 0.97, {}),
    ],
)
def test_better_than_the_slide_or_flat_is_no_agreement_either(variable, value, where, committed):
    claims = {"right_test_accuracy": "mnist-test-accuracy"}
    near = change(committed, "right_test_accuracy", lambda old: old + 0.009)
    near = change(near, "right_validation_accuracy", lambda old: old + 0.003)
    claim = claims.get(variable, "mnist-history-plot")
    assert statuses(keras_lab, near)[claim] == "reproduced"
    assert statuses(keras_lab, change(near, variable, value, **where))[claim] == "contradicted"


@pytest.mark.quick
def test_a_run_that_diverged_counts_as_guessing(committed):
    lost = change(committed, "unscaled_train_accuracy", lambda old: old * np.nan)
    assert statuses(keras_lab, lost)["mnist-scaling"] == "reproduced"


def test_few_seeds_judge_nothing_and_are_drawn(committed):
    few = committed.isel(seed=slice(3))
    assert statuses(keras_lab, few)["mnist-test-accuracy"] == "not judged"
    keras_lab.draw(few)


@pytest.mark.quick
def test_without_mnist_nothing_is_judged_and_the_remedy_named(monkeypatch):
    def load(name):
        raise data.DataNotFoundError(name)

    monkeypatch.setattr(runs.data, "load", load)
    nothing = keras_lab.run(keras_lab.QUICK)
    verdicts = keras_lab.judge(nothing)
    assert {verdict.status for verdict in verdicts[2:]} == {"not judged"}
    assert "data prepare mnist" in verdicts[-1].evidence
    keras_lab.draw(nothing)


@pytest.mark.quick
def test_the_slides_bug_trains_on_255_and_tests_on_1():
    pixels = np.full((4, 28, 28, 1), 255, np.uint8)
    labels = np.arange(4, dtype=np.int32)
    mnist = data.from_arrays(pixels, labels, pixels, labels, scale=255.0)
    wrong = runs.unscaled(mnist)
    assert wrong.scale == 1.0
    assert wrong.train.inputs.max() == 255.0
    assert wrong.test.inputs.max() == 1.0


def test_another_first_label_or_another_network_is_contradicted(committed, monkeypatch):
    assert statuses(keras_lab, committed)["mnist-first-image"] == "reproduced"
    other = committed.assign(first_label=committed.first_label * 0)
    assert statuses(keras_lab, other)["mnist-first-image"] == "contradicted"
    without = committed.drop_vars(["first_image", "first_label"])
    assert statuses(keras_lab, without)["mnist-first-image"] == "not judged"
    keras_lab.draw(without)
    monkeypatch.setattr(judges, "WIDTHS", (784, 64, 10))
    assert statuses(keras_lab, committed)["mnist-model-plot"] == "contradicted"
