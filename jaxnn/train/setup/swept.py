"""Where Python asks for the value of a swept float, which it has in the program only."""

import contextlib
import pathlib
import re
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import jax

ASKED = jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError


def asked_by_optax(
    setup: Callable, static: Mapping[str, Any], traced: Mapping[str, float]
) -> list[str]:
    """The floats of which optax asks in Python, as its schedules do: each value is a structure.

    `jaxnn.schedules` has the same schedules for one program.
    """
    if not traced or not _asks(setup, static, {}, traced):
        return []
    return [
        name
        for name, value in traced.items()
        if _asks(setup, static, {n: v for n, v in traced.items() if n != name}, {name: value})
    ]


def _asks(setup, static, fixed, traced) -> bool:
    """Whether optax does, where these are traced."""

    def make(traced):
        setup(**static, **fixed, **traced)

    shapes = {name: jax.ShapeDtypeStruct((), jax.numpy.result_type(float)) for name in traced}
    try:
        jax.eval_shape(make, shapes)
    except ASKED as error:
        return "optax" in pathlib.Path(_asker(error).filename).parts
    except Exception:  # what else is wrong shows where it is called with its values
        return False
    return False


@contextlib.contextmanager
def said(setup: str, names: Iterable[str]) -> Iterator[None]:
    """What is in it sees the floats of a set-up as traced values.

    Raises:
      TypeError: in place of JAX's error where one of them decides a Python `if`, or is made a
        number or an array of NumPy; it says which.
    """
    try:
        yield
    except ASKED as error:
        names, where = sorted(names), _asker(error)
        found = [name for name in names if f"['{name}']" in str(error)]
        in_line = [name for name in names if re.search(rf"\b{name}\b", where.line or "")]
        which = " and ".join(found) or f"a traced number ({', '.join(in_line or names)})"
        raise TypeError(
            f"{setup} needs the value of {which} in Python, in {where.name}, line"
            f" {where.lineno}: {where.line}; but a float is traced, so that one program serves all"
            " its values: decide by jnp.where there, or give it as a tuple, of which each value"
            " makes a program"
        ) from error


def _asker(error: Exception) -> traceback.FrameSummary:
    """The line that asked: the last one outside of JAX."""
    of_jax = str(pathlib.Path(jax.__file__).parent)
    frames = traceback.extract_tb(error.__traceback__)
    return [frame for frame in frames if not frame.filename.startswith(of_jax)][-1]
