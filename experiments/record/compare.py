"""Two results of the same runs, variable by variable: equal, within tolerance, or different."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from experiments.record import results
from experiments.record.experiment import Experiment

Result = tuple[xr.Dataset, Mapping[str, Any]]  # what results.load gives: dataset and record


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What became of one variable.

    Attributes:
      compared: how many values.
      largest: the largest difference of two finite values.
      note: what else there is to say, such as why a variable could not be compared.
    """

    variable: str
    agrees: bool
    identical: bool = False
    compared: int = 0
    largest: float = 0.0
    allowed: tuple[float, float] = (0.0, 0.0)
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Held:
    """A fresh run, held against the committed results of its experiment.

    Attributes:
      variables: how each compares.
      problems: how the numbers differ otherwise: of other settings, data or bits.
      verdicts: the claims whose verdict is another.
      remarks: what was not compared, and why.
    """

    variables: Sequence[Comparison]
    problems: Sequence[str]
    verdicts: Sequence[str]
    remarks: Sequence[str]

    @property
    def different_numbers(self) -> list[str]:
        differing = [row for row in self.variables if not row.agrees]
        return [*(f"{row.variable} {row.note}".rstrip() for row in differing), *self.problems]


def hold(experiment: Experiment, fresh: Result, committed: Result, *, quick: bool = False) -> Held:
    """Holds a run against committed results, by the tolerances of its experiment.

    On the same platform with the same versions, every bit must be the same.

    Args:
      quick: the fresh run is a part of the other, too small for the verdicts.
    """
    (numbers, record), (before, was) = fresh, committed
    module, missing = experiment.module, lost_data(record, was)
    same = not made_elsewhere(record, was)
    remarks = [f"{name} is not at hand, what rests on it is not compared" for name in missing]
    for dim, limit in {} if same else getattr(module, "STEADY", {}).items():
        remarks.append(f"{dim} above {limit:g} not compared: it amplifies another rounding")
        numbers, before = (_up_to(x, dim, limit) for x in (numbers, before))
    variables = compare(
        numbers,
        before,
        module.TOLERANCES,
        part=quick or bool(missing),
        leave_out=getattr(module, "WHOLE_RUN", ()) if quick else (),
        unrepeated=getattr(module, "UNREPEATED", ()),
    )
    problems = [*_of_other_data(record, was), *(_other_bits(variables) if same else ())]
    if not quick and record["config"] != was["config"]:
        problems.append("settings are not the committed ones")
    judged = not (quick or missing)
    verdicts = changed_verdicts(record["verdicts"], was["verdicts"]) if judged else []
    return Held(variables, problems, verdicts, remarks)


def _up_to(dataset: xr.Dataset, dim: str, limit: float) -> xr.Dataset:
    is_there = dim in dataset.dims  # it is not where nothing could be computed
    return dataset.sel({dim: dataset[dim] <= limit}) if is_there else dataset


def lost_data(record: Mapping[str, Any], was: Mapping[str, Any]) -> list[str]:
    """The data sets that the committed results rest on, and that are not at hand here."""
    return [n for n, identity in record["data"].items() if identity is None and was["data"].get(n)]


def made_elsewhere(record: Mapping[str, Any], was: Mapping[str, Any]) -> list[str]:
    """What may round otherwise: versions and a platform that are not those of here."""
    here = record["versions"]
    reasons = [
        f"made with {package} {version}, here {here.get(package, 'absent')}"
        for package, version in was["versions"].items()
        if here.get(package) != version
    ]
    return reasons + ["made on another platform"] * (record["platform"] != was["platform"])


def _of_other_data(record: Mapping[str, Any], was: Mapping[str, Any]) -> list[str]:
    return [
        f"{name} holds other data than the committed results were made from"
        for name, identity in record["data"].items()
        if identity is not None and was["data"].get(name) not in (identity, None)
    ]


