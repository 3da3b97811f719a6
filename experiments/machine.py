"""What a command line asks of the machine, before JAX's first computation."""

import os

import jax


def use_every_core() -> None:
    """One JAX device per core, so that the lanes of a sweep run on all of them.

    Must come before JAX's first computation. Results do not depend on it.
    """
    has_affinity = hasattr(os, "sched_getaffinity")  # the cores that we may use; not on macOS
    cores = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    jax.config.update("jax_num_cpu_devices", cores)
