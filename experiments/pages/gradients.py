"""The gradient report: every hand-derived gradient, its formula, and what its judges say.

    python -m experiments gradients          writes reports/gradients (a minute or two)

Formulas come from the docstrings, so that they cannot drift from the code. Errors are rounded up to
one digit; the seeds are fixed, so that a run on the same platform repeats them.
"""

import decimal
import inspect
import math
import pathlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from experiments.pages import report, style
from experiments.record import results
from jaxnn import activations, gradcheck
from jaxnn.gradcheck import Case, GradientReport
from jaxnn.gradcheck.exact import digits_for
from jaxnn.gradcheck.table import DTYPE_TOLERANCES, FAMILIES
from jaxnn.rules import vjp_of

SEED = 0  # the directions of the differences
SHEETS = {
    "squashing": ("sigmoid", "tanh", "hard_sigmoid", "hard_tanh"),
    "rectifying": ("relu", "leaky_relu", "elu", "selu"),
    "gating": ("swish", "hard_swish", "gelu", "gelu_tanh"),
    "other": ("identity", "step", "softplus"),
}
POINTS = np.arange(-120.37, 120) / 2  # none of them a kink
SMALLEST = 1e-300  # of the slopes that are compared: below, the terms of a sum underflow
FLOOR = 1e-18  # where an error of 0 is drawn

Definition = Callable[[Any], Any]


class Judged(NamedTuple):
    """A row of the table of gradients with its verdicts.

    Attributes:
      errors: dtype -> the larger of the errors of value and gradient against float64.
    """

    row: Case
    report: GradientReport
    errors: dict[str, float]

    @property
    def passed(self) -> bool:
        """Accepted by each judge, and near to float64 in every dtype."""
        return self.report.passed and all(
            self.errors[np.dtype(dtype).name] < tolerance
            for dtype, tolerance in DTYPE_TOLERANCES.items()
        )


def judge(row: Case) -> Judged:
    errors = gradcheck.dtype_errors(row, *DTYPE_TOLERANCES, seed=SEED)
    worst = {np.dtype(d).name: max(pair) for d, pair in zip(DTYPE_TOLERANCES, errors, strict=True)}
    return Judged(row, gradcheck.check_case(row, seed=SEED), worst)


def tasks() -> dict[str, tuple[Callable, tuple]]:
    """A task for each gradient, which another process can do as well."""
    return {
        _task(row): (_verdict, (family, index))
        for family in FAMILIES
        for index, row in enumerate(gradcheck.cases(family))
    }


def judge_all(result_of: Callable[[str], Any]) -> dict[str, list[Judged]]:
    """Every gradient by family, from the results of the tasks."""
    return {
        family: [Judged(row, *result_of(_task(row))) for row in gradcheck.cases(family)]
        for family in FAMILIES
    }


def _task(row: Case) -> str:
    return f"gradient of {row.name}"


def _verdict(family: str, index: int) -> tuple[GradientReport, dict[str, float]]:
    """Of a row that another process finds by its place, as its functions cannot be sent there."""
    judged = judge(gradcheck.cases(family)[index])
    return judged.report, judged.errors


# The page


