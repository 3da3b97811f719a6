"""One gradient before three judges: autodiff, central differences, the Taylor remainder."""

import contextlib
import functools
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn.gradcheck.probes import Probes, block_diagonal, draw_probes
from jaxnn.gradcheck.problem import Answer, Problem, flat
from jaxnn.gradcheck.sides import Measured, Side, look_at, measure

JUDGES = ("autodiff", "differences", "taylor")


class ArgumentReport(NamedTuple):
    """What the judges say about the gradient with respect to one argument.

    Attributes:
      argument: its position among the inputs.
      autodiff: largest elementwise error of the hand-derived gradient against autodiff.
      differences: the same against central differences, along random directions within each leaf
        and along single elements.
      autodiff_differences: the same for autodiff against central differences.
      slope: of log |f(x + hv) - f(x) - h <g, v>| over log h: 2, or more, for the right g and 1 for
        a wrong one; NaN where the remainder is mere rounding, as it is for a linear f, and where f
        bends within the steps.
      kinks: number of the single elements at which the slopes on the two sides differ.
      failed: the judges that reject: "structure", "autodiff", "differences", "taylor".
      verdict: which side is wrong, in words.
    """

    argument: int
    autodiff: float
    differences: float
    autodiff_differences: float
    slope: float
    kinks: int
    failed: tuple[str, ...]
    verdict: str

    def __str__(self) -> str:
        return (
            f"argument {self.argument}: {self.verdict} (against autodiff {self.autodiff:.1e},"
            f" against differences {self.differences:.1e}, autodiff against differences"
            f" {self.autodiff_differences:.1e}, Taylor slope {self.slope:.2f}, kinks {self.kinks})"
        )


class GradientReport(NamedTuple):
    """The reports on all arguments, and the seed that repeats this check."""

    arguments: tuple[ArgumentReport, ...]
    seed: int

    @property
    def failed(self) -> tuple[str, ...]:
        """The judges that reject the gradient of some argument."""
        return tuple(dict.fromkeys(judge for report in self.arguments for judge in report.failed))

    @property
    def passed(self) -> bool:
        return not self.failed

    def worst(self, judge: str) -> float:
        """The largest of all arguments' errors before this judge; 0 without an argument."""
        return max((getattr(report, judge) for report in self.arguments), default=0.0)

    @property
    def slope(self) -> float:
        """The lowest of all arguments' Taylor slopes; NaN if f is linear in all of them."""
        slopes = (report.slope for report in self.arguments)
        return min((slope for slope in slopes if not np.isnan(slope)), default=np.nan)

    def __str__(self) -> str:
        return "\n".join([*map(str, self.arguments), f"repeat with seed={self.seed}"])


def check_gradients(
    f: Callable,
    f_vjp: Callable,
    *inputs: Any,
    argnums: int | tuple[int, ...] = 0,
    seed: int | None = None,
    directions: int = 4,
    tolerance: float = 1e-12,
    difference_tolerance: float = 1e-7,
    judges: Sequence[str] = JUDGES,
) -> GradientReport:
    """Judges the hand-derived gradient `f_vjp` of `f` at one point, in float64.

    The cotangent and the directions are random and drawn anew at each call. At a kink there is no
    derivative to agree on: each slope between those of the two sides is accepted there. Where f is
    saturated, autodiff gives 0 and so do the differences, as of tanh at 25: there the verdict is
    that they cannot tell, and `exact_slopes` can. Where f computes in float32 inside, tolerances
    are those of float32. Products run at the highest precision; where the default device has no
    float64 (a TPU), the CPU judges.

    Args:
      f: from trees of arrays to a tree of float or complex arrays; settings are bound by
        functools.partial. Outputs of integers get a cotangent of zeros.
      f_vjp: (*inputs, cotangent) -> the cotangent of the input `argnums`, or a tuple of them.
      *inputs: arrays or trees of them; floats are converted to float64.
      argnums: the differentiable inputs, as in `jax.grad`: an int, or a tuple if f_vjp gives one;
        negative ones count from the end.
      seed: repeats an earlier check; by default a fresh one.
      directions: number of random directions for each leaf.
      tolerance: largest error allowed against autodiff.
      difference_tolerance: largest error allowed against central differences.
      judges: those of JUDGES that may reject; ("autodiff",) is for an f that no differences can
        follow, such as one that rounds.

    Raises:
      IndexError: argnums names an input that is not there.
      TypeError: argnums names an input of integers.
      ValueError: there is no such judge.
    """
    (report,) = check_rules(
        f, (f_vjp,), *inputs, argnums=argnums, seed=seed, directions=directions,
        tolerance=tolerance, difference_tolerance=difference_tolerance, judges=judges,
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
    judges: Sequence[str] = JUDGES,
) -> list[GradientReport]:
    """`check_gradients` of several rules for one f: at one point, and in one program."""
    if unknown := [judge for judge in judges if judge not in JUDGES]:
        raise ValueError(f"judges are {', '.join(JUDGES)}, got {unknown[0]!r}")
    seed = secrets.randbits(32) if seed is None else seed
    random = np.random.default_rng(seed)
    positions = _positions(argnums, len(inputs))

    def by_all(*values):
        return [rule(*values) for rule in rules]

    with jax.enable_x64(True), jax.default_matmul_precision("highest"), _device_with_float64():
        inputs = jax.tree.map(as_float64, inputs)
        problem = Problem(f, by_all, inputs, positions, random)
        probes = [
            draw_probes(sizes, x, random, directions)
            for sizes, x in zip(problem.sizes, problem.point, strict=True)
        ]
        answer = problem.ask(block_diagonal([probe.shifts() for probe in probes]))
        low = problem.epsilon > np.finfo(np.float64).eps
        limits = {
            "autodiff": max(tolerance, 100 * problem.epsilon) if low else tolerance,
            "differences": difference_tolerance,
        }
        hands = [(hand,) if isinstance(argnums, int) else hand for hand in answer.hand]
        reports = [
            _misshapen(hand, problem.chosen, positions)
            or _judged(hand, problem, answer, probes, positions, limits, judges)
            for hand in hands
        ]
    return [GradientReport(report, seed) for report in reports]


