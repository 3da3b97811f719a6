"""One gradient before three judges: autodiff, central differences, the Taylor remainder.

An error is relative to its own element, or to the root mean square of its leaf where the element is
smaller: |a_i - b_i| / max(|b_i|, rms(b)). So a tolerance is widened neither by large neighbours, as
in a comparison of norms, nor by absolute size. (A leaf that is 0 beside others, as is the gradient
of a shift that softmax ignores, is measured against 1% of the rms of all leaves.)
"""

import functools
import secrets
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from jaxnn.gradcheck.probes import (
    DIFFERENCE_STEP,
    TAYLOR_STEPS,
    Probes,
    block_diagonal,
    draw_probes,
)
from jaxnn.gradcheck.report import ArgumentReport, GradientReport


def check_gradients(
    f: Callable,
    f_vjp: Callable,
    *inputs: Any,
    argnums: int | tuple[int, ...] = 0,
    seed: int | None = None,
    directions: int = 4,
    tolerance: float = 1e-12,
    difference_tolerance: float = 1e-7,
) -> GradientReport:
    """Judges the hand-derived gradient `f_vjp` of `f` at one point, in float64.

    The cotangent and the directions are random and drawn anew at each call. Choose the inputs at a
    distance of 0.01 from kinks and ties, where there is no derivative to agree on. Where f is
    saturated, autodiff gives 0 and so do the differences, as of tanh at 25: there the verdict is
    that they cannot tell, and `exact_slopes` can.

    Args:
      f: from trees of arrays to a tree of float arrays; settings are bound by functools.partial.
      f_vjp: (*inputs, cotangent) -> the cotangent of the input `argnums`, or a tuple of them.
      *inputs: arrays or trees of them; floats are converted to float64.
      argnums: the differentiable inputs, as in `jax.grad`: an int, or a tuple if f_vjp gives one.
      seed: repeats an earlier check; by default a fresh one.
      directions: number of random directions for each leaf.
      tolerance: largest error allowed against autodiff.
      difference_tolerance: largest error allowed against central differences.

    Raises:
      IndexError: argnums names an input that is not there.
    """
    (report,) = check_rules(
        f, (f_vjp,), *inputs, argnums=argnums, seed=seed, directions=directions,
        tolerance=tolerance, difference_tolerance=difference_tolerance,
    )  # fmt: skip
    return report


def check_rules(
    f: Callable,
    rules: Sequence[Callable],
    *inputs: Any,
    argnums: int | tuple[int, ...] = 0,
    seed: int | None = None,
    directions: int = 4,
    tolerance: float = 1e-12,
    difference_tolerance: float = 1e-7,
) -> list[GradientReport]:
    """`check_gradients` of several rules for one f: one point, one cotangent and one program."""
    seed = secrets.randbits(32) if seed is None else seed
    random = np.random.default_rng(seed)
    positions = (argnums,) if isinstance(argnums, int) else argnums
    with jax.enable_x64(True):
        inputs = jax.tree.map(as_float64, inputs)
        chosen = tuple(inputs[position] for position in positions)

        def f_chosen(*values):
            by_position = dict(zip(positions, values, strict=True))
            return f(*(by_position.get(i, x) for i, x in enumerate(inputs)))

        shapes = jax.eval_shape(f_chosen, *chosen)
        cotangent = jax.tree.map(lambda y: jnp.asarray(random.normal(size=y.shape)), shapes)

        x, unravel = ravel_pytree(chosen)
        sizes = [[leaf.size for leaf in jax.tree.leaves(values)] for values in chosen]
        probes = [draw_probes(leaves, random, directions) for leaves in sizes]
        shifts = [probe.shifts() for probe in probes]

        @jax.jit
        def sides_fn(inputs, x, shifts):  # all in one program, as compiling is most of the work
            here, pullback = jax.vjp(lambda x: f_chosen(*unravel(x)), x)

            def change_fn(shift):
                """<cotangent, f(x + shift) - f(x)>, subtracted before it is summed up."""
                moved = f_chosen(*unravel(x + shift))
                return _inner(cotangent, jax.tree.map(jnp.subtract, moved, here))

            (auto,) = pullback(cotangent)
            by_hand = [rule(*inputs, cotangent) for rule in rules]
            return here, unravel(auto), by_hand, jax.lax.map(change_fn, shifts)

        here, auto, by_hand, changes = sides_fn(inputs, x, block_diagonal(shifts))
        changes = np.split(np.asarray(changes), np.cumsum([len(rows) for rows in shifts])[:-1])
        size = float(_inner(*(jax.tree.map(jnp.abs, tree) for tree in (cotangent, here))))
        seen = _Seen(
            probes, changes, sizes, auto,
            floor=0.01 * _rms(ravel_pytree(auto)[0]),
            rounding=1e-12 * max(1.0, size),
            unseen=np.finfo(np.float64).eps * size / DIFFERENCE_STEP,
        )  # fmt: skip
        by_hand = [(hand,) if isinstance(argnums, int) else tuple(hand) for hand in by_hand]
        tolerances = tolerance, difference_tolerance
        judged = [_judge_all(seen, positions, hand, *tolerances) for hand in by_hand]
    return [GradientReport(reports, seed) for reports in judged]


class _Seen(NamedTuple):
    """What f and autodiff show at the point; the lists have one item for each argument."""

    probes: list[Probes]
    changes: list[np.ndarray]
    sizes: list[list[int]]
    auto: tuple[Any, ...]
    floor: float
    rounding: float
    unseen: float  # by the differences