def write(folder: pathlib.Path, families: Mapping[str, Iterable[Judged]]) -> None:
    """Writes the page and its figures."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in SHEETS:
        style.save(draw(name), folder / name)
    results.write(folder / "README.md", page(families))


def page(families: Mapping[str, Iterable[Judged]]) -> str:
    """The report in Markdown."""
    rows = [judged for family in families.values() for judged in family]
    failed = [judged.row.name for judged in rows if not judged.passed]
    limits = ", ".join(f"{np.dtype(d).name} {limit:g}" for d, limit in DTYPE_TOLERANCES.items())
    where = results.platform_of_run()
    versions = ", ".join(f"{name} {number}" for name, number in results.versions().items())
    parts = [
        report.DO_NOT_EDIT,
        "# The gradients, each before its judges",
        "[All reports](../README.md)",
        f"**{len(rows)} gradients derived by hand: {len(rows) - len(failed)} PASS"
        f"{', FAIL: ' + report.escape(', '.join(failed)) if failed else ''}.**",
        "Autodiff and differences judge in float64. An error is that of the worst element, relative"
        " to the element itself or, where that is smaller, to the root mean square of its leaf; of"
        " differences, what is left beyond eight times that which they are worth themselves. The"
        " slope is that of the Taylor remainder: 2 or more for the right gradient, 1 for a wrong"
        " one, none where the function is linear. The columns of the other dtypes hold value and"
        " gradient, with matrix products at the highest precision, against float64, relative to"
        " the norm of the leaf. Errors are rounded up.",
        f"PASS means: autodiff 1e-12, differences 1e-7, slope 1.8, {report.escape(limits)}. "
        "`python -m jaxnn.gradcheck` judges again, in directions drawn anew.",
        "## Where autodiff is wrong",
        "Above f and f'. Below, over a wider range, the relative error of f' in float64 against "
        f"{digits_for(POINTS)} digits, by hand and by `jax.grad` of the same f: in the saturated"
        " tails the one that subtracts from 1 is left with nothing, an error of 1. (No error at"
        " all is drawn at the bottom.)",
        *(f"[![{report.escape(', '.join(names))}]({sheet}.png)]({sheet}.svg)"
          for sheet, names in SHEETS.items()),
    ]  # fmt: skip
    for family, judged in families.items():
        parts += [f"## {family.capitalize()}", _table(judged)]
    parts += [
        "## Made with",
        report.escape(f"{versions}; {where['processor']} ({where['system']})."),
    ]
    return "\n\n".join(parts) + "\n"


def _table(rows: Iterable[Judged]) -> str:
    dtypes = [np.dtype(dtype).name for dtype in DTYPE_TOLERANCES]
    header = ["Function", "Formula, and the gradient by hand", "autodiff", "differences", "slope",
              *dtypes, "verdict"]  # fmt: skip
    cells = []
    for judged in rows:
        checked = judged.report
        cells.append([
            f"`{judged.row.name}`",
            _formulas(judged.row),
            bound(checked.worst("autodiff")),
            bound(checked.worst("differences")),
            "linear" if math.isnan(checked.slope) else f"{checked.slope:.1f}",
            *(bound(judged.errors[dtype]) for dtype in dtypes),
            "PASS" if judged.passed else "**FAIL**",
        ])  # fmt: skip
    return report.table(header, cells)


def bound(error: float) -> str:
    """The error, rounded up to one digit."""
    if error == 0 or not math.isfinite(error):
        return f"{error:g}"
    up = decimal.Context(prec=1, rounding=decimal.ROUND_UP)
    return f"{up.create_decimal(repr(error)):e}"


def _formulas(row: Case) -> str:
    """Formula and gradient of the function, or of each function that a layer is made of."""
    parts = []
    for function in row.shown:
        name = f"`{function.__name__}`: " if len(row.shown) > 1 else ""
        texts = report.escape(summary(function)), report.escape(derivation(function))
        parts.append(f"{name}{texts[0]}<br>**{texts[1]}**")
    return "<br>".join(parts)


def summary(function: Callable) -> str:
    """What a docstring says first, with the formula that is set apart."""
    first, *others = _paragraphs(function)
    return " ".join(map(_on_one_line, [first, *filter(_is_set_apart, others)]))


def derivation(function: Callable) -> str:
    """What stands under the rule of the function, or of a layer, which has none, under itself."""
    try:
        texts = _paragraphs(vjp_of(function))
    except LookupError:
        texts = [text for text in _paragraphs(function)[1:] if not _is_set_apart(text)]
    return " ".join(map(_on_one_line, texts))


def _paragraphs(function: Callable) -> list[str]:
    """A docstring without the sections on arguments."""
    text = re.split(r"^(?:Args|Returns|Raises):$", inspect.getdoc(function) or "", flags=re.M)[0]
    return [part.rstrip() for part in re.split(r"\n\s*\n", text) if part.strip()]


def _is_set_apart(text: str) -> bool:
    return text.startswith("    ")


def _on_one_line(text: str) -> str:
    """Formulas side by side are told apart by a semicolon, as on paper by the space between."""
    if _is_set_apart(text):
        text = re.sub(r"\s{2,}(?=[^\s\[])", "; ", text.strip()) + "."
    return " ".join(text.split())


# The figures


def draw(sheet: str) -> Figure:
    """Above: f and f'. Below: the error of f' by hand and by autodiff against the exact slope."""
    names = SHEETS[sheet]
    figure, (above, below) = style.subplots(2, 4, size=(18, 8), sharey="row")
    x = np.arange(-600, 601) / 100
    for name, function_ax, error_ax in zip(names, above, below, strict=False):
        with jax.enable_x64(True):
            value, slope = getattr(activations, name)(jnp.asarray(x)), by_hand(name, x)
        function_ax.plot(x, value, label="f")
        function_ax.plot(x, slope, "--", label="f′")
        function_ax.set(title=name, xlabel="x", ylim=(-1.5, 3))
        exact = exact_slopes(name)
        for way, label, marks in ((by_autodiff, "autodiff", "."), (by_hand, "by hand", "x")):
            error = relative_error(way(name, POINTS), exact)
            error_ax.plot(POINTS, np.maximum(error, FLOOR), marks, markersize=4, label=label)
        error_ax.set(yscale="log", xlabel="x", ylim=(FLOOR / 3, 1e2))
    above[0].legend(loc="upper left")
    below[0].legend(loc="upper left")
    below[0].set_ylabel("relative error of f′")
    for unused in [*above[len(names) :], *below[len(names) :]]:
        unused.set_axis_off()
    return figure


def by_hand(name: str, x: np.ndarray) -> np.ndarray:
    """f'(x) in float64 by the rule under f."""
    with jax.enable_x64(True):
        slopes = vjp_of(getattr(activations, name))(jnp.asarray(x), jnp.ones(x.shape))
        return np.asarray(slopes)


