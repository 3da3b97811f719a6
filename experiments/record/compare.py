"""Two results of the same runs, variable by variable: equal, within tolerance, or different."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from experiments.record import results


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
