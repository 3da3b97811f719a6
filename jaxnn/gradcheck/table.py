"""The table of everything differentiable in jaxnn, one row per function and setting.

A family is a function that gives a list of cases; whoever adds a function adds its row to a family,
and whoever adds a module adds a family to FAMILIES. Inputs stay MARGIN away from kinks and ties.
"""

import functools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn import activations, layers, losses, regularizers
from jaxnn.gradcheck.check import GradientReport, as_float64, cast, check_gradients
from jaxnn.gradcheck.classical_cases import classical_cases
from jaxnn.rules import vjp_of

MARGIN = 0.05
DTYPE_TOLERANCES = {jnp.float32: 1e-5, jnp.float16: 5e-3, jnp.bfloat16: 3e-2}  # against float64


class Case(NamedTuple):
    """A function, its hand-derived gradient, and a point at which to compare the two.

    Attributes:
      name: the function and its settings.
      function: trees of arrays -> tree of arrays.
      vjp: (*inputs, cotangent) -> cotangents of the inputs `argnums`.
      inputs: arrays or trees of them, float64.
      argnums: the differentiable inputs, as in `jax.grad`.
    """

    name: str
    function: Callable
    vjp: Callable
    inputs: tuple[Any, ...]
    argnums: int | tuple[int, ...] = 0


def case(
    function: Callable, *inputs: Any, argnums: int | tuple[int, ...] = 0, note: str = "", **settings
) -> Case:
    """The case of a function that has its `_vjp` beside it; settings are bound to both."""
    bound = functools.partial(function, **settings) if settings else function
    notes = [note] if note else [f"{key}={value}" for key, value in settings.items()]
    name = function.__name__ + (f" ({', '.join(notes)})" if notes else "")
    return Case(name, bound, vjp_of(bound), inputs, argnums)


def layer_case(
    name: str,
    layer: layers.Layer,
    in_shape: tuple[int, ...],
    *,
    batch: int = 3,
    seed: int = 0,
    train: bool = True,
) -> Case:
    """The case of a layer as a function of (params, x, state, key), differentiable in two of them.

    Noise is added to the initial params, since zeros and ones would hide a mistake.
    """
    random = np.random.default_rng(seed)
    params, state, _ = layer.init(jax.random.key(seed), in_shape)
    params = jax.tree.map(lambda p: np.asarray(p) + 0.1 * random.normal(size=p.shape), params)

    def function(params, x, state, key):
        return layer.forward(params, state, x, key, train)[0]

    def vjp(params, x, state, key, cotangent):
        _, _, saved = layer.forward(params, state, x, key, train)
        return layer.backward(params, saved, cotangent)

    x = random.normal(size=(batch, *in_shape))
    return Case(name, function, vjp, (params, x, state, jax.random.key(seed + 1)), (0, 1))


def activation_cases() -> list[Case]:
    x = 2 * _random().normal(size=(4, 6))
    smooth = (
        activations.identity,
        activations.sigmoid,
        activations.tanh,
        activations.softplus,
        activations.swish,
        activations.gelu,
        activations.gelu_tanh,
        activations.softmax,
        activations.log_softmax,
    )
    return [
        *(case(function, x) for function in smooth),
        *(case(function, x, axis=0) for function in (activations.softmax, activations.log_softmax)),
        case(activations.step, _away(x, 0)),
        case(activations.relu, _away(x, 0)),
        case(activations.leaky_relu, _away(x, 0)),
        case(activations.leaky_relu, _away(x, 0), negative_slope=0.01),
        case(activations.elu, _away(x, 0)),
        case(activations.elu, _away(x, 0), alpha=0.5),
        case(activations.selu, _away(x, 0)),
        case(activations.hard_sigmoid, _away(x, -3, 3)),
        case(activations.hard_tanh, _away(x, -1, 1)),
        case(activations.hard_swish, _away(x, -3, 3)),
        case(activations.maxout, _apart(4, 6)),
        case(activations.maxout, _apart(4, 6), pieces=3),
    ]


def loss_cases() -> list[Case]:
    random = _random()
    predictions, column = random.normal(size=(5, 4)), random.normal(size=(5, 1))
    near = predictions + _away(random.normal(size=(5, 4)), 0, 0.5, -0.5, 1, -1)
    labels, binary = random.integers(0, 4, 5), random.integers(0, 2, 5)
    p, t = (random.dirichlet(np.full(4, 5.0), 5) for _ in range(2))
    one_hot, soft = np.eye(4)[labels], random.uniform(0, 1, 5)
    hinge_scores = _away(random.normal(size=5), 1, -1)
    scores = _apart(8, 4) / 2
    leading = np.where(np.arange(8) < 6, scores.argmax(axis=1), 0)  # by more and by less than 1
    return [
        case(losses.absolute_error, predictions, near),
        case(losses.squared_error, predictions, near),
        case(losses.squared_error, column, random.normal(size=5), note="one output"),
        case(losses.huber, predictions, near),
        case(losses.huber, predictions, near, delta=0.5),
        case(losses.binary_cross_entropy, p[:, :1], binary),
        case(losses.binary_cross_entropy, p[:, 0], soft, note="soft labels"),
        case(losses.sigmoid_binary_cross_entropy, column, binary),
        case(losses.sigmoid_binary_cross_entropy, column[:, 0], soft, note="soft labels"),
        case(losses.softmax_cross_entropy, predictions, labels),
        case(losses.softmax_cross_entropy, predictions[0], labels[0], note="no batch"),
        case(losses.negative_log_likelihood, np.log(p), labels),
        case(losses.categorical_cross_entropy, p, t),
        case(losses.categorical_cross_entropy, p, one_hot, note="one-hot"),
        case(losses.softmax_cross_entropy_with_soft_targets, predictions, t),
        case(losses.softmax_cross_entropy_with_soft_targets, predictions, one_hot, note="one-hot"),
        case(losses.smooth_labels, t),
        case(losses.smoothed_softmax_cross_entropy, predictions, labels),
        case(losses.smoothed_softmax_cross_entropy, predictions, labels, alpha=0.4),
        case(losses.hinge, hinge_scores, 2 * binary - 1),
        case(losses.multiclass_hinge, scores, leading),
        case(losses.kl_divergence, p, t),
        case(losses.js_divergence, p, t),
        case(losses.js_divergence, p, one_hot, note="one-hot"),
        case(losses.reduce, predictions[:, 0]),
        case(losses.reduce, predictions[:, 0], how="sum"),
        case(losses.reduce, predictions[:, 0], note="weights", weights=jnp.asarray(binary)),
    ]