def by_autodiff(name: str, x: np.ndarray) -> np.ndarray:
    """f'(x) in float64 by jax.grad of f."""
    with jax.enable_x64(True):
        return np.asarray(jax.vmap(jax.grad(getattr(activations, name)))(jnp.asarray(x)))


def exact_slopes(name: str, points: Sequence[float] = tuple(POINTS)) -> np.ndarray:
    """f'(x) by differences of the definition of f in enough digits, rounded to float64."""
    import mpmath

    return gradcheck.exact_slopes(_definitions(mpmath)[name], points)


def relative_error(slopes: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """|slope - exact| / |exact|; NaN where the exact slope is all but 0 in float64."""
    error = np.abs(slopes - exact)
    size = np.abs(exact)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(error == 0, 0.0, error / size)
    return np.where((size > 0) & (size < SMALLEST), np.nan, ratio)


def _definitions(mp: Any) -> dict[str, Definition]:
    """The scalar activations as they are defined, for numbers of any precision."""

    def logistic(x):
        return 1 / (1 + mp.exp(-x))

    def gelu_tanh(x):
        return x * logistic(mp.sqrt(8 / mp.pi) * (x + 0.044715 * x**3))

    def hard_sigmoid(x):
        return min(max(x + 3, 0), 6) / mp.mpf(6)

    scale, alpha = activations.SELU_SCALE, activations.SELU_ALPHA
    return {
        "identity": lambda x: x,
        "step": lambda x: mp.mpf(x > 0),
        "sigmoid": logistic,
        "tanh": mp.tanh,
        "relu": lambda x: max(x, 0),
        "leaky_relu": lambda x: x if x > 0 else 0.1 * x,
        "elu": lambda x: x if x > 0 else mp.exp(x) - 1,
        "selu": lambda x: scale * (x if x > 0 else alpha * (mp.exp(x) - 1)),
        "softplus": lambda x: mp.log(1 + mp.exp(x)),
        "swish": lambda x: x * logistic(x),
        "gelu": lambda x: x * mp.erfc(-x / mp.sqrt(2)) / 2,
        "gelu_tanh": gelu_tanh,
        "hard_sigmoid": hard_sigmoid,
        "hard_tanh": lambda x: min(max(x, -1), 1),
        "hard_swish": lambda x: x * hard_sigmoid(x),
    }