def _judged(
    hand: tuple,
    problem: Problem,
    answer: Answer,
    probes: list[Probes],
    positions: tuple[int, ...],
    limits: Mapping[str, float],
    judges: Sequence[str],
) -> tuple[ArgumentReport, ...]:
    sides = [
        Side(probe, x, *gradients)
        for probe, x, *gradients in zip(
            probes, problem.point, map(flat, hand), answer.auto, strict=True
        )
    ]
    looks = look_at(problem, answer, sides, limits["autodiff"])
    low = problem.epsilon > np.finfo(np.float64).eps
    noise = max(1.0, answer.size) * max(1e-12, 100 * problem.epsilon * low)
    measured = [measure(side, look, noise) for side, look in zip(sides, looks, strict=True)]
    pairs = zip(positions, measured, strict=True)
    return tuple(_judge(i, found, limits, judges) for i, found in pairs)


def cast(leaf: Any, dtype: Any) -> jax.Array:
    """The leaf as an array, of this dtype where it is of floats; complex to the same precision."""
    if isinstance(leaf, np.ndarray) and jnp.issubdtype(leaf.dtype, jnp.floating):
        return jnp.asarray(leaf.astype(dtype))  # on the device it is a program for each shape
    array = jnp.asarray(leaf)
    if jnp.issubdtype(array.dtype, jnp.complexfloating) and np.dtype(dtype) == np.float64:
        return array.astype(np.complex128)
    return array.astype(dtype) if jnp.issubdtype(array.dtype, jnp.floating) else array


as_float64 = functools.partial(cast, dtype=np.float64)


def _positions(argnums: int | tuple[int, ...], number: int) -> tuple[int, ...]:
    asked = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for position in asked:
        if not -number <= position < number:
            raise IndexError(f"argnums names input {position}, but there are {number} inputs")
    return tuple(position % number for position in asked)


@contextlib.contextmanager
def _device_with_float64() -> Iterator[None]:
    if jax.default_backend() != "tpu":
        yield
        return
    with jax.default_device(jax.local_devices(backend="cpu")[0]):
        yield


def _judge(
    argument: int, measured: Measured, limits: Mapping[str, float], judges: Sequence[str]
) -> ArgumentReport:
    agrees = {
        "autodiff": measured.autodiff <= limits["autodiff"],
        "differences": measured.differences <= limits["differences"],
        "taylor": np.isnan(measured.slope) or measured.slope > 1.8,
    }
    failed = tuple(judge for judge in JUDGES if judge in judges and not agrees[judge])
    autodiff_is_right = measured.autodiff_differences <= limits["differences"]
    if not failed:
        verdict = _RIGHT if not measured.kinks else _RIGHT_BUT_FOR_KINKS
    elif agrees["autodiff"]:
        verdict = _BOTH_CONTRADICTED
    elif not measured.told_apart or (agrees["differences"] and autodiff_is_right):
        verdict = "hand and autodiff differ by less than the differences can tell"
    elif agrees["differences"]:
        verdict = "autodiff is wrong"
    elif autodiff_is_right:
        verdict = "the hand-derived gradient is wrong"
    else:
        verdict = "undecided: hand, autodiff and differences all contradict each other"
    return ArgumentReport(argument, *measured[:-1], failed, verdict)


_RIGHT = "right"
_RIGHT_BUT_FOR_KINKS = "right; at a kink any slope between those of the two sides is"
_BOTH_CONTRADICTED = (
    "hand and autodiff agree, and the differences contradict both: f has a kink or a jump here, or"
    " a stop_gradient, custom_jvp or custom_vjp inside it says otherwise than f does"
)


def _misshapen(
    hand: Any, chosen: tuple, positions: tuple[int, ...]
) -> tuple[ArgumentReport, ...] | None:
    """The reports where the rule's answer has not the form of the arguments."""
    if not isinstance(hand, tuple | list) or len(hand) != len(positions):
        number = len(hand) if isinstance(hand, tuple | list) else "no tuple, but one"
        said = f"it gives {number} for the {len(positions)} arguments of argnums"
        return tuple(_structure(position, said) for position in positions)
    wrong = {
        position: _difference_in_form(a, b)
        for position, a, b in zip(positions, hand, chosen, strict=True)
    }
    return tuple(_structure(position, said) for position, said in wrong.items() if said) or None


def _difference_in_form(a: Any, b: Any) -> str:
    trees: list[Any] = [jax.tree.structure(tree) for tree in (a, b)]
    if trees[0] != trees[1]:
        return f"it is {trees[0]}, the argument {trees[1]}"
    shapes = [[jnp.shape(leaf) for leaf in jax.tree.leaves(tree)] for tree in (a, b)]
    return "" if shapes[0] == shapes[1] else f"it has the shapes {shapes[0]}, not {shapes[1]}"


def _structure(argument: int, said: str) -> ArgumentReport:
    verdict = f"the hand-derived gradient is wrong: {said}"
    return ArgumentReport(argument, np.inf, np.inf, np.nan, 0.0, 0, ("structure",), verdict)
