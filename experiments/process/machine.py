"""What a command line asks of the machine, before any work."""

import os
import pathlib
import tempfile
from collections.abc import Sequence

import jax

from jaxnn import private_jax


class FolderError(OSError):
    """Results cannot be written where they should be."""


class DeviceError(RuntimeError):
    """JAX does not find the device that is asked for."""


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


def make_deterministic() -> None:
    """Has a GPU add in one order, and multiply in float32; before JAX's first computation."""
    flags = os.environ.get("XLA_FLAGS", "").split()
    os.environ["XLA_FLAGS"] = " ".join(dict.fromkeys([*flags, private_jax.DETERMINISTIC_GPU]))
    jax.config.update("jax_default_matmul_precision", "highest")


def use_device(kind: str | None) -> None:
    """Starts JAX on this kind of device, "cpu", "gpu" or "tpu"; on the best that it finds for None.

    Raises:
      DeviceError: there is none.
    """
    if kind == "cpu":
        jax.config.update("jax_platforms", "cpu")  # leaves an accelerator to others
    try:
        found = jax.default_backend()
    except RuntimeError as error:  # JAX_PLATFORMS asks for it
        raise DeviceError(f"JAX cannot start: {error}; {_INSTALL}") from error
    if kind not in (None, found):
        raise DeviceError(f"there is no {kind} here, JAX finds a {found}; {_INSTALL}")


_INSTALL = (
    "a GPU needs `pip install jax[cuda13]`, a TPU `pip install jax[tpu]`, see docs/accelerators.md"
)


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
