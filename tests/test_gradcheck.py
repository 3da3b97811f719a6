"""The table of gradients, and the proof that its referee catches wrong ones."""

import importlib
import inspect
import pkgutil

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

import jaxnn
from jaxnn import (
    activations,
    gradcheck,
    layers,
    logistic_regression,
    losses,
    perceptron,
    regularizers,
)
from jaxnn.activations import sigmoid
from jaxnn.gradcheck import check_gradients
from jaxnn.gradcheck.check import as_float64, cast
from jaxnn.gradcheck.table import DTYPE_TOLERANCES
from jaxnn.layers import Layer

ROWS = gradcheck.cases()
each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


@each_row
def test_hand_derived_gradient_agrees_with_autodiff_and_differences(row):
    report = gradcheck.check_case(row)
    assert report.passed, str(report)
    assert not any(argument.kinks for argument in report.arguments), "move the inputs off the kink"


def test_every_hand_derived_gradient_has_a_row():
    tested = {getattr(row.function, "func", row.function) for row in ROWS}
    ruled = {
        function
        for module in _modules()
        for name, function in _functions(module).items()
        if f"{name}_vjp" in _functions(module)
    }
    assert {f.__qualname__ for f in ruled - tested} == set()


def test_every_layer_has_a_row():
    rows = [row for row in ROWS if row.is_layer]
    made = {name for name, f in vars(layers).items() if isinstance(f, Layer) or _gives_a_layer(f)}
    of_functions = {"activation", "stateless"}  # by them layers are made of functions
    assert made - {row.name.partition(" ")[0] for row in rows} == of_functions


def _gives_a_layer(function):
    return inspect.isfunction(function) and inspect.signature(function).return_annotation is Layer


NOT_TRAINED_THROUGH = {
    "jaxnn.layers": {"causal_mask", "sinusoidal_encoding"},  # constants
    "jaxnn.losses": {"aligned"},  # the targets, in another shape
    "jaxnn.regularizers": {
        "l1", "l2", "elastic_net", "over_kernels", "is_kernel", "kernels", "kernel_norm",
    },
    "jaxnn.perceptron": {  # a threshold has no slope, and the line has a rule of its own to learn
        "perceptron", "logical_and", "logical_nand", "logical_or", "logical_xor",
        "slope_error", "slope_change", "learn_slope",
    },
    "jaxnn.logistic_regression": {
        "initialize_with_zeros", "probabilities", "propagate", "optimize", "predict",
    },
}  # fmt: skip


@pytest.mark.parametrize(
    "package", [activations, losses, layers, regularizers, perceptron, logistic_regression]
)
def test_what_has_no_rule_is_not_trained_through(package):
    public = {
        name
        for name, f in vars(package).items()
        if inspect.isfunction(f)
        and f.__module__.startswith(package.__name__)
        and not name.startswith("_")
        and not name.endswith("_vjp")
        and not _gives_a_layer(f)
    }
    without = {name for name in public if not hasattr(package, f"{name}_vjp")}
    assert without == NOT_TRAINED_THROUGH.get(package.__name__, set())


@pytest.mark.parametrize("package", [activations, losses])
def test_every_public_function_has_a_hand_derived_gradient_right_under_it(package):
    for module in _modules():
        has_none = module.__name__.endswith((".common", ".pairing"))
        if not module.__name__.startswith(package.__name__) or has_none:
            continue
        public = [name for name in _functions(module) if not name.startswith("_")]
        plain = [name for name in public if not name.endswith("_vjp")]
        assert public == [name for p in plain for name in (p, f"{p}_vjp")], module.__name__


@pytest.mark.quick
def test_rule_takes_the_arguments_of_its_function_and_the_cotangent():
    for row in ROWS:
        function = getattr(row.function, "func", row.function)
        rule = getattr(row.vjp, "func", row.vjp)
        expected = list(inspect.signature(function).parameters.values())
        actual = [p for p in inspect.signature(rule).parameters.values() if p.name != "cotangent"]
        assert [(p.name, p.kind, p.default) for p in actual] == [
            (p.name, p.kind, p.default) for p in expected
        ], row.name


def _modules():
    names = [info.name for info in pkgutil.walk_packages(jaxnn.__path__, "jaxnn.")]
    return [importlib.import_module(name) for name in names if not name.endswith("__main__")]


def _functions(module):
    return {
        name: f
        for name, f in vars(module).items()
        if inspect.isfunction(f) and f.__module__ == module.__name__
    }


@each_row
def test_jit_vmap_and_scan_give_the_same_numbers(row):
    with jax.enable_x64(True):
        inputs = jax.tree.map(as_float64, row.inputs)
        shapes = jax.eval_shape(row.function, *inputs)
        cotangent = jax.tree.map(lambda y: np.cos(np.arange(y.size)).reshape(y.shape), shapes)

        def one_fn(inputs, cotangent):
            return row.function(*inputs), row.vjp(*inputs, cotangent)

        @jax.jit
        def both_fn(two):
            scanned = jax.lax.scan(lambda _, pair: (None, one_fn(*pair)), None, two)[1]
            return jax.vmap(one_fn)(*two), scanned

        two = jax.tree.map(_with_a_smaller_one, (row.inputs, cotangent))
        _assert_close(*both_fn(two))
        _assert_close(*both_fn(jax.tree.map(_turned, two)))
        assert both_fn._cache_size() == 1, "the second call compiled again"


def _with_a_smaller_one(leaf):
    if isinstance(leaf, jax.Array):  # a key
        return jnp.stack([leaf, leaf])
    if np.issubdtype(np.asarray(leaf).dtype, np.floating):
        return np.stack([np.float64(leaf), 0.9 * np.float64(leaf)])
    return np.stack([leaf, leaf])


