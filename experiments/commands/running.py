"""One experiment into its folder: computed, found again, or redrawn from committed results.

Where the folder is the committed one, in `reports`, what is committed stands wherever it agrees
with what came out here, and where that could not be computed for lack of data.
"""

import inspect
import pathlib
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import xarray as xr

from experiments.claims import verdicts
from experiments.commands import folder as folders
from experiments.commands.plan import How, Outcome
from experiments.course import registry
from experiments.pages import report, style
from experiments.record import compare, provenance, results, store, unchanged
from experiments.record.experiment import Experiment
from jaxnn import data

_WRITES_PAGES = (folders, provenance, report, results, style, verdicts)


class _Made(NamedTuple):
    dataset: xr.Dataset
    record: dict[str, Any]
    run: dict[str, Any] | None
    how: str
    note: str


def run_one(name: str, config: Any, how: How) -> Outcome:
    """Brings results, figure and page into out/NAME.

    Raises:
      NoResultsError: a heavy experiment has no committed results to redraw.
      DataNotFoundError: it cannot run without its data, and none of its results are committed.
    """
    start, experiment, folder = time.perf_counter(), registry.load(name), how.out / name
    is_redrawn = is_heavy(experiment, config) and not how.full
    identities = {} if is_redrawn else results.identities(experiment.module.DATA)
    lacks = tuple(name for name, identity in identities.items() if identity is None)
    key = "" if is_redrawn else store.fingerprint(experiment, config, identities)
    made_by = [key, *store.own_sources(experiment), verdicts.ledger_text()]
    made_by += [inspect.getsource(module) for module in _WRITES_PAGES]
    if how.changed and store.is_written(folder, made_by):
        return Outcome("unchanged", "unchanged", lacks)
    if is_redrawn:
        outcome = _redraw(experiment, folder, how)
    else:
        outcome = _compute(experiment, config, identities, key, how)
    if not outcome.stands:
        store.note_written(folder, made_by)
    return outcome._replace(lacks=lacks, seconds=time.perf_counter() - start)


def is_heavy(experiment: Experiment, config: Any) -> bool:
    """Whether its full run takes hours; a whole quick run redraws it too, then."""
    module = experiment.module
    return bool(getattr(module, "HEAVY", False)) and config in (module.Config(), module.QUICK)


def _redraw(experiment: Experiment, folder: pathlib.Path, how: How) -> Outcome:
    committed = unchanged.REPORTS / experiment.name
    try:
        dataset, record = results.load(committed)
    except results.NoResultsError as error:
        command = f"python -m experiments run {experiment.name} --full"
        raise results.NoResultsError(f"{error}; it is heavy, and `{command}` makes them") from error
    run, where = provenance.read(committed), record["platform"]
    device = where["processor"] if where["backend"] == "cpu" else where["device"]
    note = f"redrawn from {provenance.told(run)}, on {device}; --full computes it again"
    if how.into_reports and not how.rewrite:
        return _let_stand(experiment, folder, "redrawn", note)
    record = {**record, "verdicts": folders.judged(experiment, dataset)}
    return _write(experiment, folder, _Made(dataset, record, run, "redrawn", note))


def _compute(
    experiment: Experiment, config: Any, identities: dict[str, Any], key: str, how: How
) -> Outcome:
    folder = how.out / experiment.name
    if how.changed:
        _keep_committed(folder, key)
    committed = _load(folder) if how.into_reports else None
    try:
        made = _make(experiment, config, identities, key, how)
    except data.DataNotFoundError as error:
        if committed is None:
            raise
        reason, _, _ = str(error).partition(":")  # what follows is how to get it
        return _let_stand(experiment, folder, "not computed", reason)._replace(stands=True)
    if committed is None:
        new = ("new",) if how.into_reports else ()
        return _write(experiment, folder, made)._replace(differs=new)
    return _settle(experiment, folder, made, committed, rewrite=how.rewrite)


