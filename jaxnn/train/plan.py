"""What a sweep would be: programs, lanes, memory and work, without compiling or training."""

import dataclasses
import math
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn import flops
from jaxnn.data import Dataset
from jaxnn.train.lanes.groups import Group, grouped
from jaxnn.train.lanes.hosts import Hosts
from jaxnn.train.lanes.layout import How, Layout
from jaxnn.train.setup.axes import Grid, name_of
from jaxnn.train.setup.designs import Trials
from jaxnn.train.setup.run import Run


@dataclasses.dataclass(frozen=True)
class Program:
    """The runs of one structure.

    Attributes:
      structure: the hyperparameters that are not floats.
      num_lanes: how many runs it advances; in a multi-host program, of this process.
      updates: of each run.
      flops: floating-point operations of all its runs, training alone, at least: 2 for every
        multiplication and addition of the matrix products and convolutions.
      layout: how the lanes are laid out.
    """

    structure: dict[str, Any]
    num_lanes: int
    updates: int
    flops: float
    layout: Layout


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a sweep would be.

    Attributes:
      setup: the name of the set-up.
      programs: one for each structure.
      flops_per_second: of a matrix product of 1,024 x 1,024, measured now, on all cores or on the
        first accelerator.
    """

    setup: str
    programs: tuple[Program, ...]
    flops_per_second: float

    @property
    def num_lanes(self) -> int:
        """All runs."""
        return sum(program.num_lanes for program in self.programs)

    @property
    def flops(self) -> float:
        """All floating-point operations, at least."""
        return sum(program.flops for program in self.programs)

    @property
    def memory_bytes(self) -> int:
        """The largest memory in use at once."""
        return max(program.layout.memory for program in self.programs)

    @property
    def least_seconds(self) -> float:
        """What the work takes at the speed of large matrix products: small ones take longer."""
        return self.flops / self.flops_per_second

    def __str__(self) -> str:
        limit = self.programs[0].layout.limit
        lines = [
            f"{self.setup}: {self.num_lanes} run(s), {len(self.programs)} program(s)",
            f"memory: about {_readable(self.memory_bytes)}B"
            + (f" of {_readable(limit)}B that are free" if limit is not None else ""),
            f"work: at least {_readable(self.flops)}FLOP, so at least {self.least_seconds:.3g} s at"
            f" the {_readable(self.flops_per_second)}FLOP/s of large matrix products",
        ]
        for program in self.programs:
            need = program.layout.need
            structure = ", ".join(f"{k}={v!r}" for k, v in program.structure.items()) or "(one)"
            lines.append(
                f"- {structure}: {program.num_lanes} run(s) of {program.updates} updates;"
                f" {program.layout}, {program.layout.span} epoch(s) per call; a run carries"
                f" {_readable(need.lane)}B and works with {_readable(need.work)}B"
            )
        return "\n".join(lines)


def plan(
    setup: Callable[..., Run],
    dataset: Dataset,
    design: Trials | None = None,
    /,
    *,
    lanes: How = "auto",
    num_devices: int | None = None,
    **hyperparameters: Any,
) -> Plan:
    """Says what `sweep` would do with the same arguments; takes a second or so.

    Raises:
      TypeError, ValueError: as `sweep` would.
    """
    grid = Grid(setup, hyperparameters, design)
    hosts = Hosts.of(grid.shape, lanes)
    programs = [
        _program(group, group.layout(hosts, how=lanes, num_devices=num_devices), hosts)
        for group in grouped(setup, dataset, grid)
    ]
    return Plan(name_of(setup), tuple(programs), _flops_per_second())


def _program(group: Group, layout: Layout, hosts: Hosts) -> Program:
    num_lanes = len(hosts.own(group.lanes))
    sizes = {lane.settings.train_size for lane in group.lanes}
    updates = group.run.epochs * group.num_batches(max(sizes, key=lambda size: size or np.inf))
    work = num_lanes * updates * _flops_per_update(group)
    return Program(dict(group.lanes[0].static), num_lanes, updates, work, layout)


def _flops_per_update(group: Group) -> float:
    """Of the matrix products and convolutions of one gradient."""
    run, dataset = group.run, group.dataset
    batch = run.batch_size or group.order_shape()[1] or len(dataset.train.inputs)
    x, y = (jax.ShapeDtypeStruct((batch, *a.shape[1:]), a.dtype) for a in dataset.train)

    def gradient(key, x, y):
        x = run.as_inputs(x, 1.0)
        params, state, _ = run.model.init(key, x.shape[1:])
        x, targets = run.training_batch(x, y, key)
        return run.gradient_fn()(params, state, x, targets, key)[1]

    key = jax.eval_shape(lambda: jax.random.key(0))
    return flops.count(gradient, key, x, y)


def _flops_per_second() -> float:
    """The best of some products; a compiled program of its own, and no part of the sweep."""
    size = 1024
    x = jnp.ones((size, size), jnp.float32)
    product = jax.jit(jnp.matmul)
    jax.block_until_ready(product(x, x))
    best = np.inf
    for _ in range(5):
        start = time.perf_counter()
        jax.block_until_ready(product(x, x))
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best


def _readable(number: float | int) -> str:
    units = ["", "k", "M", "G", "T", "P", "E"]
    power = min(int(math.log10(max(number, 1)) // 3), len(units) - 1)
    return f"{number / 1000**power:.3g} {units[power]}"
