"""How XLA compiles the programs that do not say it themselves; by the standard library alone."""

import importlib.metadata
import importlib.util
import os

_LAST_TRIED = (0, 10)
_QUICK = ("--xla_backend_optimization_level=0", "--xla_cpu_use_fusion_emitters=false")


def compile_quickly() -> None:
    """Has XLA spend less on each of them; before JAX starts.

    On a CPU, a quick experiment spends more on compiling hundreds of programs of an operation or
    two than on running them. This takes more than half of that, and changes results by rounding at
    most: at level 0 no multiplication and addition are fused. The programs of `jaxnn.train` say how
    they are compiled. What the user has set in XLA_FLAGS stays. Since a flag that XLA does not know
    ends the process, versions later than those that were tried do without, and so does JAX where it
    has accelerators, which would heed one of them as well.
    """
    release = tuple(int(number) for number in importlib.metadata.version("jaxlib").split(".")[:2])
    has_accelerators = any(importlib.util.find_spec(name) for name in ("jax_plugins", "libtpu"))
    given = os.environ.get("XLA_FLAGS", "").split()
    names_a_file = bool(given) and not given[0].startswith("-")
    if release > _LAST_TRIED or has_accelerators or names_a_file:
        return
    names = {flag.partition("=")[0] for flag in given}
    own = [flag for flag in _QUICK if flag.partition("=")[0] not in names]
    os.environ["XLA_FLAGS"] = " ".join([*given, *own])
