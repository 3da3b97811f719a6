"""How the programs of runs are compiled: on CPUs by whether they have convolutions.

What runs long is compiled well, and what runs once quickly, whatever a process does with its other
programs.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax

from jaxnn.layers import fast_convolve

# XLA's newer library of CPU kernels runs convolutions at half the speed of the older one.
# docs/convolutions.md has the measurement.
FOR_CONVOLUTIONS = {
    "xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_REDUCE",
    "xla_cpu_use_fusion_emitters": True,
    "xla_backend_optimization_level": 3,
}

# LLVM's last level of optimisation took a quarter of the time to compile, and brought nothing to
# the Dense networks of W1 and W2; of convolutional ones it was not measured.
WITHOUT_CONVOLUTIONS = {"xla_cpu_use_fusion_emitters": True, "xla_backend_optimization_level": 2}

# What runs once, and is of threefry: its rounds take LLVM's last level as long as all else that a
# small network does. At this level the bits are the same, in a third of the time. (At level 0 they
# are not: there are no fused multiplications and additions.)
ONCE = {"xla_cpu_use_fusion_emitters": False, "xla_backend_optimization_level": 2}


class Jitted:
    """`jax.jit`, with the options for CPUs, by whether there are convolutions in the function."""

    def __init__(self, function: Callable, **settings: Any):
        self._with_options = functools.partial(jax.jit, function, **settings)
        self._chosen: Callable | None = None

    def __call__(self, *args: Any) -> Any:
        """The function's results."""
        if self._chosen is None:
            self._chosen = self._choose(args)
        return self._chosen(*args)

    def _choose(self, args: tuple) -> Callable:
        if jax.default_backend() != "cpu":
            return self._with_options()
        plain = self._with_options(compiler_options=accepted(WITHOUT_CONVOLUTIONS))
        if not has_convolutions(plain.trace(*args).jaxpr.jaxpr):
            return plain
        return self._with_options(compiler_options=accepted(FOR_CONVOLUTIONS))


def has_convolutions(jaxpr: Any) -> bool:
    """Whether one is anywhere in the program."""
    return any(
        equation.primitive.name in ("conv_general_dilated", *fast_convolve.NAMES)
        or any(has_convolutions(inner) for inner in _inner(equation))
        for equation in jaxpr.eqns
    )


def _inner(equation: Any) -> Iterator[Any]:
    for leaf in jax.tree.leaves(
        list(equation.params.values()), is_leaf=lambda leaf: hasattr(leaf, "eqns")
    ):
        inner = getattr(leaf, "jaxpr", leaf)
        if hasattr(inner, "eqns"):
            yield inner


def accepted(options: Mapping[str, Any]) -> dict[str, Any]:
    """Those that this XLA knows: their names are no promise of its makers."""
    items = tuple(options.items())
    return dict(items if _are_known(items) else (item for item in items if _are_known((item,))))


@functools.cache
def _are_known(items: tuple[tuple[str, Any], ...]) -> bool:
    try:
        jax.jit(lambda: 0, compiler_options=dict(items)).lower().compile()
    except jax.errors.JaxRuntimeError:
        return False
    return True
