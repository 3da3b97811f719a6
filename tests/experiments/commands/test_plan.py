import argparse

import pytest

from experiments.commands import plan
from experiments.record import unchanged

pytestmark = pytest.mark.usefixtures("toy")


def planned(*names, settings=None, jobs=8, **options):
    flags = dict.fromkeys(("quick", "full", "force", "changed", "rewrite"), False)
    options = argparse.Namespace(**{"names": names, "out": None, **flags, **options})
    return plan.of(options, settings or {}, jobs)


def test_only_the_full_run_goes_to_the_reports(tmp_path):
    assert planned().how.out == unchanged.REPORTS
    assert planned(quick=True).how.out == tmp_path / "build" / "quick"
    assert planned("toy", settings={"seeds": 1}).how.out == tmp_path / "build" / "custom"
    assert planned(out=tmp_path / "reports" / ".." / "reports").how.into_reports
    assert not planned(out=tmp_path).how.into_reports


def test_a_run_is_whole_where_nothing_is_named_and_nothing_is_short():
    assert planned().is_whole
    assert not planned("toy").is_whole
    assert not planned(quick=True).is_whole
    assert planned().with_ledger
    assert planned("ledger").configs == {}
    assert not planned("toy").with_ledger


def test_as_many_go_on_at_once_as_there_are_and_of_full_ones_two(monkeypatch):
    assert planned("toy").jobs == 1
    assert planned().jobs == planned(quick=True).jobs == 2  # the toy, the ledger
    monkeypatch.setattr(plan.registry, "select", lambda names=(): [plan.registry.load("toy")] * 5)
    assert planned(jobs=1).jobs == 1


def test_a_heavy_one_is_computed_where_it_is_asked_for_or_named_and_short():
    assert planned("toy", quick=True).how.full
    assert planned(full=True).how.full
    assert not planned(quick=True).how.full
