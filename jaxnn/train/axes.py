"""The hyperparameters of a sweep: which are axes, which are traced, which split into programs."""

import difflib
import inspect
import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from jaxnn import checks

LEARNING_RATES = ("learning_rate", "lr", "eta", "step_size")  # names of which the range is known


class Lane(NamedTuple):
    """One run of a sweep."""

    position: tuple[int, ...]  # along the axes
    static: tuple[tuple[str, Any], ...]  # ints, bools, strings, tuples: the structure
    traced: dict[str, float]
    seed: int


class Grid:
    """Every combination of the values of some axes, with the other hyperparameters held fixed.

    A list, a range or a NumPy array is an axis; everything else, a tuple too, is one value.

    Attributes:
      axes: name -> list of values, in the order of the call; `seed` is among them or fixed.
      fixed: name -> value.

    Raises:
      TypeError: a hyperparameter that the set-up does not have, one that is missing, or a value
        of a kind that cannot be one.
      ValueError: an empty axis, mixed kinds or duplicates on an axis, a seed outside [0, 2^32), or
        a learning rate that is negative or not finite.
    """

    def __init__(self, setup: Callable, hyperparameters: dict[str, Any]):
        if not callable(setup):
            raise TypeError(f"the set-up must be a function of its hyperparameters, got {setup!r}")
        _check_signature(setup, [name for name in hyperparameters if name != "seed"])
        floats = _floats(setup)
        self.axes: dict[str, list] = {}
        self.fixed: dict[str, Any] = {}
        for name, value in {**hyperparameters, "seed": hyperparameters.get("seed", 0)}.items():
            if isinstance(value, list | range | np.ndarray):
                self.axes[name] = _checked_axis(name, value, as_float=name in floats)
            else:
                self.fixed[name] = _checked_value(name, value, as_float=name in floats)

    @property
    def names(self) -> set[str]:
        """All hyperparameters, the seed among them."""
        return {*self.axes, *self.fixed}

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of values along each axis."""
        return tuple(len(values) for values in self.axes.values())

    def lanes(self) -> Iterator[Lane]:
        """Every run, with the last axis moving fastest."""
        for position in itertools.product(*(range(length) for length in self.shape)):
            chosen = {
                name: values[i]
                for (name, values), i in zip(self.axes.items(), position, strict=True)
            }
            values = {**self.fixed, **chosen}
            seed = values.pop("seed")
            traced = {name: v for name, v in sorted(values.items()) if isinstance(v, float)}
            static = {name: v for name, v in sorted(values.items()) if not isinstance(v, float)}
            yield Lane(position, tuple(static.items()), traced, seed)


def name_of(setup: Callable) -> str:
    """The set-up in words; a partial or an object has no name of its own."""
    return getattr(setup, "__name__", repr(setup))


def _floats(setup: Callable) -> set[str]:
    """The hyperparameters that their default or annotation calls floats: 0 then means 0.0."""
    parameters = inspect.signature(setup, eval_str=True).parameters.values()
    return set(LEARNING_RATES) | {
        p.name for p in parameters if isinstance(p.default, float) or p.annotation is float
    }


def _checked_axis(name: str, values: Iterable, *, as_float: bool) -> list:
    values = [_checked_value(name, value, as_float=as_float) for value in values]
    if not values:
        raise ValueError(f"the axis {name} is empty: give it at least one value")
    if any(isinstance(v, float) for v in values) and all(type(v) in (int, float) for v in values):
        values = [float(v) for v in values]  # [0, 1e-4] means [0.0, 1e-4]
    kinds = {type(value).__name__ for value in values if value is not None}
    if len(kinds) > 1:
        raise ValueError(f"the axis {name} mixes values of the kinds {', '.join(sorted(kinds))}")
    repeated = [value for i, value in enumerate(values) if value in values[:i]]
    if repeated:
        raise ValueError(f"the axis {name} holds {repeated[0]!r} more than once")
    return values


def _checked_value(name: str, value: Any, *, as_float: bool) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if name in LEARNING_RATES:
        if isinstance(value, tuple):
            raise TypeError(
                f"{name}={value} is a tuple, which is one value: give a list to sweep it"
            )
        checks.nonnegative(name, value)
    if name == "seed":
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"seed must be an int, got {value!r}")
        if not 0 <= value < 2**32:
            raise ValueError(f"seed must be in [0, 2**32), got {value}")
    if as_float and type(value) is int:
        value = float(value)
    if not _is_hyperparameter(value):
        raise TypeError(
            f"{name}={value!r} cannot be a hyperparameter: give a float, an int, a bool, a string,"
            " a tuple of these or None (and a list of such values to sweep it)"
        )
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{name} must be finite, got {value}")
    return value


def _is_hyperparameter(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(_is_hyperparameter(item) for item in value)
    return isinstance(value, float | int | str | None)


def _check_signature(setup: Callable, names: list[str]) -> None:
    parameters = inspect.signature(setup).parameters
    if "seed" in parameters:
        raise TypeError(
            f"{name_of(setup)} takes seed as a hyperparameter, but the seed is the run's own:"
            " it draws the initial params and the order of the examples"
        )
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        return
    known = [str(p) for p in parameters.values()]
    for name in names:
        if name not in parameters:
            near = difflib.get_close_matches(name, parameters, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise TypeError(
                f"{name_of(setup)} has no hyperparameter {name!r}; it has"
                f" {', '.join(known) or 'none'}.{hint}"
            )
    missing = [p.name for p in parameters.values() if p.default is p.empty and p.name not in names]
    if missing:
        raise TypeError(f"{name_of(setup)} needs a value for {', '.join(missing)}")
