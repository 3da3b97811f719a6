"""What a command line asks of the machine, before JAX's first computation."""

import os
import pathlib
import tempfile
from collections.abc import Sequence

import jax


class FolderError(OSError):
    """Results cannot be written where they should be."""


def use_every_core() -> None:
    """One JAX device per core, so that the lanes of a sweep run on all of them.

    Must come before JAX's first computation. Results do not depend on it. A number of CPU devices
    that the environment asks for (JAX_NUM_CPU_DEVICES, XLA_FLAGS) wins.
    """
    simulated = "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", "")
    if simulated or "JAX_NUM_CPU_DEVICES" in os.environ:
        return
    has_affinity = hasattr(os, "sched_getaffinity")  # the cores that we may use; not on macOS
    cores = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    jax.config.update("jax_num_cpu_devices", cores)


def join_processes(processes: Sequence[str] | None) -> None:
    """Makes this process one of those that share the work; before JAX's first computation.

    Args:
      processes: (host:port of process 0, their number, the index of this one), ("auto",) where the
        cluster knows, or None for a process alone.
    """
    if processes is None:
        return
    if len(processes) == 1:
        jax.distributed.initialize()
    else:
        address, count, index = processes
        jax.distributed.initialize(address, int(count), int(index))


def check_writable(folder: pathlib.Path, flag: str) -> None:
    """Finds out before any work, and leaves no trace but the folder; FolderError names the flag."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise FolderError(
            f"cannot write to {folder}: {error.strerror}; choose another {flag}"
        ) from error
