"""One experiment into its folder: computed, found again, or redrawn from committed results."""

import dataclasses
import inspect
import pathlib
import time
from typing import Any, NamedTuple

import xarray as xr

from experiments.claims import verdicts
from experiments.pages import report, style
from experiments.record import provenance, results, store, unchanged
from experiments.record.experiment import Experiment

REPORTS = unchanged.REPORTS

_WRITES_PAGES = (provenance, report, results, style, verdicts)


class Outcome(NamedTuple):
    """What was done, and the data sets that the experiment went without."""

    how: str
    lacks: tuple[str, ...] = ()


class _Made(NamedTuple):
    dataset: xr.Dataset
    record: dict[str, Any]
    run: dict[str, Any] | None
    how: str
    note: str


def run_one(
    experiment: Experiment,
    config: Any,
    out: pathlib.Path,
    *,
    full: bool = False,
    force: bool = False,
    changed: bool = False,
) -> Outcome:
    """Writes results, figure and page into out/NAME, and prints what came of it.

    Args:
      full: compute a heavy experiment too.
      force: compute even what ran here before.
      changed: leave alone what nothing has changed, and take results from the folder where they
        are of the present code, settings, data and versions.

    Raises:
      NoResultsError: a heavy experiment has no committed results to redraw.
    """
    start, folder = time.perf_counter(), out / experiment.name
    heavy = is_heavy(experiment, config) and not full
    identities = {} if heavy else results.identities(experiment.module.DATA)
    lacks = tuple(name for name, identity in identities.items() if identity is None)
    key = "" if heavy else store.fingerprint(experiment, config, identities)
    made_by = [key, *store.own_sources(experiment), verdicts.ledger_text()]
    made_by += [inspect.getsource(module) for module in _WRITES_PAGES]
    if changed and store.is_written(folder, made_by):
        print(f"{experiment.name:<16}            unchanged", flush=True)
        return Outcome("unchanged", lacks)
    if heavy:
        made = _redraw(experiment)
    else:
        if changed:
            _keep_committed(folder, key)
        made = _make(experiment, config, folder, identities, key, force=force)
    _write(experiment, folder, made)
    store.note_written(folder, made_by)
    seconds, tally = time.perf_counter() - start, report.tally(made.record["verdicts"])
    note = f"; {made.note}" if made.note else ""
    print(f"{experiment.name:<16} {seconds:6.1f} s   {tally}{note}", flush=True)
    return Outcome(made.how, lacks)


def is_heavy(experiment: Experiment, config: Any) -> bool:
    """Whether its full run takes hours; a whole quick run redraws it too, then."""
    module = experiment.module
    return bool(getattr(module, "HEAVY", False)) and config in (module.Config(), module.QUICK)


def _redraw(experiment: Experiment) -> _Made:
    try:
        dataset, record = results.load(REPORTS / experiment.name)
    except results.NoResultsError as error:
        command = f"python -m experiments run {experiment.name} --full"
        raise results.NoResultsError(f"{error}; it is heavy, and `{command}` makes them") from error
    run, where = provenance.read(REPORTS / experiment.name), record["platform"]
    device = where["processor"] if where["backend"] == "cpu" else where["device"]
    note = f"redrawn from {provenance.told(run)}, on {device}; --full computes it again"
    judged = [dataclasses.asdict(verdict) for verdict in experiment.module.judge(dataset)]
    return _Made(dataset, {**record, "verdicts": judged}, run, "redrawn", note)


def _make(
    experiment: Experiment,
    config: Any,
    folder: pathlib.Path,
    identities: dict[str, Any],
    key: str,
    *,
    force: bool,
) -> _Made:
    run: dict[str, Any] | None
    found = None if force else store.get(key)
    if found is None:
        unjudged = results.record(experiment.name, config, identities, [])
        for reason in [] if force else _why_again(folder, unjudged):
            print(f"{experiment.name:<16}            again: {reason}", flush=True)
        start = time.perf_counter()
        dataset = results.decode(results.encode(experiment.module.run(config)))
        run = provenance.note(time.perf_counter() - start, key)
        store.put(key, dataset, {**unjudged, "run": run})
        how, note = "computed", ""
    else:
        dataset, run = found
        how, note = "found", "unchanged since it ran here, --force runs it again"
    record = results.record(experiment.name, config, identities, experiment.module.judge(dataset))
    return _Made(dataset, record, run, how, note)


def _keep_committed(folder: pathlib.Path, key: str) -> None:
    """Results in the folder that are of this fingerprint count as those of a run here."""
    run = provenance.read(folder)
    if run is None or run["fingerprint"] != key or store.get(key) is not None:
        return
    try:
        dataset, record = results.load(folder)
    except results.NoResultsError:
        return
    store.put(key, dataset, {**record, "run": run})


def _why_again(folder: pathlib.Path, record: dict[str, Any]) -> list[str]:
    """What the results in the folder were made of that is otherwise now."""
    try:
        _, before = results.load(folder)
    except results.NoResultsError as error:
        return [str(error)] if (folder / "results.nc").exists() else []
    reasons = [
        f"made with {package} {version}, here {record['versions'].get(package, 'absent')}"
        for package, version in before["versions"].items()
        if record["versions"].get(package) != version
    ]
    if before["platform"] != record["platform"]:
        reasons.append("made on another platform")
    reasons += [
        f"made with other {what}"
        for what, field in {"settings": "config", "data": "data"}.items()
        if before[field] != record[field]
    ]
    return reasons


def _write(experiment: Experiment, folder: pathlib.Path, made: _Made) -> None:
    results.save(folder, made.dataset, made.record)
    provenance.write(folder, made.run)
    with style.applied():
        style.save(experiment.module.draw(made.dataset), folder / "figure")
    results.write(folder / "README.md", report.page(experiment, made.record))
