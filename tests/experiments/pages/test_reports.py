"""The committed reports are what the present code makes of the committed numbers."""

import dataclasses

import numpy as np
import pytest

from experiments.course import registry
from experiments.pages import report, style
from experiments.record import results
from tests.experiments.altered import committed

REPORTS = results.ROOT / "reports"


@pytest.fixture(params=registry.NAMES)
def experiment(request):
    return registry.load(request.param)


def test_the_committed_results_are_of_the_full_run(experiment):
    _, record = committed(experiment.name)
    assert record["config"] == results.plain(experiment.module.Config())


def test_the_committed_verdicts_follow_from_the_committed_numbers(experiment):
    dataset, record = committed(experiment.name)
    judged = [dataclasses.asdict(verdict) for verdict in experiment.module.judge(dataset)]
    assert judged == record["verdicts"]


@pytest.mark.quick
def test_every_measured_variable_has_a_tolerance(experiment):
    dataset, record = committed(experiment.name)
    measured = {str(n) for n, v in dataset.data_vars.items() if np.issubdtype(v.dtype, np.floating)}
    if all(record["data"].values()):
        assert measured == set(experiment.module.TOLERANCES)
    else:  # made where a data set was not at hand
        assert measured < set(experiment.module.TOLERANCES)


def test_the_committed_figure_is_drawn_from_the_committed_numbers(experiment):
    dataset, record = committed(experiment.name)
    with style.applied():
        drawn = style.svg(experiment.module.draw(dataset))
    there = (REPORTS / experiment.name / "figure.svg").read_bytes()
    if (results.platform_of_run(), results.versions()) == (record["platform"], record["versions"]):
        assert drawn == there
    else:  # other fonts and roundings
        assert drawn.count(b"<path") == there.count(b"<path")


@pytest.mark.quick
def test_the_quick_run_is_a_part_of_the_full_one(experiment):
    quick = results.plain(experiment.module.QUICK)
    full = results.plain(experiment.module.Config())
    assert quick != full or "seeds" not in full  # nothing is drawn
    for field, value in quick.items():
        if isinstance(value, list):
            assert set(value) <= set(full[field]), field
        elif isinstance(value, int) and not isinstance(value, bool):
            assert value <= full[field], field
        else:
            assert value == full[field], field


@pytest.mark.quick
def test_the_docstring_names_slides_command_time_and_expectation(experiment):
    assert experiment.question.endswith("?")
    assert set(experiment.about) == {"slides", "run", "takes", "expects"}
    assert experiment.about["run"] == f"python -m experiments run {experiment.name}"


@pytest.mark.quick
def test_the_committed_page_is_the_present_one(experiment):
    _, record = committed(experiment.name)
    there = (REPORTS / experiment.name / "README.md").read_text("utf-8")
    assert report.page(experiment, record) == there


def test_the_committed_index_is_the_present_one():
    committed = (REPORTS / "README.md").read_text("utf-8")
    assert report.index(REPORTS, registry.select()) == committed
