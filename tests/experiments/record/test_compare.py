import types

import numpy as np
import pytest
import xarray as xr

from experiments.record import compare

pytestmark = pytest.mark.quick


def dataset(values, **coords):
    coords = coords or {"seed": np.arange(np.shape(values)[0])}
    return xr.Dataset({"loss": (tuple(coords), np.asarray(values))}, coords)


def outcome(fresh, committed, tolerance=(0.0, 0.0), **options):
    (row,) = compare.compare(fresh, committed, {"loss": tolerance}, **options)
    return row


def test_equal_numbers_are_identical_and_nan_equals_nan():
    row = outcome(dataset([1.0, np.nan, np.inf]), dataset([1.0, np.nan, np.inf]))
    assert row.agrees
    assert row.identical
    assert row.compared == 3


@pytest.mark.parametrize(
    ("tolerance", "agrees"),
    [((0.0, 5.1e-4), True), ((0.0, 4.9e-4), False), ((2.6e-4, 0.0), True), ((2.4e-4, 0.0), False)],
)
def test_the_largest_difference_is_held_against_the_tolerance(tolerance, agrees):
    row = outcome(dataset([1.0, 2.0005]), dataset([1.0, 2.0]), tolerance)
    assert row.agrees is agrees
    assert not row.identical
    assert row.largest == pytest.approx(5e-4)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_run_that_diverges_on_one_side_only_differs_at_any_tolerance(bad):
    row = outcome(dataset([1.0, bad]), dataset([1.0, 2.0]), (1e9, 1e9))
    assert not row.agrees
    assert "1 finite on one side only" in row.note


def test_infinities_of_opposite_sign_differ():
    assert not outcome(dataset([np.inf]), dataset([-np.inf]), (1.0, 1.0)).agrees


def test_a_part_is_compared_label_by_label():
    whole = dataset([[1.0, 2.0], [3.0, 4.0]], rate=[0.1, 1.0], seed=[0, 1])
    assert outcome(dataset([[4.0]], rate=[1.0], seed=[1]), whole, part=True).agrees
    assert not outcome(dataset([[4.0]], rate=[0.1], seed=[1]), whole, part=True).agrees


def test_a_part_must_lie_within_the_whole():
    whole = dataset([1.0, 2.0], seed=[0, 1])
    row = outcome(dataset([2.0, 3.0], seed=[1, 2]), whole, part=True)
    assert not row.agrees
    assert "other coordinates" in row.note
    assert not outcome(dataset([3.0], seed=[5]), whole, part=True).agrees


def test_nothing_agrees_with_nothing():
    assert not outcome(dataset([], seed=[]), dataset([], seed=[])).agrees


def test_a_whole_run_must_have_all_coordinates():
    assert not outcome(dataset([1.0], seed=[0]), dataset([1.0, 2.0], seed=[0, 1])).agrees


def test_a_missing_variable_differs_unless_only_a_part_was_run():
    empty, full = xr.Dataset(), dataset([1.0])
    assert not outcome(empty, full).agrees
    assert outcome(empty, full, part=True).agrees
    assert not outcome(full, empty, part=True).agrees


def test_a_variable_without_tolerance_must_be_equal():
    (row,) = compare.compare(dataset([1.0]), dataset([1.0 + 1e-12]), {})
    assert not row.agrees


def test_text_is_compared():
    assert outcome(dataset(["a", "b"]), dataset(["a", "b"])).identical
    assert not outcome(dataset(["a", "b"]), dataset(["a", "c"])).agrees


def test_changed_verdicts_names_new_lost_and_changed_ones():
    before = [{"claim": "a", "status": "reproduced"}, {"claim": "b", "status": "reproduced"}]
    after = [{"claim": "b", "status": "contradicted"}, {"claim": "c", "status": "erratum"}]
    changed = compare.changed_verdicts(after, before)
    assert [line.split(":")[0] for line in changed] == ["a", "b", "c"]
    assert compare.changed_verdicts(before, before) == []


@pytest.mark.parametrize("part", [False, True])
def test_what_no_run_repeats_is_left_out(part):
    fresh, committed = dataset([1.0, 2.0]), dataset([3.0, 4.0])
    row = outcome(fresh, committed, unrepeated=["loss"], part=part)
    assert row.agrees
    assert not row.compared
    assert "no run repeats it" in row.note
    assert not outcome(fresh, committed, part=part).agrees


def test_a_run_that_could_compute_nothing_is_a_part_of_any():
    module = types.SimpleNamespace(TOLERANCES={}, STEADY={"seed": 1})
    here = {"data": {"zoo": None}, "versions": {}, "platform": {"cpu": "b"}, "config": {}}
    was = {**here, "data": {"zoo": {"train": 80}}, "platform": {"cpu": "a"}, "verdicts": []}
    held = compare.hold(
        types.SimpleNamespace(module=module),
        (xr.Dataset(), {**here, "verdicts": [{"claim": "c", "status": "not judged"}]}),
        (dataset([1.0, 2.0]), was),
    )
    assert held.different_numbers == held.verdicts == []
    assert "zoo is not at hand" in held.remarks[0]