def _turned(leaf):
    return leaf if isinstance(leaf, jax.Array) else leaf[::-1]


def _assert_close(actual, expected):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13), actual, expected
    )


@each_row
def test_lower_precision_stays_near_float64(row):
    errors = gradcheck.dtype_errors(row, *DTYPE_TOLERANCES)
    assert (np.max(errors, axis=1) < list(DTYPE_TOLERANCES.values())).all(), errors


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64, jnp.bfloat16])
@each_row
def test_dtype_is_kept(row, dtype):
    with jax.enable_x64(True):
        inputs = jax.tree.map(lambda leaf: _shape_of(leaf, dtype), row.inputs)
        y = jax.eval_shape(row.function, *inputs)
        gradients = jax.eval_shape(row.vjp, *inputs, y)
    assert {leaf.dtype for leaf in jax.tree.leaves((y, gradients))} == {np.dtype(dtype)}


def _shape_of(leaf, dtype):
    """What is traced in its place, of this dtype where it is of floats."""
    own = leaf.dtype if isinstance(leaf, jax.Array) else np.asarray(leaf).dtype
    return jax.ShapeDtypeStruct(leaf.shape, dtype if jnp.issubdtype(own, jnp.floating) else own)


ANOTHER_SHAPE = (
    lambda shape: (*shape, 1),
    lambda shape: (1, *shape),
    lambda shape: shape[1:] if shape else (2,),
)


@pytest.mark.usefixtures("no_type_checker")
@pytest.mark.parametrize(
    "row",
    [r for r in ROWS if r.name != "dropout (evaluation)"],  # the identity: it has kept no shape
    ids=lambda row: row.name,
)
def test_a_cotangent_of_another_shape_is_refused(row):
    inputs = jax.tree.map(lambda leaf: _shape_of(leaf, jnp.float32), row.inputs)
    y = jax.eval_shape(row.function, *inputs)
    for change in ANOTHER_SHAPE:
        wrong = jax.tree.map(
            lambda leaf, change=change: jax.ShapeDtypeStruct(change(leaf.shape), leaf.dtype), y
        )
        with pytest.raises(ValueError, match=r"the cotangent must have the shape .*, got \("):
            jax.eval_shape(row.vjp, *inputs, wrong)


SETTINGS = ("negative_slope", "alpha", "delta", "strength", "l1", "l2", "epsilon", "rate")


@pytest.mark.parametrize(
    "row", [row for row in ROWS if any(f"{name}=" in row.name for name in SETTINGS)],
    ids=lambda row: row.name,
)  # fmt: skip
def test_dtype_is_kept_by_a_setting_of_another_one(row):
    settings = row.function.keywords
    inputs = jax.tree.map(lambda leaf: cast(leaf, jnp.bfloat16), row.inputs)

    @jax.jit
    def run(inputs, settings):
        y = row.function.func(*inputs, **settings)
        return y, row.vjp.func(*inputs, y, **settings)

    swept = jax.tree.map(jnp.float32, settings)
    assert {leaf.dtype for leaf in jax.tree.leaves(run(inputs, swept))} == {np.dtype(jnp.bfloat16)}


def test_wrong_autodiff_is_told_from_a_wrong_rule():
    @jax.custom_jvp
    def square(x):
        return x * x

    square.defjvps(lambda dx, y, x: 3 * x * dx)
    report = check_gradients(square, lambda x, dy: 2 * x * dy, np.arange(1.0, 4))
    assert report.failed == ("autodiff",)
    assert report.arguments[0].verdict == "autodiff is wrong"


@pytest.mark.parametrize("x", [25.0, -30.0])
def test_in_a_saturated_tail_differences_cannot_tell_and_mpmath_is_the_judge(x):
    function, rule = activations.tanh, activations.tanh_vjp
    (report,) = check_gradients(function, rule, np.array([x])).arguments
    assert report.verdict == "hand and autodiff differ by less than the differences can tell"
    with jax.enable_x64(True):
        by_hand, by_autodiff = rule(jnp.asarray([x]), jnp.ones(1)), jax.grad(function)(x)
    np.testing.assert_allclose(by_hand, gradcheck.exact_slopes(mpmath.tanh, [x]), rtol=1e-14)
    assert by_autodiff == 0


@pytest.mark.quick
def test_kinks_are_counted():
    x = np.array([-1.0, 0.0, 0.0, 1.0])
    report = check_gradients(jnp.abs, lambda x, dy: jnp.sign(x) * dy, x)
    assert report.arguments[0].kinks == 2


def test_mistake_shared_with_autodiff_is_found_by_differences():
    def square(x):
        return x * jax.lax.stop_gradient(x)

    report = check_gradients(square, lambda x, dy: x * dy, np.arange(1.0, 4))
    assert report.failed == ("differences", "taylor")


def test_directions_are_drawn_anew_and_a_seed_repeats_them():
    def check(seed=None):
        return check_gradients(sigmoid, activations.sigmoid_vjp, np.arange(3.0), seed=seed)

    first, second = check(), check()
    assert first.seed != second.seed
    assert first.slope != second.slope
    assert check(first.seed) == first


def test_inputs_without_elements_pass():
    report = check_gradients(sigmoid, activations.sigmoid_vjp, np.zeros((0, 3)))
    assert report.passed
    assert np.isnan(report.slope)


@pytest.mark.quick
def test_table_prints_a_verdict_for_each_row():
    right = next(row for row in ROWS if row.name == "sigmoid")
    parts = gradcheck.Parts(right.function, lambda x, dy: dy, right.inputs)
    wrong = gradcheck.Case("wrong", lambda: parts)
    lines = gradcheck.table([right, wrong]).splitlines()[1:]
    assert [line.split()[0] + line.split()[-1] for line in lines] == ["sigmoidPASS", "wrongFAIL"]