def _make(
    experiment: Experiment, config: Any, identities: dict[str, Any], key: str, how: How
) -> _Made:
    """What ran here, now or before."""
    run: dict[str, Any] | None
    if found := None if how.force else store.get(key):
        dataset, run = found
        did, note = "found", "unchanged since it ran here, --force runs it again"
    else:
        unjudged = results.record(experiment.name, config, identities, [])
        note = "" if how.force else _why_again(how.out / experiment.name, unjudged)
        start = time.perf_counter()
        dataset = results.decode(results.encode(experiment.module.run(config)))
        run = provenance.note(time.perf_counter() - start, key)
        store.put(key, dataset, {**unjudged, "run": run})
        did = "computed"
    record = results.record(experiment.name, config, identities, experiment.module.judge(dataset))
    return _Made(dataset, record, run, did, note)


def _keep_committed(folder: pathlib.Path, key: str) -> None:
    """Results in the folder that are of this fingerprint count as those of a run here."""
    run, committed = provenance.read(folder), _load(folder)
    if run and committed and run["fingerprint"] == key and store.get(key) is None:
        dataset, record = committed
        store.put(key, dataset, {**record, "run": run})


def _load(folder: pathlib.Path) -> tuple[xr.Dataset, dict[str, Any]] | None:
    try:
        return results.load(folder)
    except results.NoResultsError:
        return None


def _why_again(folder: pathlib.Path, record: dict[str, Any]) -> str:
    """What the results in the folder were made of that is otherwise now."""
    try:
        _, was = results.load(folder)
    except results.NoResultsError as error:
        return f"again: {error}" if (folder / "results.nc").exists() else ""
    fields = {"settings": "config", "data": "data"}
    other = [f"made with other {what}" for what, key in fields.items() if was[key] != record[key]]
    reasons = ", ".join([*compare.made_elsewhere(record, was), *other])
    return f"again: {reasons}" if reasons else ""


def _settle(
    experiment: Experiment,
    folder: pathlib.Path,
    made: _Made,
    committed: compare.Result,
    *,
    rewrite: bool,
) -> Outcome:
    """Writes what came out here, or lets the committed results stand that agree with it."""
    held = compare.hold(experiment, (made.dataset, made.record), committed)
    differs = held.different_numbers
    if compare.lost_data(made.record, committed[1]):
        notes = [*held.remarks, "so all of it stands" if differs else ""]
        outcome = _let_stand(experiment, folder, made.how, *notes, differs=differs)
        return outcome._replace(stands=True)
    if not differs:  # of the same numbers the present rules may make other verdicts
        by_the_same_rules = folders.judged(experiment, committed[0])
        differs = compare.changed_verdicts(made.record["verdicts"], by_the_same_rules)
    if differs or rewrite:
        return _write(experiment, folder, made, differs)
    note = made.note if made.how == "found" else ""
    return _let_stand(experiment, folder, made.how, *held.remarks, note)


def _write(
    experiment: Experiment, folder: pathlib.Path, made: _Made, differs: Sequence[str] = ()
) -> Outcome:
    folders.write(experiment, folder, made.dataset, made.record, made.run)
    tally = report.tally(made.record["verdicts"])
    return Outcome(made.how, _line(tally, _differs(differs), made.note), differs=tuple(differs))


def _let_stand(
    experiment: Experiment,
    folder: pathlib.Path,
    did: str,
    *notes: str,
    differs: Sequence[str] = (),
) -> Outcome:
    """Leaves the committed results in their place, with their page and figure as of now."""
    record, drawn, remarks = folders.bring_up_to_date(experiment, folder, *results.load(folder))
    differs = (*differs, *drawn)
    said = _differs(differs) or "as committed"
    text = _line(report.tally(record["verdicts"]), said, *remarks, *notes)
    return Outcome(did, text, differs=differs)


def _differs(what: Sequence[str]) -> str:
    return f"DIFFERS: {', '.join(what)}" if what else ""


def _line(*parts: str) -> str:
    return "; ".join(filter(None, parts))
