"""How the programs of runs are compiled: on CPUs by whether they have convolutions.

What runs long is compiled well, and what runs once quickly, whatever a process does with its other
programs.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax

from jaxnn.private_jax import FOR_CONVOLUTIONS, WITHOUT_CONVOLUTIONS, accepted


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
