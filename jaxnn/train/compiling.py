"""How the programs of runs are compiled: those with convolutions have an option of their own."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax

# XLA's newer library of CPU kernels runs convolutions at half the speed of the older one.
# docs/convolutions.md has the measurement. The name is experimental: a version of XLA that no
# longer knows it does without.
FOR_CONVOLUTIONS = {"xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_REDUCE"}


class Jitted:
    """`jax.jit`, with the option for convolutions where the function has any and CPUs run it.

    What has none is compiled as `jax.jit` does it, to the bit.
    """

    def __init__(self, function: Callable, **settings: Any):
        self._plain = jax.jit(function, **settings)
        self._with_option = functools.partial(
            jax.jit, function, **settings, compiler_options=FOR_CONVOLUTIONS
        )
        self._chosen: Callable | None = None

    def __call__(self, *args: Any) -> Any:
        """The function's results."""
        if self._chosen is None:
            is_wanted = jax.default_backend() == "cpu" and has_convolutions(
                self._plain.trace(*args).jaxpr.jaxpr
            )
            self._chosen = self._with_option() if is_wanted and is_accepted() else self._plain
        return self._chosen(*args)


def has_convolutions(jaxpr: Any) -> bool:
    """Whether one is anywhere in the program."""
    return any(
        equation.primitive.name == "conv_general_dilated"
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


@functools.cache
def is_accepted() -> bool:
    """Whether this XLA knows the option."""
    try:
        jax.jit(lambda: 0, compiler_options=FOR_CONVOLUTIONS)()
    except jax.errors.JaxRuntimeError:
        return False
    return True
