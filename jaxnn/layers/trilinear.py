"""Operations that are linear in both of their arrays, as primitives of JAX.

Take a number S(a, b, c) that is linear in each of three arrays. Its derivative by one of them is an
operation of the two others, linear in both. There are three, and the transpose of each, with
respect to one of its arrays, is another one of them:

    <c, C(a, b)> = S(a, b, c) = <a, A(b, c)> = <b, B(a, c)>

So with these three JAX has all that it needs to differentiate them forwards and backwards, as often
as one likes. How they are computed is decided when a program is lowered, by the platform for which
it is: on a CPU one can compile for a GPU.
"""

import functools
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp

from jaxnn.layers.axes import alike
from jaxnn.private_jax import bilinear_primitive


class Operations:
    """A(b, c), B(a, c) and C(a, b), each of which keeps the order of a, b and c.

    Under `jax.vmap` arrays have a leading axis of lanes: those that `lanes`, a pair of booleans
    among the settings, says; then so has the result.
    """

    def __init__(
        self, names: tuple[str, str, str], compute: Callable, plain: Callable,
        platforms: Iterable[str],
    ):  # fmt: skip
        """Tells JAX of them.

        Args:
          names: of A, B and C, in what JAX prints of a program.
          compute: (which, platform, one, other, *, lanes, **settings) -> the result; which is 0 for
            A, 1 for B, 2 for C, and platform one of `platforms`, or "" on all others.
          plain: (which, one, other, **settings) -> the result, without lanes, by operations of JAX:
            of it the type is taken.
          platforms: those which have a form of their own.
        """
        self._plain = plain
        self._primitives = [
            bilinear_primitive(
                name,
                type_of=functools.partial(self._type, which),
                alone=_alone,
                transposes=[self._transpose(which, operand) for operand in (0, 1)],
                batched=_batched,
                forms={
                    platform: functools.partial(compute, which, platform)
                    for platform in ("", *platforms)
                },
            )
            for which, name in enumerate(names)
        ]

    def __call__(self, which: int, one: Any, other: Any, **settings: Any) -> jax.Array:
        """The operation `which`: 0 for A, 1 for B, 2 for C; the settings can be hashed."""
        one, other = alike((one, other))
        return self._primitives[which].bind(one, other, lanes=(False, False), **settings)

    def _type(self, which, one, other, **settings):
        return _type_of(self._plain, which, one, other, **settings)

    def _transpose(self, which, operand):
        """With respect to the first (0) or the second (1) of the operands."""
        places = [place for place in range(3) if place != which]
        target, kept = places[operand], places[1 - operand]

        def rule(cotangent, *operands, lanes, **settings):
            given = {
                which: (cotangent, any(lanes)),
                kept: (operands[1 - operand], lanes[1 - operand]),
            }
            (one, one_has), (other, other_has) = (given[place] for place in sorted(given))
            found = self._primitives[target].bind(
                one, other, lanes=(one_has, other_has), **settings
            )
            return found.sum(axis=0) if any(lanes) and not lanes[operand] else found

        return rule


@functools.lru_cache(maxsize=512)
def _type_of(plain, which, one, other, *, lanes, **settings):
    function = functools.partial(plain, which, **settings)
    if any(lanes):
        function = jax.vmap(function, [0 if has else None for has in lanes])
    (kind,) = jax.make_jaxpr(function)(one, other).out_avals
    return kind


def _alone(primitive: Any, one: Any, other: Any, **settings: Any) -> jax.Array:
    """Outside of any program."""
    return _program(primitive, **settings)(one, other)


@functools.lru_cache(maxsize=512)
def _program(primitive, **settings):
    return jax.jit(functools.partial(primitive.bind, **settings))


def _batched(primitive, arrays, axes, *, lanes, **settings):
    """Lanes within lanes become one axis of them."""
    size = next(x.shape[a] for x, a in zip(arrays, axes, strict=True) if a is not None)
    within = next((x.shape[0 if a is None else int(a == 0)] for x, a, has
                   in zip(arrays, axes, lanes, strict=True) if has), None)  # fmt: skip
    arrays = [
        x if axis is None else jnp.moveaxis(x, axis, 0)
        for x, axis in zip(arrays, axes, strict=True)
    ]
    new = tuple(has or axis is not None for has, axis in zip(lanes, axes, strict=True))
    if within is not None:
        arrays = [
            _merged(x, size, within, axis is not None, has)
            for x, axis, has in zip(arrays, axes, lanes, strict=True)
        ]
    found = primitive.bind(*arrays, lanes=new, **settings)
    return (found if within is None else found.reshape(size, within, *found.shape[1:])), 0


def _merged(x: jax.Array, size: int, within: int, is_batched: bool, has_lanes: bool) -> jax.Array:
    if not (is_batched or has_lanes):
        return x
    shape = x.shape[is_batched + has_lanes :]
    split = (size if is_batched else 1, within if has_lanes else 1, *shape)
    whole = jnp.broadcast_to(x.reshape(split), (size, within, *shape))
    return whole.reshape(size * within, *shape)
