"""The runs of a sweep, sorted by structure and checked against the data: one program for each."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from jaxnn.data import Dataset, Stream
from jaxnn.train.lanes.hosts import Hosts
from jaxnn.train.lanes.layout import Layout, layout
from jaxnn.train.program import program, samples, streaming
from jaxnn.train.setup import swept
from jaxnn.train.setup.axes import Grid, Lane, name_of
from jaxnn.train.setup.default_metrics import measured
from jaxnn.train.setup.run import Run


class Group(NamedTuple):
    """Runs of one structure: their set-up gives `run` for one of them, and layers of one shape."""

    setup: Callable[..., Run]
    run: Run
    dataset: Dataset
    lanes: list[Lane]
    rows: dict[int, samples.Rows]  # by the number of the lane
    shapes: program.Carry  # of what each run carries

    def order_shape(self) -> tuple[int, int]:
        """(batches, batch_size) of an epoch; (1, 0) where the whole set is every batch."""
        if self.run.batch_size is not None:
            return self.num_batches(None), self.run.batch_size
        pool = self.rows[self.lanes[0].number].train
        return 1, 0 if pool is None else len(pool)

    def num_batches(self, num_examples: int | None) -> int:
        """Updates per epoch, of so many examples or of all."""
        return self.run.num_batches(
            len(self.dataset.train.inputs) if num_examples is None else num_examples
        )

    def layout(self, hosts: Hosts, **options: Any) -> Layout:
        """How the lanes of this process are run; see `layout`."""
        num_lanes = max(1, len(hosts.own(self.lanes)))
        return layout(self.run, self.dataset, num_lanes, self.order_shape(), self.shapes, **options)


def grouped(setup: Callable, dataset: Dataset, grid: Grid) -> list[Group]:
    """The lanes of each structure, checked: one program runs a group.

    The set-up is called with the numbers of every lane, so that all are looked at before training.

    Raises:
      TypeError, ValueError: as `sweep`.
    """
    setup = measured(setup, dataset)
    by_structure = _by_structure(grid.lanes())
    for lanes in list(by_structure.values()):
        static, traced = dict(lanes[0].static), lanes[0].traced
        if asked := swept.asked_by_optax(setup, static, traced):
            del by_structure[lanes[0].static]
            by_structure |= _by_structure(lane.with_structure(asked) for lane in lanes)
    return [
        group
        for lanes in by_structure.values()
        for group in _groups_of(setup, lanes, dataset, grid.names)
    ]


def _by_structure(lanes: Iterable[Lane]) -> dict[tuple, list[Lane]]:
    found: dict[tuple, list[Lane]] = {}
    for lane in lanes:
        found.setdefault(lane.static, []).append(lane)
    return found


def _groups_of(setup, lanes, dataset, names) -> Iterator[Group]:
    run = _checked_run(setup, lanes, dataset, names)
    settings = {lane.settings for lane in lanes}
    if any(s.label_noise is not None for s in settings) and len(dataset.classes) < 2:
        raise ValueError(f"label_noise needs labels of two classes or more, not {dataset!r}")
    if isinstance(dataset, Stream):
        for each in settings:
            streaming.check(run, each, dataset)
    drawn = {s._replace(label_noise=None): None for s in settings}
    rows = {s: samples.rows(run, s, dataset) for s in drawn}
    of_lane = {lane.number: rows[lane.settings._replace(label_noise=None)] for lane in lanes}
    parts: dict[Any, list[Lane]] = {}
    for lane in lanes:  # the batch of a full-batch run has the size of its training set
        key = lane.settings.train_size if run.batch_size is None else None
        parts.setdefault(key, []).append(lane)
    shapes = program.carry_shapes(run, dataset.train.inputs.shape[1:])
    for part in parts.values():
        group = Group(setup, run, dataset, part, of_lane, shapes)
        for drawn_rows in rows.values():
            group.num_batches(None if drawn_rows.train is None else len(drawn_rows.train))
        yield group


def _checked_run(setup: Callable, lanes: list[Lane], dataset: Dataset, names: set[str]) -> Run:
    runs = {}
    for traced in {tuple(lane.traced.items()) for lane in lanes}:
        run = setup(**dict(lanes[0].static), **dict(traced))
        if not isinstance(run, Run):
            raise TypeError(f"{name_of(setup)} must answer with a train.Run, got {run!r}")
        runs[run.epochs, run.batch_size] = run
    if len(runs) > 1:
        raise ValueError(
            f"{name_of(setup)} gives the (epochs, batch_size) {sorted(runs)} for different floats:"
            " let them depend on ints, strings or tuples, which split into programs"
        )
    run.check_against(dataset, sorted(names))
    return run
