"""How lanes are laid over devices and memory: from the sizes alone, before anything compiles."""

import os
import pathlib
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn import checks
from jaxnn.data import Dataset, Stream
from jaxnn.train.program import evaluation, program, streaming
from jaxnn.train.setup.run import Run

How = Literal["auto", "map", "vmap", "data"]

MAX_LANES = 64  # vectorised on each device, in one call
MAX_ORDER_BYTES = 2**26  # of the orders of the examples, in one call
MIN_CHUNKS = 10  # a run comes back to report its progress at least so often, if it lasts
MIN_CHUNK_SECONDS = 0.1  # as estimated; a call and what is done after it take 0.0005
USABLE = 0.8  # of the memory that is free


class Bytes(NamedTuple):
    """What a run needs: the data once, a lane's own part, and what it works with while it runs."""

    data: int
    lane: int  # params, state of the layers and of the optimizer, taken in and given back
    order: int  # of one lane and epoch
    work: int  # activations and gradients of a batch, or of an evaluation
    saved: int  # by the layers, of one example


class Layout(NamedTuple):
    """How the lanes of one structure are run.

    Attributes:
      how: "map", one after another in each of some workers; "vmap", many at once on each device;
        "data", one after another with each batch spread over all devices.
      devices: those in use.
      at_once: how many lanes are on their way at the same time.
      span: how many epochs one call runs.
      need: the memory of one lane.
      memory: bytes in use at once on the host, or on each accelerator.
      limit: bytes that are free there; None where the device does not say.
    """

    how: str
    devices: tuple[jax.Device, ...]
    at_once: int
    span: int
    need: Bytes
    memory: int
    limit: int | None

    def __str__(self) -> str:
        kind = self.devices[0].platform
        return f"{self.how}: {self.at_once} at once on {len(self.devices)} {kind} device(s)"


