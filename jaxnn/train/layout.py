"""How lanes are laid over devices and memory: from the sizes alone, before anything compiles."""

import os
import pathlib
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn import checks
from jaxnn.data import Dataset
from jaxnn.train import program
from jaxnn.train.run import Run, float_dtype

How = Literal["auto", "map", "vmap", "data"]

MAX_LANES = {"map": 16, "vmap": 64, "data": 16}  # on each device, in one call
MAX_ORDER_BYTES = 2**26  # of the orders of the examples, in one call
MIN_CHUNKS = 10  # a run comes back to report its progress at least so often
USABLE = 0.8  # of the memory that is free


class Bytes(NamedTuple):
    """What a run needs: the data once, a lane's own part, and what it works with while it runs."""

    data: int
    lane: int  # params, state of the layers and of the optimizer, taken in and given back
    order: int  # of one lane and epoch
    work: int  # activations and gradients of a batch, or of an evaluation


class Layout(NamedTuple):
    """How the lanes of one structure are run.

    Attributes:
      how: "map" one after another on each device, "vmap" all of a device at once, "data" one after
        another with each batch spread over all devices.
      devices: those in use.
      size: how many lanes one call takes.
      span: how many epochs one call runs.
      need: the memory of one lane.
      memory: bytes in use at once on the host, or on each accelerator.
      limit: bytes that are free there; None where the device does not say.
    """

    how: str
    devices: tuple[jax.Device, ...]
    size: int
    span: int
    need: Bytes
    memory: int
    limit: int | None

    def __str__(self) -> str:
        return f"{self.how} on {len(self.devices)} {self.devices[0].platform} device(s)"


def layout(
    run: Run, dataset: Dataset, num_lanes: int, order_shape: tuple[int, int], *,
    how: How = "auto", num_devices: int | None = None,
) -> Layout:  # fmt: skip
    """Chooses how lanes of one structure run.

    On a CPU one lane after another on each device was measured to be the fastest; elsewhere lanes
    are vectorised. One run alone takes one device, unless it is told to spread its batches.

    Args:
      run: the set-up's answer for one of them.
      dataset: what they are trained on.
      num_lanes: how many there are.
      order_shape: (batches, batch_size), or (1, 0) for the whole set.
      how: "map", "vmap" or "data"; "auto" chooses.
      num_devices: how many of the devices are used; None for all.

    Raises:
      ValueError: there are not so many devices, a batch cannot be spread over them, or one lane
        alone needs more memory than there is.
    """
    devices = _devices(how, num_devices)
    if how == "auto":
        how = "map" if devices[0].platform == "cpu" else "vmap"
    if how == "data":
        batch = run.batch_size or order_shape[1] or len(dataset.train.inputs)
        if batch % len(devices):
            raise ValueError(
                f"a batch of {batch} cannot be spread evenly over {len(devices)} devices: take a"
                " batch size that they divide"
            )
    elif num_lanes == 1:
        devices = devices[:1]
    need = _need(run, dataset, order_shape)
    limit = free_memory(devices[0])
    each = _lanes_per_device(num_lanes, 1 if how == "data" else len(devices), how)
    span = _epochs_at_once(run.epochs, each * len(devices) * need.order)
    while (memory := _memory(need, how, devices, each, span)) > (limit or memory):
        if span > 1:
            span = (span + 1) // 2
        elif each > 1:
            each = (each + 1) // 2
        else:
            raise ValueError(
                f"one run needs about {memory / 1e9:.1f} GB, but {(limit or 0) / 1e9:.1f} GB are"
                " free: take a smaller batch or network, or fewer examples"
            )
    size = each * (1 if how == "data" else len(devices))
    return Layout(how, tuple(devices), size, span, need, memory, limit)


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


def _devices(how: str, num_devices: int | None) -> list[jax.Device]:
    if how not in ("auto", "map", "vmap", "data"):
        raise ValueError(f'lanes must be "auto", "map", "vmap" or "data", got {how!r}')
    devices = jax.devices() if how == "data" else jax.local_devices()
    if num_devices is None:
        return devices
    checks.positive_int("num_devices", num_devices)
    if num_devices > len(devices):
        raise ValueError(
            f"num_devices={num_devices}, but JAX has {len(devices)} ({devices[0].platform}): on a"
            f' CPU call jax.config.update("jax_num_cpu_devices", {num_devices}) before its first'
            " use"
        )
    return devices[:num_devices]


def _need(run: Run, dataset: Dataset, order_shape: tuple[int, int]) -> Bytes:
    inputs = dataset.train.inputs
    carry = program.carry_shapes(run, inputs.shape[1:])
    batch = run.batch_size or order_shape[1] or len(inputs)
    x = jax.ShapeDtypeStruct((batch, *inputs.shape[1:]), float_dtype())
    forward = jax.eval_shape(
        lambda params, state, x, key: run.network.forward(params, state, x, key, True),
        carry.params, carry.state, x, jax.eval_shape(lambda: jax.random.key(0)),
    )  # fmt: skip
    saved = _num_bytes(forward)
    test_set = saved // batch * len(dataset.test.inputs if dataset.test else ())
    return Bytes(
        data=program.num_bytes(jax.tree.map(np.asarray, program.arrays_of(dataset))),
        lane=2 * _num_bytes(carry),
        order=4 * order_shape[0] * order_shape[1],
        work=2 * saved + _num_bytes(carry.params) + min(program.EVALUATION_BYTES, test_set),
    )


def _num_bytes(tree: Any) -> int:
    plain = [x for x in jax.tree.leaves(tree) if not jnp.issubdtype(x.dtype, jax.dtypes.prng_key)]
    return program.num_bytes(plain)


def _memory(need: Bytes, how: str, devices: list[jax.Device], each: int, span: int) -> int:
    """On the host all devices share the memory; accelerators have their own."""
    own = need.data + each * (need.lane + span * need.order)
    own += need.work * (each if how == "vmap" else 1)
    return own * (len(devices) if devices[0].platform == "cpu" else 1)


def _lanes_per_device(num_lanes: int, num_devices: int, how: str) -> int:
    """How many lanes a device takes in one call.

    Room that is not used costs nothing under "map": one size serves any number, and one more lane
    needs no other program. Under "vmap" it costs time, so there the size grows in steps.
    """
    if num_lanes == 1:
        return 1
    each = -(-num_lanes // num_devices)
    return min(MAX_LANES[how], 1 << (each - 1).bit_length()) if how == "vmap" else MAX_LANES[how]


def _epochs_at_once(epochs: int, order_bytes: int) -> int:
    for_progress = -(-epochs // MIN_CHUNKS)
    return max(1, min(for_progress, MAX_ORDER_BYTES // max(order_bytes, 1)))
