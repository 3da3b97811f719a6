"""What a sweep measured, lane by lane, until it becomes a labelled result."""

from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from jaxnn.train.lanes.groups import Group
from jaxnn.train.lanes.hosts import Hosts
from jaxnn.train.lanes.lanes import Progress
from jaxnn.train.program import program
from jaxnn.train.setup.axes import Grid, Lane

if TYPE_CHECKING:
    import xarray as xr


class History:
    """A table of numbers for all lanes of a sweep, filled as they come."""

    def __init__(self, grid: Grid, groups: list[Group]):
        self._grid = grid
        self._groups = groups
        self._num_epochs = max(group.run.epochs for group in groups)
        self._columns: dict[str, np.ndarray] = {}
        self._leaves = list(dict.fromkeys(name for g in groups for name in _leaf_names(g)))
        self._column("first_bad_step", np.int64, -1)
        self._column("first_bad_leaf", np.int64, -1)
        self._column("first_bad_loss", float, np.nan)
        if any(group.run.early_stopping for group in groups):
            self._column("best_epoch", np.int64, 0)
            self._column("last_epoch", np.int64, 0)

    def record(self, done: Progress) -> None:
        """Takes the numbers of some lanes in some epochs, and, after the last, how they ended."""
        for name, values in done.history.items():
            if name not in self._columns:
                shape = (*self._grid.shape, self._num_epochs)
                self._columns[name] = np.full(shape, np.nan, values.dtype)
            end = done.first_epoch + values.shape[1]
            for lane, row in zip(done.lanes, values, strict=True):
                self._columns[name][lane.position][done.first_epoch : end] = row
        if done.carry is not None:
            for index, lane in enumerate(done.lanes):
                self._record_end(lane, jax.tree.map(lambda leaf: leaf[index], done.carry))  # noqa: B023

    def rows(self, lanes: list[Lane], epochs: int) -> dict[str, np.ndarray]:
        """All that was recorded of these lanes up to there: name -> [lanes, epochs]."""
        return {
            name: np.stack([column[lane.position][:epochs] for lane in lanes])
            for name, column in self._columns.items()
            if column.ndim > len(self._grid.shape)
        }

    def merge(self, hosts: Hosts) -> None:
        """Takes over what the other processes of a multi-host run have recorded."""
        self._columns = {name: hosts.merge(column) for name, column in self._columns.items()}

    def dataset(self, **attrs: Any) -> "xr.Dataset":
        """The result, with the hyperparameters as coordinates."""
        import xarray as xr  # slow to import: only where a result is made

        dims = tuple(self._grid.axes)
        variables = {
            name: ((*dims, "epoch") if values.ndim > len(dims) else dims, values)
            for name, values in sorted(self._columns.items())
        }
        epoch = "epoch", np.arange(1, self._num_epochs + 1), {"units": "epochs"}
        result = xr.Dataset(variables, {**self._grid.coords(), "epoch": epoch}, attrs=attrs)
        # numbers with a key, as CF has it: text in a result would not take part in arithmetic
        result.first_bad_leaf.attrs["flag_meanings"] = " ".join(self._leaves)
        return result

    def _column(self, name: str, dtype: Any, empty: Any) -> None:
        self._columns[name] = np.full(self._grid.shape, empty, dtype)

    def _record_end(self, lane: Lane, carry: program.Carry) -> None:
        at = lane.position
        step = int(carry.bad.step)
        if step >= 0:
            self._columns["first_bad_step"][at] = step
            self._columns["first_bad_loss"][at] = carry.bad.loss
            self._columns["first_bad_leaf"][at] = self._leaves.index(_worst_leaf(carry.params))
        if carry.watch is not None:
            self._columns["best_epoch"][at] = int(carry.watch.best_epoch) + 1
            self._columns["last_epoch"][at] = self._last_epoch(lane, step, carry.watch)

    def _last_epoch(self, lane: Lane, bad_step: int, watch: program.Watch) -> int:
        """The last that was run, from 1: a run that went bad ended there, too."""
        group = next(g for g in self._groups if lane.number in g.rows)
        if bad_step >= 0:
            rows = group.rows[lane.number].train
            return bad_step // group.num_batches(None if rows is None else len(rows)) + 1
        return group.run.epochs if watch.last_epoch < 0 else int(watch.last_epoch) + 1


def _leaf_names(group: Group) -> list[str]:
    return list(_by_name(group.shapes.params))


def _by_name(params: Any) -> dict[str, Any]:
    """The leaves by their path, such as 0/kernel."""
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): leaf
        for path, leaf in jax.tree_util.tree_leaves_with_path(params)
    }


def _worst_leaf(params: Any) -> str:
    """The first leaf that is not finite; where only the loss overflowed, that of the largest size.

    The params are those before the update whose objective was not finite.
    """
    sizes = {name: np.abs(leaf).max(initial=0) for name, leaf in _by_name(params).items()}
    not_finite = [name for name, size in sizes.items() if not np.isfinite(size)]
    return not_finite[0] if not_finite else max(sizes, key=lambda name: sizes[name])
