"""How the programs of runs are compiled: once for what they compute, whoever asks for it.

What runs long is compiled well, and what runs once quickly, whatever a process does with its other
programs.
"""

import collections
import functools
import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax

from jaxnn.layers import fast_convolve
from jaxnn.private_jax import FOR_CONVOLUTIONS, ONCE, WITHOUT_CONVOLUTIONS, accepted, as_function
from jaxnn.train.program import canonical

MOST = 128  # programs that are kept: each is some hundred kB, and two are one structure of a sweep


class Traced:
    """What a function computes now, of arguments of these shapes: traced, but not compiled.

    It is traced anew each time, whoever has traced it before: what it reads from outside, such as a
    global, a patched rule or the weights of a module, is what it is at this moment.

    Args:
      function: of pytrees of arrays.
      args: its arguments, or their shapes and dtypes.
    """

    def __init__(self, function: Callable, *args: Any):
        fresh = functools.wraps(function)(lambda *args: function(*args))
        self.program, self._out = jax.make_jaxpr(fresh, return_shape=True)(*args)
        self._name = getattr(getattr(function, "func", function), "__name__", "program")
        self._leaves = [jax.tree.leaves(arg) for arg in args]

    def compiled(
        self, shardings: Sequence[Any], *, constants: Any, results: Any = None,
        donate: bool = False, once: bool = False,
    ) -> Callable:  # fmt: skip
        """The program, ready to run; compiled if none that computes the same is at hand.

        Args:
          shardings: where each argument lies, with all of its leaves.
          constants: where the arrays lie that the function has read from outside. They are
            arguments of the compiled program, so that other values do not compile another one.
          results: where the results lie; None leaves it to XLA.
          donate: whether the memory of the first argument is used for the results.
          once: whether the program is to run once, and so to be compiled quickly.
        """
        places = [[place] * len(leaves) for place, leaves in zip(shardings, self._leaves)]  # noqa: B905
        num_constants = len(self.program.consts)
        first = range(num_constants, num_constants + len(self._leaves[0]) * donate)
        settings: dict[str, Any] = {"donate_argnums": tuple(first)}
        if results is not None:
            settings["out_shardings"] = results
        (device, *_) = constants.device_set
        if device.platform == "cpu":
            settings["compiler_options"] = accepted(_options(self.program.jaxpr, once))
        flat = [*[constants] * num_constants, *itertools.chain(*places)]
        key = (
            canonical.form_of(self.program), tuple(flat), results, tuple(first),
            repr(settings.get("compiler_options")), repr(jax.config.values),
        )  # fmt: skip
        executable = kept.get(key, lambda: self._compile(flat, settings))
        placed = jax.device_put(self.program.consts, constants)
        structure = jax.tree.structure(self._out)

        def run(*args):
            return jax.tree.unflatten(structure, executable(*placed, *jax.tree.leaves(args)))

        return run

    def _compile(self, places: list[Any], settings: dict[str, Any]) -> Callable:
        jaxpr = self.program.jaxpr

        def flat(*leaves):
            constants, args = leaves[: len(jaxpr.constvars)], leaves[len(jaxpr.constvars) :]
            return as_function(jaxpr, constants)(*args)

        flat.__name__ = self._name
        leaves = [
            jax.ShapeDtypeStruct(v.aval.shape, v.aval.dtype, sharding=place)
            for v, place in zip([*jaxpr.constvars, *jaxpr.invars], places, strict=True)
        ]
        return jax.jit(flat, **settings).lower(*leaves).compile()


def _options(jaxpr: Any, once: bool) -> dict[str, Any]:
    if once:
        return ONCE
    return FOR_CONVOLUTIONS if has_convolutions(jaxpr) else WITHOUT_CONVOLUTIONS


class Kept:
    """The newest compiled programs, by what they compute; of a set-up they hold nothing.

    Attributes:
      made: how many were compiled so far.
    """

    def __init__(self, most: int):
        self.made = 0
        self._most = most
        self._lock = threading.Lock()
        self._programs: collections.OrderedDict[Any, _Place] = collections.OrderedDict()

    def get(self, key: Any, make: Callable[[], Callable]) -> Callable:
        """The program of this key; the first who asks makes it, and others wait for it."""
        with self._lock:
            place = self._programs.setdefault(key, _Place())
            self._programs.move_to_end(key)
            if len(self._programs) > self._most:
                self._programs.popitem(last=False)
        with place.lock:
            if place.program is None:
                place.program = make()
                self.made += 1
        return place.program

    def __len__(self) -> int:
        return len(self._programs)


class _Place:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.program: Callable | None = None


kept = Kept(MOST)


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