def _other_bits(variables: Iterable[Comparison]) -> list[str]:
    return [
        f"{row.variable}: not the same bits, with the same processor and versions"
        for row in variables
        if row.agrees and row.compared and not row.identical
    ]


def compare(
    fresh: xr.Dataset,
    committed: xr.Dataset,
    tolerances: Mapping[str, tuple[float, float]],
    *,
    part: bool = False,
    leave_out: Iterable[str] = (),
    unrepeated: Iterable[str] = (),
) -> list[Comparison]:
    """Holds each variable of a fresh run against the committed one, label by label.

    Args:
      tolerances: variable -> (rtol, atol); a variable not named must be equal. NaN equals NaN.
      part: the fresh run may be a part of the committed one (fewer seeds, epochs or variables).
      leave_out: variables that a part of the run does not determine.
      unrepeated: variables that no run repeats, such as seconds.
    """
    fresh, committed = results.encode(fresh), results.encode(committed)
    left_out = set(leave_out) if part else set()
    timed = set(unrepeated)
    found = []
    for name in [*committed.data_vars, *(n for n in fresh.data_vars if n not in committed)]:
        variable = str(name)
        if variable in left_out:
            found.append(Comparison(variable, True, note="left out: depends on the whole run"))
        elif variable in timed:
            found.append(Comparison(variable, True, note="left out: no run repeats it"))
        elif name not in fresh:
            found.append(Comparison(variable, part, note="not computed here"))
        elif name not in committed:
            found.append(Comparison(variable, False, note="not in the committed results"))
        else:
            allowed = tolerances.get(variable, (0.0, 0.0))
            found.append(_compare(variable, fresh[name], committed[name], allowed, part))
    return found


def changed_verdicts(
    fresh: Iterable[Mapping[str, Any]], committed: Iterable[Mapping[str, Any]]
) -> list[str]:
    """One line per claim whose status is not the committed one."""
    ours = {verdict["claim"]: verdict["status"] for verdict in fresh}
    theirs = {verdict["claim"]: verdict["status"] for verdict in committed}
    return [
        f"{claim}: {theirs.get(claim, 'no verdict')} as committed, {ours.get(claim, 'none')} here"
        for claim in sorted(ours.keys() | theirs.keys())
        if ours.get(claim) != theirs.get(claim)
    ]


def _compare(
    variable: str,
    fresh: xr.DataArray,
    committed: xr.DataArray,
    allowed: tuple[float, float],
    part: bool,
) -> Comparison:
    try:
        a, b = xr.align(fresh, committed, join="inner")
    except ValueError:  # a dimension without labels and of another length
        return Comparison(variable, False, note=_shapes(fresh, committed))
    whole = [fresh] if part else [fresh, committed]
    if a.dims != b.dims or a.size == 0 or any(dict(a.sizes) != dict(w.sizes) for w in whole):
        return Comparison(variable, False, note=_shapes(fresh, committed))
    if a.dtype.kind in "OUS":
        same = a.values == b.values
        return Comparison(variable, bool(same.all()), bool(same.all()), a.size)
    x, y = a.values.astype(np.float64), b.values.astype(np.float64)
    same = (x == y) | (np.isnan(x) & np.isnan(y))
    finite = np.isfinite(x) & np.isfinite(y)
    difference = np.abs(np.where(finite, x, 0.0) - np.where(finite, y, 0.0))
    rtol, atol = allowed
    close = same | (finite & (difference <= atol + rtol * np.abs(np.where(finite, y, 0.0))))
    lost = int((~same & ~finite).sum())
    note = f"{lost} finite on one side only" if lost else ""
    largest = float(difference.max())
    return Comparison(variable, bool(close.all()), bool(same.all()), a.size, largest, allowed, note)


def _shapes(fresh: xr.DataArray, committed: xr.DataArray) -> str:
    here, there = (
        ", ".join(f"{dim} {size}" for dim, size in x.sizes.items()) or "one value"
        for x in (fresh, committed)
    )
    return f"other coordinates: {here} here; {there} as committed"