def _judge_all(
    seen: _Seen, positions: tuple[int, ...], hand: tuple[Any, ...], *tolerances: float
) -> tuple[ArgumentReport, ...]:
    reports = []
    for i, position in enumerate(positions):
        if i >= len(hand) or not _same_structure(hand[i], seen.auto[i]):
            reports.append(_misshapen(position))
            continue
        sides = [np.asarray(ravel_pytree(tree[i])[0]) for tree in (hand, seen.auto)]
        measured = _measure(
            seen.probes[i], seen.changes[i], seen.sizes[i], *sides,
            floor=seen.floor, rounding=seen.rounding,
        )  # fmt: skip
        told_apart = not np.all(np.abs(np.subtract(*sides)) <= seen.unseen)
        reports.append(_judge(position, measured, *tolerances, told_apart=told_apart))
    return tuple(reports)


def cast(leaf: Any, dtype: Any) -> jax.Array:
    """The leaf as an array, of this dtype where it is of floats."""
    if isinstance(leaf, np.ndarray) and jnp.issubdtype(leaf.dtype, jnp.floating):
        return jnp.asarray(leaf.astype(dtype))  # on the device it is a program for each shape
    array = jnp.asarray(leaf)
    return array.astype(dtype) if jnp.issubdtype(array.dtype, jnp.floating) else array


as_float64 = functools.partial(cast, dtype=np.float64)


def _inner(a: Any, b: Any) -> jax.Array:
    return sum(jax.tree.leaves(jax.tree.map(jnp.vdot, a, b)), jnp.zeros(()))


class _Measured(NamedTuple):
    autodiff: float
    differences: float
    autodiff_differences: float
    slope: float
    kinks: int


def _measure(
    probes: Probes,
    changes: np.ndarray,
    sizes: list[int],
    hand: np.ndarray,
    auto: np.ndarray,
    *,
    floor: float,
    rounding: float,
) -> _Measured:
    """All errors of one argument, whose leaves of these sizes lie flat behind one another."""
    if not hand.size:
        return _Measured(0.0, 0.0, 0.0, np.nan, 0)
    rows, peaks = probes.rows, probes.peaks()
    forth, back, far = np.split(changes, [len(rows), 2 * len(rows)])
    forth, back = forth / DIFFERENCE_STEP, back / -DIFFERENCE_STEP
    quotients = (forth + back) / 2

    leaf_of = np.repeat(np.arange(len(sizes)), sizes)
    scale = np.array([max(_rms(auto[leaf_of == leaf]), floor) for leaf in range(len(sizes))])
    row_scale = np.sqrt(rows**2 @ scale[leaf_of] ** 2)
    bent = np.abs(forth - back) > 0.01 * np.maximum(np.abs(quotients), row_scale)
    return _Measured(
        autodiff=_largest(hand, auto, scale[leaf_of]),
        differences=_largest(rows @ hand, quotients, row_scale),
        autodiff_differences=_largest(rows @ auto, quotients, row_scale),
        slope=_slope(
            far.reshape(-1, probes.drawn) - TAYLOR_STEPS[:, None] * (peaks @ hand), rounding
        ),
        kinks=int(bent[probes.drawn :].sum()),
    )


def _slope(remainders: np.ndarray, rounding: float) -> float:
    """The order in h of the Taylor remainders [steps, directions]; NaN where they are rounding."""
    size = np.sqrt(np.mean(remainders**2, axis=1))
    if not np.all(np.isfinite(size)):
        return 0.0
    seen = size > rounding
    if seen.sum() < 3:
        return np.nan
    return float(np.polyfit(np.log(TAYLOR_STEPS[seen]), np.log(size[seen]), 1)[0])


def _judge(
    argument: int,
    measured: _Measured,
    tolerance: float,
    difference_tolerance: float,
    *,
    told_apart: bool,
) -> ArgumentReport:
    agrees = {
        "autodiff": measured.autodiff <= tolerance,
        "differences": measured.differences <= difference_tolerance,
        "taylor": np.isnan(measured.slope) or measured.slope > 1.8,
    }
    failed = tuple(judge for judge in agrees if not agrees[judge])
    autodiff_is_right = measured.autodiff_differences <= difference_tolerance
    if not failed:
        verdict = "right"
    elif not told_apart or (agrees["differences"] and autodiff_is_right):
        verdict = "hand and autodiff differ by less than the differences can tell"
    elif agrees["differences"]:
        verdict = "autodiff is wrong"
    elif autodiff_is_right:
        verdict = "the hand-derived gradient is wrong"
    elif agrees["autodiff"]:
        verdict = "f has no derivative here, a kink or a jump: the differences contradict both"
    else:
        verdict = "undecided: hand, autodiff and differences all contradict each other"
    return ArgumentReport(argument, *measured, failed, verdict)


def _misshapen(argument: int) -> ArgumentReport:
    verdict = "the hand-derived gradient is wrong: it has not the shapes of the argument"
    return ArgumentReport(argument, np.inf, np.inf, np.nan, 0.0, 0, ("structure",), verdict)


def _same_structure(a: Any, b: Any) -> bool:
    shapes = [
        (jax.tree.structure(tree), [jnp.shape(leaf) for leaf in jax.tree.leaves(tree)])
        for tree in (a, b)
    ]
    return shapes[0] == shapes[1]


def _largest(actual: np.ndarray, reference: np.ndarray, scale: np.ndarray) -> float:
    """max_i |a_i - b_i| / max(|b_i|, scale_i); inf if not all are finite."""
    error, size = np.abs(actual - reference), np.maximum(np.abs(reference), scale)
    if not np.all(np.isfinite(error)):
        return np.inf
    ratio = np.where(error > 0, np.inf, 0.0)
    np.divide(error, size, out=ratio, where=size > 0)
    return float(ratio.max())


def _rms(values: Any) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) if np.size(values) else 0.0
