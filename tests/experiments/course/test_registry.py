import dataclasses

import pytest

from experiments.course import registry

pytestmark = pytest.mark.quick


def test_the_docstring_gives_question_time_and_expectation(toy):
    experiment = registry.load("toy")
    assert experiment.question == "Does a ramp rise?"
    assert experiment.about["takes"] == "no time"
    assert experiment.about["expects"] == "it rises | always, at 50 %"
    assert experiment.caption == "Loss by epoch, one band per learning rate."


def test_a_module_that_lacks_a_part_is_told_which(rewrite):
    rewrite('DATA = ("digits",)', "")
    with pytest.raises(TypeError, match=r"neurons\.toy must define DATA"):
        registry.load("toy")


def test_select_keeps_the_order_of_the_course(toy, monkeypatch):
    monkeypatch.setattr(registry, "NAMES", ("b", "a", "c"))
    monkeypatch.setattr(registry, "load", lambda name: name)
    assert registry.select(["c", "b"]) == ["b", "c"]
    assert registry.select() == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("name", "message"), [("momentom", "did you mean momentum"), ("zzz", "there are learning_rate")]
)
def test_an_unknown_name_is_answered_with_the_nearest(name, message, monkeypatch):
    monkeypatch.setattr(registry, "NAMES", ("learning_rate", "momentum"))
    with pytest.raises(registry.UnknownExperimentError, match=message):
        registry.select([name])


def test_unknown_names_are_found_before_any_is_imported(toy, monkeypatch):
    monkeypatch.setattr(registry, "load", lambda name: pytest.fail("imported"))
    with pytest.raises(registry.UnknownExperimentError):
        registry.select(["toy", "toi"])


def test_settings_have_defaults_and_are_frozen(toy):
    config = registry.load("toy").module.Config()
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.seeds = 1
