import numpy as np
import pytest

from experiments.course.classifiers import animals
from jaxnn import data
from tests.experiments.altered import change, committed_results, statuses


@pytest.fixture
def committed():
    return committed_results("animals")


@pytest.mark.parametrize(
    ("claim", "variable", "value", "where"),
    [
        ("animals-data", "animals", lambda old: old + 1, {}),
        ("animals-sweep", "accuracy", lambda old: 0 * old, {"learning_rate": 0.5, "epoch": 50}),
        ("animals-sweep", "accuracy", lambda old: 0 * old, {"learning_rate": 0.5, "epoch": 200}),
        ("animals-sweep", "accuracy", lambda old: 0 * old + 1, {"learning_rate": 10.0}),
        ("animals-batch-variants", "accuracy", lambda old: 0 * old + 1, {"batch_size": 0}),
        ("animals-batch-variants", "accuracy", lambda old: 0 * old, {"batch_size": 1}),
    ],
)
def test_altered_numbers_contradict_a_claim(claim, variable, value, where, committed):
    assert statuses(animals, committed)[claim] == "reproduced"
    changed = committed.assign({variable: value(committed[variable])}) if not where else change(
        committed, variable, value, **where
    )  # fmt: skip
    assert statuses(animals, changed)[claim] == "contradicted"


@pytest.mark.quick
def test_a_fold_that_is_in_two_is_contradicted(committed, monkeypatch):
    monkeypatch.setattr(animals, "fold_rows", lambda labels, **_: (np.arange(50),) * 5)
    assert statuses(animals, committed)["animals-cross-validation"] == "contradicted"


@pytest.mark.quick
def test_another_normalisation_is_contradicted(committed, monkeypatch):
    monkeypatch.setattr(animals.data, "min_max", lambda x: lambda rows: rows / x.max())
    assert statuses(animals, committed)["animals-normalise"] == "contradicted"


@pytest.mark.parametrize("part", [{"seed": [0, 1, 2]}, {"learning_rate": [0.5], "batch_size": [1]}])
def test_what_was_not_run_is_not_judged_and_still_drawn(part, committed):
    custom = committed.sel(part)
    assert statuses(animals, custom)["animals-batch-variants"] == "not judged"
    animals.draw(custom)


@pytest.mark.quick
def test_without_the_zoo_what_needs_it_is_not_judged(monkeypatch):
    def load(name):
        raise data.DataNotFoundError(name)

    monkeypatch.setattr(animals.data, "load", load)
    nothing = animals.run(animals.QUICK)
    found = statuses(animals, nothing)
    assert {found[claim] for claim in animals.ON_DATA} == {"not judged"}
    assert found["animals-normalise"] == "reproduced"
    animals.draw(nothing)


@pytest.mark.quick
def test_the_epoch_of_an_accuracy_is_the_first_one(committed):
    curve = change(committed, "accuracy", lambda old: 0 * old)
    curve = change(curve, "accuracy", lambda old: old + 1, epoch=[20, 50, 100])
    assert (animals.epochs_to_reach(curve, 1, 0.9) == 20).all()
