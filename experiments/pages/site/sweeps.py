"""Stored sweeps for the explorer: of every curve the median and range over seeds, in few points."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from experiments.pages.site.facts import Study

POINTS = 48  # of a curve, at most
SIZE = 48_000  # characters of one experiment, at most; curves get fewer points until they fit
FEWEST = 12  # points, below which a measure is left out instead

_TIME = ("epoch", "step", "iteration", "update", "samples")


def explorer(studies: Sequence[Study]) -> list[dict[str, Any]]:
    """The experiments that have curves over seeds, as JSON for explorer.js."""
    found = []
    for study in studies:
        measures = _fitting(study.dataset) if study.dataset is not None else []
        if measures:
            found.append({"name": study.name, "title": study.title, "measures": measures})
    return found


def _fitting(dataset: xr.Dataset) -> list[dict[str, Any]]:
    """As many points as fit, and the measures that do."""
    names = [str(name) for name in dataset.data_vars if _is_curve(dataset[name])]
    names.sort(key=lambda name: ("loss" not in name and "accuracy" not in name, "test" in name))
    while names:
        for points in (POINTS, 32, 24, 16, FEWEST):
            measures = [measure(dataset[name], points) for name in names]
            if len(json.dumps(measures, separators=(",", ":"))) <= SIZE:
                return measures
        names.pop()
    return []


def measure(values: xr.DataArray, points: int) -> dict[str, Any]:
    """One variable: its axes, and (lowest, median, highest) over the seeds along x.

    Runs that are not finite somewhere along x are left out and counted.
    """
    x, seed = str(_time(values)), str(_seed(values))
    settings = [str(dim) for dim in values.dims if dim not in (x, seed)]
    kept = np.unique(np.linspace(0, values.sizes[x] - 1, points).round().astype(int))
    lanes = values.transpose(*settings, seed, x).values.astype(np.float64)
    lanes = lanes.reshape(-1, values.sizes[seed], values.sizes[x])
    finite = np.asarray(np.isfinite(lanes).all(axis=-1))
    curves = [
        [
            _short(np.quantile(lane[keep][:, kept], level, axis=0)) if keep.any() else []
            for level in (0.0, 0.5, 1.0)
        ]
        for lane, keep in zip(lanes, finite, strict=True)
    ]
    return {
        "name": str(values.name),
        "x": {"name": x, "values": _short(_numbers(values, x)[kept])},
        "settings": [{"name": s, "values": _labels(values, s)} for s in settings],
        "seeds": int(values.sizes[seed]),
        "finite": [int(n) for n in finite.sum(axis=1)],
        "curves": curves,
    }


def _is_curve(values: xr.DataArray) -> bool:
    if not np.issubdtype(values.dtype, np.floating) or _seed(values) is None:
        return False
    x = _time(values)
    return x is not None and values.sizes[x] > 2


def _seed(values: xr.DataArray) -> str | None:
    return next((str(d) for d in values.dims if str(d).split("_")[-1] in ("seed", "run")), None)


def _time(values: xr.DataArray) -> str | None:
    return next((str(d) for d in values.dims if str(d).split("_")[-1] in _TIME), None)


def _numbers(values: xr.DataArray, dim: str) -> np.ndarray:
    if dim in values.coords and np.issubdtype(values[dim].dtype, np.number):
        return values[dim].values.astype(np.float64)
    return np.arange(values.sizes[dim], dtype=np.float64)


def _labels(values: xr.DataArray, dim: str) -> list[str]:
    labels = values[dim].values if dim in values.coords else np.arange(values.sizes[dim])
    return [f"{v:.6g}" if isinstance(v, float | np.floating) else str(v) for v in labels]


def _short(numbers: np.ndarray) -> list[float]:
    """Four significant digits, which is finer than a pixel; whole numbers as such."""
    rounded = [float(f"{number:.4g}") for number in numbers.tolist()]
    return [int(number) if number.is_integer() else number for number in rounded]
