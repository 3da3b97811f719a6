"""The folder of an experiment: written whole, or brought up to date where its results stand."""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import xarray as xr

from experiments.pages import report, style
from experiments.record import compare, provenance, results
from experiments.record.experiment import Experiment

_FIGURE = ("figure.svg", "figure.png")


class Standing(NamedTuple):
    """What the present code makes of results that stand.

    Attributes:
      record: with the verdicts of the present rules.
      differs: what lay there otherwise, and is written.
      remarks: what is left as it is, and why.
    """

    record: dict[str, Any]
    differs: list[str]
    remarks: list[str]


def write(
    experiment: Experiment,
    folder: pathlib.Path,
    dataset: xr.Dataset,
    record: dict[str, Any],
    run: dict[str, Any] | None,
) -> None:
    """Results, provenance, figure and page."""
    results.save(folder, dataset, record)
    provenance.write(folder, run)
    _draw(experiment, folder, dataset)
    results.write(folder / "README.md", report.page(experiment, record))


def judged(experiment: Experiment, dataset: xr.Dataset) -> list[dict[str, Any]]:
    """The verdicts as a record holds them."""
    return [dataclasses.asdict(verdict) for verdict in experiment.module.judge(dataset)]


def bring_up_to_date(
    experiment: Experiment, folder: pathlib.Path, dataset: xr.Dataset, was: Mapping[str, Any]
) -> Standing:
    """Judges and draws the results that lie there, and writes what comes out otherwise."""
    record = {**was, "verdicts": judged(experiment, dataset)}
    differs = compare.changed_verdicts(record["verdicts"], was["verdicts"])
    if record != was:
        results.save(folder, dataset, record)
        differs = differs or ["what the verdicts say"]
    here, there = results.versions()["matplotlib"], was["versions"]["matplotlib"]
    remarks = []
    if here != there and all((folder / name).exists() for name in _FIGURE):
        remarks.append(f"the figure is that of matplotlib {there}, here {here}")
    elif not _is_drawn(experiment, folder, dataset):
        _draw(experiment, folder, dataset)
        differs.append("figure")
    page, path = report.page(experiment, record), folder / "README.md"
    if not path.exists() or path.read_text("utf-8") != page:
        results.write(path, page)
        differs.append("page")
    return Standing(record, differs, remarks)


def _is_drawn(experiment: Experiment, folder: pathlib.Path, dataset: xr.Dataset) -> bool:
    """Whether the figure in the folder is what would be drawn."""
    if not all((folder / name).exists() for name in _FIGURE):
        return False
    with style.applied():
        drawn = style.svg(experiment.module.draw(dataset))
    return style.looks_alike(drawn, (folder / "figure.svg").read_bytes())


def _draw(experiment: Experiment, folder: pathlib.Path, dataset: xr.Dataset) -> None:
    with style.applied():
        style.save(experiment.module.draw(dataset), folder / "figure")