def layout(
    run: Run, dataset: Dataset, num_lanes: int, order_shape: tuple[int, int],
    shapes: program.Carry, *, how: How = "auto", num_devices: int | None = None,
) -> Layout:  # fmt: skip
    """Chooses how lanes of one structure run.

    On a CPU one lane after another in a worker for each core was measured to be the fastest: the
    workers share one device, and so one compiled program. Elsewhere lanes are vectorised. One run
    alone takes one device, unless it is told to spread its batches.

    Args:
      run: the set-up's answer for one of them.
      dataset: what they are trained on.
      num_lanes: how many there are, at least 1.
      order_shape: (batches, batch_size), or (1, 0) for the whole set.
      shapes: of what each of them carries.
      how: "map", "vmap" or "data"; "auto" chooses.
      num_devices: how many devices are used, or, under "map" on a CPU, cores; None for all.

    Raises:
      ValueError: there are not so many devices, a batch cannot be spread over them, streamed lanes
        are to be vectorised, or one lane alone needs more memory than there is.
    """
    is_streamed = isinstance(dataset, Stream)
    if how == "auto":
        is_by_one = is_streamed or jax.local_devices()[0].platform == "cpu"
        how = "map" if is_by_one else "vmap"
    if is_streamed and how == "vmap":
        raise ValueError(
            'lanes="vmap" needs the data in memory: streamed runs come one after another, "map", or'
            ' with each batch spread over the devices, "data"'
        )
    devices, workers = _devices(how, num_devices)
    need = _need(run, dataset, order_shape, shapes)
    limit = free_memory(devices[0])
    if how == "data":
        batch = run.batch_size or order_shape[1] or len(dataset.train.inputs)
        if batch % len(devices):
            raise ValueError(
                f"a batch of {batch} cannot be spread evenly over {len(devices)} devices: take a"
                " batch size that they divide"
            )
        each = 1
    elif how == "map":
        devices = devices[:num_lanes]
        each = -(-min(num_lanes, workers) // len(devices))
    else:
        devices = devices[:num_lanes]
        each = min(MAX_LANES, 1 << (-(-num_lanes // len(devices)) - 1).bit_length())
    seconds = seconds_of_epoch(shapes, need, len(dataset.train.inputs), order_shape[0])
    if how == "vmap":
        seconds *= each
    span = 1 if is_streamed else _epochs_at_once(run.epochs, each * need.order, seconds)
    while (memory := _memory(need, devices, each, span)) > (limit or memory):
        if span > 1:
            span = (span + 1) // 2
        elif each > 1:
            each = (each + 1) // 2
        else:
            raise ValueError(
                f"one run needs about {memory / 1e9:.1f} GB, but {(limit or 0) / 1e9:.1f} GB are"
                " free: take a smaller batch or network, or fewer examples"
            )
    at_once = each if how == "data" else each * len(devices)
    return Layout(how, tuple(devices), at_once, span, need, memory, limit)


def free_memory(device: jax.Device) -> int | None:
    """Bytes that may be used: of the accelerator, or of the host within its container's limit."""
    if device.platform != "cpu":
        stats = device.memory_stats() or {}
        limit = stats.get("bytes_limit")
        return None if limit is None else int(USABLE * (limit - stats.get("bytes_in_use", 0)))
    try:
        pages = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        available = [_available() or pages]
    except (ValueError, OSError, AttributeError):  # not a system that says so
        return None
    limit, used = (
        _number(f"/sys/fs/cgroup/memory.{name}") for name in ("max", "current")
    )  # of a container
    if limit is not None:
        available.append(limit - (used or 0))
    return int(USABLE * min(available))


def _available() -> int | None:
    """What can be had without swapping, which is more than what is unused (Linux)."""
    try:
        lines = pathlib.Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(found[0]) * 1024 if found else None


def _number(path: str) -> int | None:
    try:
        text = pathlib.Path(path).read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _devices(how: str, num_devices: int | None) -> tuple[list[jax.Device], int]:
    """The devices, and how many lanes run at a time if one does on each of them or of the cores."""
    if how not in ("map", "vmap", "data"):
        raise ValueError(f'lanes must be "auto", "map", "vmap" or "data", got {how!r}')
    devices = jax.devices() if how == "data" else jax.local_devices()
    is_by_core = how == "map" and devices[0].platform == "cpu"
    there = max(num_cores(), len(devices)) if is_by_core else len(devices)
    if num_devices is not None:
        checks.positive_int("num_devices", num_devices)
        if num_devices > there:
            kind = "cores" if is_by_core else f"devices ({devices[0].platform})"
            raise ValueError(
                f"num_devices={num_devices}, but there are {there} {kind}: take at most {there}"
                + (
                    f", or set JAX_NUM_CPU_DEVICES={num_devices} in the environment"
                    if devices[0].platform == "cpu"
                    else ""
                )
            )
    workers = num_devices or there
    return (devices[:1] if is_by_core else devices[:workers]), workers


def num_cores() -> int:
    """The cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        return os.cpu_count() or 1


def _need(run: Run, dataset: Dataset, order_shape: tuple[int, int], carry: program.Carry) -> Bytes:
    inputs = dataset.train.inputs
    batch = run.batch_size or order_shape[1] or len(inputs)
    x = jax.ShapeDtypeStruct((batch, *inputs.shape[1:]), inputs.dtype)
    x = jax.eval_shape(lambda x: run.as_inputs(x, 1.0), x)
    forward = jax.eval_shape(
        lambda params, state, x, key: run.network.forward(params, state, x, key, True),
        carry.params, carry.state, x, jax.eval_shape(lambda: jax.random.key(0)),
    )  # fmt: skip
    saved = _num_bytes(forward)
    parts = [part for part in (dataset.validation, dataset.test) if part]
    largest = saved // batch * max((len(part.inputs) for part in parts), default=0)
    streamed = 0
    if isinstance(dataset, Stream):
        streamed = streaming.memory(batch, order_shape[0], dataset)
    return Bytes(
        data=evaluation.num_bytes(jax.tree.map(np.asarray, program.arrays_of(dataset))),
        lane=2 * _num_bytes(carry),
        order=4 * order_shape[0] * order_shape[1],
        work=2 * saved
        + _num_bytes(carry.params)
        + min(evaluation.at_once(saved // batch) * (saved // batch), largest)
        + streamed,
        saved=saved // batch,
    )


def _num_bytes(tree: Any) -> int:
    plain = [x for x in jax.tree.leaves(tree) if not jnp.issubdtype(x.dtype, jax.dtypes.prng_key)]
    return evaluation.num_bytes(plain)


def _memory(need: Bytes, devices: list[jax.Device], each: int, span: int) -> int:
    """On the host all devices share the memory; accelerators have their own."""
    own = need.data + each * (need.lane + span * need.order + need.work)
    return own * (len(devices) if devices[0].platform == "cpu" else 1)


def _epochs_at_once(epochs: int, order_bytes: int, seconds: float) -> int:
    for_progress = -(-epochs // MIN_CHUNKS)
    worthwhile = min(epochs, round(MIN_CHUNK_SECONDS / seconds))
    return max(1, min(max(for_progress, worthwhile), MAX_ORDER_BYTES // max(order_bytes, 1)))


def seconds_of_epoch(shapes: program.Carry, need: Bytes, examples: int, batches: int) -> float:
    """About what a core takes: 20 us a step, 100 GFLOP/s in dense layers, 10 GB/s of what is saved.

    The last stands for convolutions and time steps, which use their weights again and again.
    """
    weights = sum(leaf.size for leaf in jax.tree.leaves(shapes.params))
    return 2e-5 * batches + 6 * weights * examples / 1e11 + need.saved * examples / 1e10
