"""The strength of a method, chosen without the test set, and without the run that it is judged on.

Each seed takes the strength at which the other seeds were best on the examples held out for
validation: so every seed is judged on test examples, at a strength that its own run had no part in.
"""

import numpy as np
import xarray as xr

from experiments.claims.verdicts import Interval, paired_difference

LEVELS = ("weak", "medium", "strong")


def chosen(results: xr.Dataset) -> xr.Dataset:
    """The end of every run at the chosen strength.

    Args:
      results: at least validation_accuracy [kind, level, seed, epoch] and strength [kind,
        level]; NaN at the levels that a method does not have.

    Returns:
      The variables over level, at the last epoch and without `level`: strength becomes [kind,
      seed]. A method of which no run is finite is NaN.
    """
    final = results.isel(epoch=-1) if "epoch" in results.dims else results
    score = final.validation_accuracy
    score = score.where(np.isfinite(score))
    alone = score.sizes["seed"] == 1  # there are no others to choose by
    others = score if alone else score.sum("seed") - score.fillna(0)
    ran = score.notnull().any("seed")
    best = others.where(ran, -np.inf).argmax("level")
    over_levels = [name for name in final.data_vars if "level" in final[name].dims]
    return final[over_levels].isel(level=best).drop_vars("level")


def gain(at_chosen: xr.DataArray, method: str, over: str = "none") -> Interval:
    """The method minus another one, of variables over kind and seed, paired by seed."""
    return paired_difference(
        at_chosen.sel(kind=method, drop=True), at_chosen.sel(kind=over, drop=True)
    )


def told(at_chosen: xr.Dataset, method: str) -> str:
    """The strength in words: the one that most seeds took, and how many did."""
    strengths = at_chosen.strength.sel(kind=method).values
    values, counts = np.unique(strengths, return_counts=True)
    most = int(counts.argmax())
    return f"{values[most]:g} for {counts[most]} of {len(strengths)} seeds"
