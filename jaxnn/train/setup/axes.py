"""The hyperparameters of a sweep: which are axes, which are traced, which split into programs."""

import difflib
import functools
import inspect
import itertools
import math
import typing
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from jaxnn import checks
from jaxnn.train.setup.designs import Trials

LEARNING_RATES = ("learning_rate", "lr", "eta", "step_size")  # names of which the range is known
TRIAL = "trial"  # the axis of a design


class DataSettings(NamedTuple):
    """What a run does with the data; every run has these, and no set-up declares them.

    Attributes:
      seed: draws the initial params, the order of the examples and all noise.
      fold: which fold is held out for validation, of the `folds` of the run.
      train_size: how many of the training examples are used; None for all.
      label_noise: the share of training labels that another class replaces; None for none.
    """

    seed: int = 0
    fold: int | None = None
    train_size: int | None = None
    label_noise: float | None = None


class Lane(NamedTuple):
    """One run of a sweep."""

    number: int  # among the lanes of the sweep
    position: tuple[int, ...]  # along the axes
    static: tuple[tuple[str, Any], ...]  # ints, bools, strings, tuples: the structure
    traced: dict[str, float]
    settings: DataSettings

    def with_structure(self, names: Iterable[str]) -> "Lane":
        """The same, with some of its floats as structure."""
        moved = [(name, self.traced[name]) for name in names]
        traced = {name: value for name, value in self.traced.items() if name not in names}
        return self._replace(static=(*self.static, *moved), traced=traced)