def regularizer_cases() -> list[Case]:
    weights = _away(_random().normal(size=(4, 3)), 0)
    return [
        case(regularizers.l1_penalty, weights, strength=0.3),
        case(regularizers.l2_penalty, weights, strength=0.3),
        case(regularizers.elastic_net_penalty, weights, l1=0.3, l2=0.2),
    ]


def layer_cases() -> list[Case]:
    random = _random()
    x, kernel, bias = (random.normal(size=shape) for shape in ((5, 4), (4, 3), (3,)))
    square = random.normal(size=(4, 4))
    network = layers.serial(layers.dense(4), layers.tanh, layers.dense(3))
    return [
        case(layers.affine, x, kernel, bias, argnums=(0, 1, 2)),
        case(layers.affine, x[:4], square, square[0], argnums=(0, 1, 2), note="square"),
        layer_case("dense", layers.dense(3), (4,)),
        layer_case("dense (square)", layers.dense(4), (4,)),
        layer_case("dense (without bias)", layers.dense(3, use_bias=False), (4,)),
        layer_case("dense (of images)", layers.dense(3), (2, 2, 4)),
        layer_case("flatten", layers.flatten, (2, 3)),
        layer_case("serial", network, (5,)),
    ]


def image_cases() -> list[Case]:
    from jaxnn.gradcheck import image_cases as family  # it imports this module

    return family.image_cases()


FAMILIES: dict[str, Callable[[], list[Case]]] = {
    "activations": activation_cases,
    "losses": loss_cases,
    "regularizers": regularizer_cases,
    "layers": layer_cases,
    "images": image_cases,
    "classical": classical_cases,
}


def cases(*families: str) -> list[Case]:
    """The rows of the table, or of the named families."""
    return [row for family in families or FAMILIES for row in FAMILIES[family]()]


def check_case(row: Case, *, seed: int | None = None) -> GradientReport:
    return check_gradients(row.function, row.vjp, *row.inputs, argnums=row.argnums, seed=seed)


def dtype_errors(row: Case, *dtypes: Any, seed: int = 0) -> list[tuple[float, float]]:
    """Relative errors ||a - b|| / ||b|| of value and gradient in each dtype against float64.

    The error is that of the worst leaf. (A leaf that is 0 beside others is measured against 1% of
    the root mean square of them all.) All start from inputs that are rounded to bfloat16, which
    every dtype can hold but for its range. Matrix products run at the highest precision.
    """
    random = np.random.default_rng(seed)
    with jax.enable_x64(True), jax.default_matmul_precision("highest"):
        shapes = jax.eval_shape(row.function, *jax.tree.map(as_float64, row.inputs))
        dy = jax.tree.map(lambda y: random.normal(size=y.shape), shapes)
        point = jax.tree.map(lambda leaf: as_float64(cast(leaf, jnp.bfloat16)), (row.inputs, dy))

        @jax.jit
        def run(point):
            results = []
            for dtype in (jnp.float64, *dtypes):
                x, dy = jax.tree.map(lambda leaf, dtype=dtype: cast(leaf, dtype), point)
                both = row.function(*x), row.vjp(*x, dy)
                results.append([jax.tree.leaves(jax.tree.map(as_float64, tree)) for tree in both])
            return results

        exact, *low = jax.tree.map(np.asarray, run(point))
    return [(_norm_error(y, exact[0]), _norm_error(dx, exact[1])) for y, dx in low]


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


def _random() -> np.random.Generator:
    return np.random.default_rng(0)


def _away(x: np.ndarray, *kinks: float | int) -> np.ndarray:
    """X with the elements near a kink moved to twice the margin from it."""
    for kink in kinks:
        side = np.where(x < kink, -2 * MARGIN, 2 * MARGIN)
        x = np.where(np.abs(x - kink) < MARGIN, kink + side, x)
    return x


def _apart(rows: int, columns: int) -> np.ndarray:
    """Numbers in [-2, 2] no two of which are closer than a margin."""
    order = _random().permutation(rows * columns).reshape(rows, columns)
    return 4 * order / (rows * columns - 1) - 2.0
