"""The programs of runs, built for the devices on which they run.

A set-up is called while its programs are traced, at every `fit` and `sweep` anew. So what it reads
from outside counts as it is then.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, SingleDeviceSharding
from jax.sharding import PartitionSpec as P

from jaxnn.data import Dataset
from jaxnn.train.program import program
from jaxnn.train.program.compiling import Traced
from jaxnn.train.program.program import Arrays, LaneInputs
from jaxnn.train.setup.run import Run, float_dtype


class Places(NamedTuple):
    """Where programs run.

    Attributes:
      how: "map" advances one lane; "data" one lane, with each batch spread over all devices; "vmap"
        many lanes, those of a device at once.
      lanes: where that lies which differs from lane to lane, one for each copy of a program.
      shared: where the rest lies.
    """

    how: str
    lanes: Sequence[Any]
    shared: Sequence[Any]

    @classmethod
    def of(cls, how: str, devices: Sequence[jax.Device]) -> "Places":
        """By "map" each device has a copy of the program, otherwise all have one together."""
        if how == "map":
            each = [SingleDeviceSharding(device) for device in devices]
            return cls(how, each, each)
        mesh = Mesh(np.array(devices), ("lanes",))
        everywhere = [NamedSharding(mesh, P())]
        return cls(how, [NamedSharding(mesh, P("lanes"))] if how == "vmap" else everywhere,
                   everywhere)  # fmt: skip

    @property
    def batch(self) -> NamedSharding | None:
        """How a batch is spread over the devices."""
        return NamedSharding(self.shared[0].mesh, P("lanes")) if self.how == "data" else None


def starting(
    setup: Callable, static: tuple, in_shape: tuple[int, ...], inputs: LaneInputs, places: Places
) -> list[Callable]:
    """The programs, one for each place, that draw what lanes of one structure start from.

    They are apart from those that advance them because they run once, and are compiled for that.

    Args:
      in_shape: of one example.
      inputs: of the lanes of one call, or their shapes; setup, static, places: as in `advancing`.

    Returns:
      start(inputs) -> carry; under "vmap" both have a leading axis of lanes.
    """
    one_lane = functools.partial(program.start_lane, setup, dict(static), in_shape)
    start = _over_lanes(one_lane, places, num_of_lanes=1, num_shared=0)
    traced = Traced(start, inputs)
    results = places.shared[0] if places.how == "data" else None
    return [
        traced.compiled([lane], constants=shared, results=results, once=True)
        for lane, shared in zip(places.lanes, places.shared, strict=True)
    ]


def advancing(
    setup: Callable, static: tuple, chunk_epochs: int, args: tuple, places: Places
) -> list[Callable]:
    """The programs, one for each place, that advance lanes of one structure.

    Args:
      setup: the set-up function, called inside the trace with traced floats.
      static: the hyperparameters that are structure, as (name, value) pairs.
      chunk_epochs: at most how many epochs one call runs.
      args: the arguments of one call, or their shapes.
      places: where it runs, and how.

    Returns:
      advance(carry, inputs, orders, first_epoch, num_epochs, arrays) -> (carry, history). Under
      "vmap" the first three and the results have a leading axis of lanes. orders: int32
      [chunk_epochs, batches, batch_size]; history: [chunk_epochs], NaN where the lane did not run.
    """
    one_lane = functools.partial(
        program.advance_lane, setup, dict(static), chunk_epochs, _spread(places)
    )
    advance = _over_lanes(one_lane, places, num_of_lanes=3, num_shared=3)
    return _everywhere(Traced(advance, *args), places, num_of_lanes=3, num_shared=3)


def streaming(
    setup: Callable, static: tuple, args: tuple, finish_args: tuple, chunk_place: Any,
    places: Places,
) -> list[tuple[Callable, Callable]]:  # fmt: skip
    """The programs that advance one lane by a chunk of batches, and that end its epoch.

    The arguments are those of `advancing`.

    Returns:
      For each place
      advance(carry, inputs, chunk, epoch, scale) -> (carry, the steps of the epoch that are done).
        The chunk holds the Examples [steps, batch_size, ...] from a multiple of `steps` on; those
        that the epoch does not need and those that the carry has behind it are passed over.
      finish(carry, inputs, epoch, arrays) -> (carry, history of that epoch)
    """
    by_chunk = functools.partial(program.advance_by_chunk, setup, dict(static), _spread(places))
    end = functools.partial(program.finish_epoch, setup, dict(static))
    advance, finish = Traced(by_chunk, *args), Traced(end, *finish_args)
    chunks = [chunk_place] if places.how == "data" else places.shared
    advances = _everywhere(advance, places, num_of_lanes=2, num_shared=2, between=chunks)
    finishes = _everywhere(finish, places, num_of_lanes=2, num_shared=2)
    return list(zip(advances, finishes, strict=True))


def whole(setup: Callable, static: tuple, names: list[str], dataset: Dataset, run: Run) -> Any:
    """One lane from its start through an epoch, traced but not compiled: a `ClosedJaxpr`.

    It is without noise of labels.
    """
    held_out = None
    if run.folds is not None:
        held_out = jax.ShapeDtypeStruct((len(dataset.train.inputs) // run.folds,), np.int32)
    arrays = program.arrays_of(dataset)._replace(train=dataset.train)
    one, seed, rate = (jax.ShapeDtypeStruct((), d) for d in (np.int32, np.uint32, float_dtype()))
    lane = LaneInputs(dict.fromkeys(names, rate), seed, one, None, held_out)
    batches = run.num_batches(len(dataset.train.inputs)), run.batch_size or 0
    order = jax.ShapeDtypeStruct((1, *batches), np.int32)

    def advance(lane: LaneInputs, order: Any, arrays: Arrays) -> Any:
        carry = program.start_lane(setup, dict(static), dataset.train.inputs.shape[1:], lane)
        return program.advance_lane(setup, dict(static), 1, None, carry, lane, order, 0, 1, arrays)

    return Traced(advance, lane, order, arrays).program


def _over_lanes(one_lane: Callable, places: Places, *, num_of_lanes: int, num_shared: int) -> Any:
    """Under "vmap" many lanes at once; the arguments with an axis of lanes come first."""
    if places.how != "vmap":
        return one_lane
    axes = (0,) * num_of_lanes + (None,) * num_shared
    return jax.shard_map(
        jax.vmap(one_lane, in_axes=axes),
        mesh=places.shared[0].mesh,
        in_specs=tuple(P() if axis is None else P("lanes") for axis in axes),
        out_specs=P("lanes"),
        check_vma=False,
    )


def _everywhere(
    traced: Traced, places: Places, *, num_of_lanes: int, num_shared: int, between: Sequence = ()
) -> list[Callable]:
    """Compiled for each place; the carry, which comes first, gives its memory to the next one."""
    results = places.shared[0] if places.how == "data" else None
    return [
        traced.compiled(
            [lane] * num_of_lanes + [*between[number : number + 1]] + [shared] * num_shared,
            constants=shared,
            results=results,
            donate=True,
        )
        for number, (lane, shared) in enumerate(zip(places.lanes, places.shared, strict=True))
    ]


def _spread(places: Places) -> Callable | None:
    """What lays a batch over the devices that share it."""
    sharding = places.batch
    if sharding is None:
        return None
    return lambda examples: jax.lax.with_sharding_constraint(examples, sharding)
