"""How XLA compiles the programs that do not say it themselves; by the standard library alone."""

import importlib.util
import os
import pathlib
import runpy

_PRIVATE_JAX = pathlib.Path(__file__).parents[2] / "jaxnn" / "private_jax.py"


def compile_quickly() -> None:
    """Has XLA spend less on each of them; before JAX starts.

    On a CPU, a quick experiment spends more on compiling hundreds of programs of an operation or
    two than on running them. This takes about half of that, and changes results by rounding at
    most: at level 0 no multiplication and addition are fused. The programs of `jaxnn.train` say how
    they are compiled. What the user has set in XLA_FLAGS stays. Since a flag that XLA does not know
    ends the process, versions later than those that were tried do without, and so does JAX where it
    has accelerators, which would heed one of them as well.
    """
    has_accelerators = any(importlib.util.find_spec(name) for name in ("jax_plugins", "libtpu"))
    given = os.environ.get("XLA_FLAGS", "").split()
    names_a_file = bool(given) and not given[0].startswith("-")
    if has_accelerators or names_a_file:
        return
    quick = runpy.run_path(str(_PRIVATE_JAX))["quick_flags"]()  # the package would import JAX
    names = {flag.partition("=")[0] for flag in given}
    own = [flag for flag in quick if flag.partition("=")[0] not in names]
    if own:
        os.environ["XLA_FLAGS"] = " ".join([*given, *own])
