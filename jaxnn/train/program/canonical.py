"""What a traced program computes, in a form that two of them can be compared by.

Printed jaxprs hide what functions do and what arrays hold. Here equations are walked, and every
program inside them; variables are numbered, arrays read, and names left out.
"""

import enum
import functools
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxnn.private_jax import ClosedJaxpr, Jaxpr, Literal

# Functions and names in equations whose program stands beside them, as traced: the rules of a
# derivative are read while one is traced, and a whole program has none left to take.
NOT_COMPUTED = {
    "jit": {"name"},
    "custom_jvp_call": {"jvp_jaxpr_fun"},
    "custom_vjp_call": {"fwd_jaxpr_thunk", "bwd", "out_trees"},
    "custom_vjp_call_jaxpr": {"fwd_jaxpr_thunk", "bwd", "out_trees"},
    "custom_vmap_call": {"rule", "in_tree", "out_tree"},
    "checkpoint": {"policy"},
    "reduce": {"computation"},
}


# of an equation, beside its settings
SURROUNDINGS = ("compute_type", "threefry_partitionable", "xla_metadata")

_PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes})


class Form(NamedTuple):
    """Equal for programs that compute the same of their arguments and constants.

    Attributes:
      digest: SHA-256 of all that can be written down; the same in every process.
      others: what cannot, such as a function that runs on the host: equal where it is the same.
    """

    digest: str
    others: tuple


def form_of(program: Any) -> Form:
    """The form of a `ClosedJaxpr`, its constants taken as arguments: their values do not count."""
    writer = _Writer()
    digest = writer.program(program.jaxpr)
    return Form(digest, tuple(writer.others))


def digest_of(program: Any) -> str:
    """The form in one word, with the values of the constants; the same in every process.

    Of functions that run on the host it holds the names alone.
    """
    form = form_of(program)
    names = [_name(other) for other in form.others]
    values = map(_array, program.consts)
    return _sha256([form.digest, *names, *values])


class _Same:
    """An object that is equal to itself alone; it is held, so that no other takes its place."""

    def __init__(self, held: Any):
        self._held = held


class _Writer:
    """Writes programs down, each of them once.

    A refit waits for it: the kinds of values are told apart by their type, the common ones first.
    """

    def __init__(self) -> None:
        self.others: list[Any] = []
        self._written: dict[int, str] = {}

    def program(self, jaxpr: Any) -> str:
        """The digest of a `Jaxpr`."""
        if id(jaxpr) not in self._written:
            self._written[id(jaxpr)] = _sha256(self._lines(jaxpr))
        return self._written[id(jaxpr)]

    def _lines(self, jaxpr: Any) -> Iterator[str]:
        numbers = {v: str(i) for i, v in enumerate([*jaxpr.constvars, *jaxpr.invars])}

        def read(atoms):
            return " ".join(
                [_literal(atom) if type(atom) is Literal else numbers[atom] for atom in atoms]
            )

        yield " ".join([_kind(v.aval) for v in (*jaxpr.constvars, None, *jaxpr.invars) if v])
        yield str(len(jaxpr.invars))
        for equation in jaxpr.eqns:
            yield equation.primitive.name
            yield self._settings(equation)
            yield read(equation.invars)
            for variable in equation.outvars:  # of which the kind follows from the above
                numbers[variable] = str(len(numbers))
        yield read(jaxpr.outvars)

    def _settings(self, equation: Any) -> str:
        name, ctx = equation.primitive.name, equation.ctx
        unread = NOT_COMPUTED.get(name, ())
        settings = [
            f"{key}={self._value(value)}"
            for key, value in sorted(equation.params.items())
            if key not in unread
        ]
        settings += [self._value(getattr(ctx, key, None)) for key in SURROUNDINGS]
        return ";".join(settings)

    def _value(self, value: Any) -> str:
        kind = type(value)
        if kind in _PLAIN:
            return f"{kind.__name__} {value!r}"
        if kind is tuple:
            return f"({','.join([self._value(item) for item in value])})"
        if kind is ClosedJaxpr:
            return f"{self.program(value.jaxpr)}({','.join(map(_array, value.consts))})"
        if kind is Jaxpr:
            return self.program(value)
        return self._rare(value)

    def _rare(self, value: Any) -> str:
        if isinstance(value, np.dtype | enum.Enum):
            return f"{type(value).__name__} {value}"
        if isinstance(value, np.ndarray | np.generic | jax.Array):
            return _array(value)
        if isinstance(value, type):
            return _name(value)
        if isinstance(value, tuple | list):  # a named tuple, too
            return f"{_name(type(value))}{self._value(tuple(value))}"
        if isinstance(value, set | frozenset):
            return f"set({','.join(sorted(map(self._value, value)))})"
        if isinstance(value, Mapping):
            items = sorted(value.items(), key=lambda item: str(item[0]))
            return self._value(tuple(items))
        return self._other(value)

    def _other(self, value: Any) -> str:
        try:
            hash(value)
        except TypeError:
            value = _Same(value)
        if value not in self.others:
            self.others.append(value)
        return f"{_name(value)} number {self.others.index(value)}"


def _kind(aval: Any) -> str:
    if not hasattr(aval, "shape"):
        return str(aval)
    weak = "~" if getattr(aval, "weak_type", False) else ""
    return f"{_word(aval.dtype)}{weak}{aval.shape}"


_word = functools.cache(str)  # NumPy takes longer for the name of a dtype than we for an equation


def _literal(atom: Any) -> str:
    return f"{_kind(atom.aval)} {_array(atom.val)}"


def _array(value: Any) -> str:
    if isinstance(value, jax.Array) and jax.dtypes.issubdtype(value.dtype, jax.dtypes.prng_key):
        return f"{value.dtype} {_array(jax.random.key_data(value))}"
    array = np.asarray(value)
    raw = array.tobytes()
    content = raw.hex() if len(raw) <= 16 else hashlib.sha256(raw).hexdigest()
    return f"{_word(array.dtype)}{array.shape} {content}"


def _name(value: Any) -> str:
    """As the source has it, without an address."""
    held: Callable = getattr(value, "callback_func", value)
    kind = held if hasattr(held, "__qualname__") else type(held)
    return f"{kind.__module__}.{kind.__qualname__}"


def _sha256(parts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{len(part)}:{part}\n".encode())
    return digest.hexdigest()
