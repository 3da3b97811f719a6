"""The gradient that is judged, as one compiled program: by hand, by autodiff, and what f does.

Complex numbers are pairs of real ones here. In JAX's convention a small step dz of a complex number
changes <cotangent, f> by Re(g dz): so (Re g, -Im g) is the gradient by the two parts of z.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree


class Answer(NamedTuple):
    """What one call of the program gives.

    Attributes:
      size: sum |cotangent| |f(x)|, the scale of rounding.
      auto: the gradient of each argument by autodiff, flat.
      hand: what the rule answered.
      changes: <cotangent, f(x + shift) - f(x)> for each shift.
      moved: the part of size that belongs to the outputs that the shift changed.
    """

    size: float
    auto: tuple[np.ndarray, ...]
    hand: Any
    changes: np.ndarray
    moved: np.ndarray


class Problem:
    """One function and its rule at one point, with a cotangent.

    Attributes:
      point: of each argument, flat and real.
      sizes: of each argument, the sizes of its leaves in it.
      epsilon: the rounding of the least precise float that f computes with.
    """

    def __init__(self, f: Callable, f_vjp: Callable, inputs: Any, positions: tuple, random: Any):
        self.chosen = tuple(_differentiable(inputs[position], position) for position in positions)
        real = tuple(jax.tree.map(_parts, tree) for tree in self.chosen)
        whole, unravel = ravel_pytree(real)
        self.sizes = [[leaf.size for leaf in jax.tree.leaves(tree)] for tree in real]
        self.point = np.split(np.asarray(whole), np.cumsum([sum(s) for s in self.sizes])[:-1])

        def f_chosen(values):
            by_position = dict(zip(positions, values, strict=True))
            return f(*(by_position.get(i, x) for i, x in enumerate(inputs)))

        def f_flat(x):
            return f_chosen(jax.tree.map(_joined, unravel(x), self.chosen))

        shapes = jax.eval_shape(f_chosen, self.chosen)
        cotangent = jax.tree.map(lambda y: _drawn(y, random), shapes)
        self.epsilon = _epsilon(jax.make_jaxpr(f_chosen)(self.chosen).jaxpr)
        weights = jax.tree.map(jnp.abs, cotangent)

        @jax.jit
        def run(inputs, x, shifts):  # all in one program, as compiling is most of the work
            here, pullback = jax.vjp(f_chosen, self.chosen)
            size = _inner(weights, jax.tree.map(_magnitude, here))

            def change_fn(shift):
                """Subtracted before it is summed up."""
                change = jax.tree.map(_difference, f_flat(x + shift), here)
                moved = jax.tree.map(
                    lambda d, y: jnp.where(d != 0, _magnitude(y), 0.0), change, here
                )
                return _inner(cotangent, change), _inner(weights, moved)

            (auto,) = pullback(jax.tree.map(_as_cotangent, cotangent, here))
            return size, auto, f_vjp(*inputs, cotangent), *jax.lax.map(change_fn, shifts)

        self._run = lambda shifts: run(inputs, whole, shifts)

    def ask(self, shifts: np.ndarray) -> Answer:
        """Runs the program with these shifts of the flat point."""
        size, auto, hand, *seen = self._run(shifts)
        return Answer(float(size), tuple(map(flat, auto)), hand, *map(np.asarray, seen))


def flat(gradient: Any) -> np.ndarray:
    """The gradient by the real parts of the argument, leaf behind leaf."""
    parts = jax.tree.map(lambda g: _parts(jnp.conj(g)), gradient)
    return np.asarray(ravel_pytree(parts)[0])


def _differentiable(tree: Any, position: int) -> Any:
    for leaf in jax.tree.leaves(tree):
        if not jnp.issubdtype(leaf.dtype, jnp.inexact):
            raise TypeError(
                f"input {position} holds {leaf.dtype}: a gradient is of floats or complex numbers;"
                " name the others by argnums, or convert it"
            )
    return tree


def _parts(leaf: jax.Array) -> jax.Array:
    return jnp.stack([leaf.real, leaf.imag]) if jnp.iscomplexobj(leaf) else leaf


def _joined(parts: jax.Array, like: jax.Array) -> jax.Array:
    return jax.lax.complex(parts[0], parts[1]) if jnp.iscomplexobj(like) else parts


def _drawn(y: Any, random: np.random.Generator) -> Any:
    """A cotangent of the output; 0 for integers and booleans, which have none."""
    values = random.normal(size=y.shape)
    if jnp.issubdtype(y.dtype, jnp.complexfloating):
        values = values + 1j * random.normal(size=y.shape)
    return jnp.asarray(values if jnp.issubdtype(y.dtype, jnp.inexact) else np.zeros(y.shape))


def _as_cotangent(drawn: jax.Array, y: jax.Array) -> Any:
    """As `jax.vjp` wants it: in the dtype of the output, and float0 for integers."""
    if not jnp.issubdtype(y.dtype, jnp.inexact):
        return np.zeros(y.shape, jax.dtypes.float0)
    return drawn.astype(y.dtype)


def _difference(a: jax.Array, b: jax.Array) -> jax.Array:
    if not jnp.issubdtype(a.dtype, jnp.inexact):
        return jnp.zeros(a.shape)
    wide = jnp.complex128 if jnp.iscomplexobj(a) else jnp.float64
    return a.astype(wide) - b.astype(wide)


def _magnitude(y: jax.Array) -> jax.Array:
    is_counted = jnp.issubdtype(y.dtype, jnp.inexact)
    return jnp.abs(y).astype(jnp.float64) if is_counted else jnp.zeros(y.shape)


def _inner(a: Any, b: Any) -> jax.Array:
    """Re of the sum of products; nothing is conjugated."""
    products = jax.tree.leaves(jax.tree.map(lambda x, y: (x * y).sum().real, a, b))
    return sum(products, jnp.zeros(()))


def _epsilon(jaxpr: Any) -> float:
    """Of the least precise float that depends on the inputs of a jaxpr."""
    known, worst = set(jaxpr.invars), float(np.finfo(np.float64).eps)
    for equation in jaxpr.eqns:
        if not any(not hasattr(v, "val") and v in known for v in equation.invars):
            continue
        for inner in jax.tree.leaves(list(equation.params.values()), is_leaf=_is_jaxpr):
            if _is_jaxpr(inner):
                worst = max(worst, _epsilon(getattr(inner, "jaxpr", inner)))
        for variable in equation.outvars:
            dtype = getattr(variable.aval, "dtype", np.dtype(bool))
            if jnp.issubdtype(dtype, jnp.inexact):
                known.add(variable)
                worst = max(worst, float(jnp.finfo(dtype).eps))
    return worst


def _is_jaxpr(value: Any) -> bool:
    return hasattr(value, "eqns") or hasattr(value, "jaxpr")