class Grid:
    """Every combination of the values of some axes, with the other hyperparameters held fixed.

    A list, a range or a NumPy array is an axis; everything else, a tuple too, is one value. A
    design's trials are one axis more, before the others.

    Attributes:
      axes: name -> list of values, in the order of the call; `seed` is among them or fixed.
      fixed: name -> value.
      trials: name -> list of values along the axis "trial"; empty without a design.

    Raises:
      TypeError: a hyperparameter that the set-up does not have, one that is missing, or a value
        of a kind that cannot be one.
      ValueError: an empty axis, mixed kinds or duplicates on an axis, a value outside its range, or
        a name that is given twice.
    """

    def __init__(
        self,
        setup: Callable,
        hyperparameters: dict[str, Any],
        design: Trials | None = None,
    ):
        if not callable(setup):
            raise TypeError(f"the set-up must be a function of its hyperparameters, got {setup!r}")
        if not isinstance(design, Trials | None):
            raise TypeError(
                f"a design is made by train.zipped or train.random, got {design!r}"
                " (hyperparameters are given by name)"
            )
        in_trials = dict(design.values) if design is not None else {}
        twice = in_trials.keys() & hyperparameters.keys()
        if twice:
            raise ValueError(f"{min(twice)} is given twice: in the design, and beside it")
        _check_signature(setup, [*in_trials, *hyperparameters])
        floats = _floats(setup)
        self.trials = {
            name: _checked_axis(name, values, as_float=name in floats, can_repeat=True)
            for name, values in in_trials.items()
        }
        self.axes: dict[str, list] = {}
        if design is not None:
            self.axes[TRIAL] = list(range(design.size))
        self.fixed: dict[str, Any] = {}
        self._units = _units(setup)
        default = {} if "seed" in {**in_trials, **hyperparameters} else {"seed": 0}
        for name, value in {**hyperparameters, **default}.items():
            if isinstance(value, list | range | np.ndarray):
                self.axes[name] = _checked_axis(name, value, as_float=name in floats)
            else:
                self.fixed[name] = _checked_value(name, value, as_float=name in floats)

    @property
    def names(self) -> set[str]:
        """All hyperparameters, the seed among them."""
        return {*self.axes, *self.fixed, *self.trials}

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of values along each axis."""
        return tuple(len(values) for values in self.axes.values())

    def lanes(self) -> Iterator[Lane]:
        """Every run, with the last axis moving fastest."""
        positions = itertools.product(*(range(length) for length in self.shape))
        for number, position in enumerate(positions):
            chosen = {
                name: values[i]
                for (name, values), i in zip(self.axes.items(), position, strict=True)
            }
            if TRIAL in chosen:
                trial = chosen.pop(TRIAL)
                chosen |= {name: values[trial] for name, values in self.trials.items()}
            values = {**self.fixed, **chosen}
            of_data = {name: values.pop(name) for name in DataSettings._fields if name in values}
            traced = {name: v for name, v in sorted(values.items()) if isinstance(v, float)}
            static = {name: v for name, v in sorted(values.items()) if not isinstance(v, float)}
            yield Lane(number, position, tuple(static.items()), traced, DataSettings(**of_data))

    def coords(self) -> dict[str, Any]:
        """The coordinates of a result: axes, trials along theirs, fixed values; with units."""

        def with_unit(name, dims, values):
            return dims, values, {"units": self._units[name]} if name in self._units else {}

        coords = {name: with_unit(name, name, _labels(v)) for name, v in self.axes.items()}
        coords |= {name: with_unit(name, TRIAL, _labels(v)) for name, v in self.trials.items()}
        return coords | {
            name: with_unit(name, (), _labels([value])[0]) for name, value in self.fixed.items()
        }


def name_of(setup: Callable) -> str:
    """The set-up in a word, the same in every process; an object has the name of its class."""
    if isinstance(setup, functools.partial):
        return name_of(setup.func)
    return getattr(setup, "__name__", type(setup).__name__)


def _labels(values: list) -> list:
    return [str(v) if isinstance(v, tuple | bool | None) else v for v in values]


def _floats(setup: Callable) -> set[str]:
    """The hyperparameters that their default or annotation calls floats: 0 then means 0.0."""
    parameters = inspect.signature(setup, eval_str=True).parameters.values()
    return {*LEARNING_RATES, "label_noise"} | {
        p.name
        for p in parameters
        if isinstance(p.default, float) or _without_unit(p.annotation) is float
    }


def _without_unit(annotation: Any) -> Any:
    is_annotated = typing.get_origin(annotation) is typing.Annotated
    return typing.get_args(annotation)[0] if is_annotated else annotation


def _units(setup: Callable) -> dict[str, str]:
    """The text in `Annotated[float, "1/s"]` is the unit of a hyperparameter."""
    parameters = inspect.signature(setup, eval_str=True).parameters.values()
    return {
        p.name: notes[0]
        for p in parameters
        if (notes := [n for n in typing.get_args(p.annotation)[1:] if isinstance(n, str)])
        and typing.get_origin(p.annotation) is typing.Annotated
    }


def _checked_axis(name: str, values: Iterable, *, as_float: bool, can_repeat: bool = False) -> list:
    values = [_checked_value(name, value, as_float=as_float) for value in values]
    if not values:
        raise ValueError(f"the axis {name} is empty: give it at least one value")
    if any(isinstance(v, float) for v in values) and all(type(v) in (int, float) for v in values):
        values = [float(v) for v in values]  # [0, 1e-4] means [0.0, 1e-4]
    kinds = {type(value).__name__ for value in values if value is not None}
    if len(kinds) > 1:
        raise ValueError(f"the axis {name} mixes values of the kinds {', '.join(sorted(kinds))}")
    repeated = [value for i, value in enumerate(values) if value in values[:i]]
    if repeated and not can_repeat:
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
    if name in DataSettings._fields:
        _check_setting(name, value)
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


def _check_setting(name: str, value: Any) -> None:
    if name == "label_noise":
        return checks.probability(name, value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int, got {value!r}")
    if name == "seed" and not 0 <= value < 2**32:
        raise ValueError(f"seed must be in [0, 2**32), got {value}")
    if name == "fold" and value < 0:
        raise ValueError(f"fold must be at least 0, got {value}")
    if name == "train_size":
        checks.positive_int(name, value)
    return None


def _is_hyperparameter(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(_is_hyperparameter(item) for item in value)
    return isinstance(value, float | int | str | None)


def _check_signature(setup: Callable, names: list[str]) -> None:
    parameters = inspect.signature(setup).parameters
    for name in (*DataSettings._fields, TRIAL):
        if name in parameters:
            raise TypeError(
                f"{name_of(setup)} takes {name} as a hyperparameter, but that name is the run's"
                " own: every run can be given a seed, a fold, a train_size and a label_noise"
            )
    names = [name for name in names if name not in DataSettings._fields]
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
