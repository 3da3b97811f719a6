"""The table of everything differentiable in jaxnn, one row per function and setting.

A family is a function that gives a list of cases; whoever adds a function adds its row to a family,
and whoever adds a module adds a family to FAMILIES.
"""

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn.gradcheck import basic_cases
from jaxnn.gradcheck.case import Case
from jaxnn.gradcheck.check import GradientReport, as_float64, cast, check_rules
from jaxnn.gradcheck.classical_cases import classical_cases
from jaxnn.gradcheck.image_cases import image_cases
from jaxnn.gradcheck.sequence_cases import sequence_cases

DTYPE_TOLERANCES = {jnp.float32: 1e-5, jnp.float16: 5e-3, jnp.bfloat16: 3e-2}  # against float64
COTANGENTS = 4

FAMILIES: dict[str, Callable[[], list[Case]]] = {
    "activations": basic_cases.activation_cases,
    "losses": basic_cases.loss_cases,
    "regularizers": basic_cases.regularizer_cases,
    "layers": basic_cases.layer_cases,
    "images": image_cases,
    "sequences": sequence_cases,
    "classical": classical_cases,
}


def cases(*families: str) -> list[Case]:
    """The rows of the table, or of the named families."""
    return [row for family in families or FAMILIES for row in _family(family)]


@functools.cache  # the rows keep what they have drawn
def _family(name: str) -> tuple[Case, ...]:
    return tuple(FAMILIES[name]())


def check_case(row: Case, *, seed: int | None = None) -> GradientReport:
    """`check_gradients` of a row of the table."""
    return check_rules_of_case(row, (row.vjp,), seed=seed)[0]


def check_rules_of_case(
    row: Case, rules: Sequence[Callable], *, seed: int | None = None
) -> list[GradientReport]:
    """`check_gradients` of a row of the table with each of these rules in the place of its own."""
    return check_rules(row.function, rules, *row.inputs, argnums=row.argnums, seed=seed)


def dtype_errors(row: Case, *dtypes: Any, seed: int = 0) -> list[tuple[float, float]]:
    """Relative errors ||a - b|| / ||b|| of value and gradient in each dtype against float64.

    The error is that of the worst leaf. (A leaf that is 0 beside others is measured against 1% of
    the root mean square of them all.) Gradients are those of COTANGENTS random cotangents together,
    so that no leaf is small by a chance cancellation in one. All start from inputs that are rounded
    to bfloat16, which every dtype can hold but for its range. Matrix products run at the highest
    precision.
    """
    random = np.random.default_rng(seed)
    with jax.enable_x64(True), jax.default_matmul_precision("highest"):
        shapes = jax.eval_shape(row.function, *jax.tree.map(as_float64, row.inputs))
        dy = jax.tree.map(lambda y: random.normal(size=(COTANGENTS, *y.shape)), shapes)
        point = jax.tree.map(_as_bfloat16_holds_it, (row.inputs, dy))

        @jax.jit
        def run(point):
            results = []
            for dtype in (jnp.float64, *dtypes):
                x, dy = jax.tree.map(lambda leaf, dtype=dtype: cast(leaf, dtype), point)
                both = row.function(*x), jax.vmap(lambda dy, x=x: row.vjp(*x, dy))(dy)
                results.append([jax.tree.leaves(jax.tree.map(as_float64, tree)) for tree in both])
            return results

        exact, *low = jax.tree.map(np.asarray, run(point))
    return [(_norm_error(y, exact[0]), _norm_error(dx, exact[1])) for y, dx in low]


def _as_bfloat16_holds_it(leaf: Any) -> jax.Array:
    rounded = cast(leaf, jnp.bfloat16)
    return as_float64(np.asarray(rounded) if rounded.dtype == jnp.bfloat16 else rounded)


def _norm_error(actual: list[np.ndarray], exact: list[np.ndarray]) -> float:
    """The largest of the leaves' errors."""
    together = np.concatenate([leaf.ravel() for leaf in exact]) if exact else np.zeros(0)
    floor = 0.01 * np.sqrt(np.mean(np.square(together))) if together.size else 0.0
    largest = 0.0
    for a, b in zip(actual, exact, strict=True):
        size = max(np.linalg.norm(b.ravel()), floor * np.sqrt(b.size)) or 1.0
        largest = max(largest, float(np.linalg.norm((a - b).ravel()) / size))
    return largest


def table(rows: Iterable[Case] | None = None, *, seed: int | None = None) -> str:
    """The verdict on every case, as text."""
    lines = [f"{'function':54} {'autodiff':>9} {'differences':>12} {'slope':>6}"]
    for row in cases() if rows is None else rows:
        report = check_case(row, seed=seed)
        errors = f"{report.worst('autodiff'):9.1e} {report.worst('differences'):12.1e}"
        lines.append(
            f"{row.name:54} {errors} {report.slope:6.2f} {'PASS' if report.passed else 'FAIL'}"
        )
    return "\n".join(lines)
