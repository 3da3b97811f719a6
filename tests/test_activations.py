"""Activations against independent references, the slides, limits, tails and bad input."""

import decimal
import functools
import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats

from jaxnn import activations

NAMES = [name for name in vars(activations) if f"{name}_vjp" in vars(activations)]
SAME_SHAPE = [name for name in NAMES if name != "maxout"]
POINTS = np.concatenate([np.linspace(-8, 8, 33), [-40.0, 40.0, -700.0, 700.0]])

SCIPY = {
    "step": lambda x: np.heaviside(x, 0),
    "identity": lambda x: x,
    "sigmoid": scipy.special.expit,
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.maximum(x, 0.1 * x),
    "elu": lambda x: np.where(x < 0, np.expm1(np.minimum(x, 0)), x),
    "softplus": lambda x: -scipy.special.log_expit(-x),
    "swish": lambda x: x * scipy.special.expit(x),
    "gelu": lambda x: x * scipy.stats.norm.cdf(x),
    "softmax": scipy.special.softmax,
}
JAX = {
    "identity": jax.nn.identity,
    "sigmoid": jax.nn.sigmoid,
    "tanh": jax.nn.tanh,
    "relu": jax.nn.relu,
    "leaky_relu": functools.partial(jax.nn.leaky_relu, negative_slope=0.1),
    "gelu": functools.partial(jax.nn.gelu, approximate=False),
    "elu": jax.nn.elu,
    "selu": jax.nn.selu,
    "softplus": jax.nn.softplus,
    "swish": jax.nn.swish,
    "gelu_tanh": functools.partial(jax.nn.gelu, approximate=True),
    "hard_sigmoid": jax.nn.hard_sigmoid,
    "hard_tanh": jax.nn.hard_tanh,
    "hard_swish": jax.nn.hard_swish,
    "softmax": jax.nn.softmax,
    "log_softmax": jax.nn.log_softmax,
}


def both(name):
    return getattr(activations, name), getattr(activations, f"{name}_vjp")


@pytest.mark.parametrize("name", SCIPY)
def test_value_agrees_with_scipy(name):
    with jax.enable_x64(True):
        actual = both(name)[0](jnp.asarray(POINTS))
    np.testing.assert_allclose(actual, SCIPY[name](POINTS), rtol=1e-13, atol=1e-280)


@pytest.mark.parametrize("name", JAX)
def test_value_and_gradient_agree_with_jax_nn(name):
    function, rule = both(name)
    with jax.enable_x64(True):
        x = jnp.asarray(np.linspace(-7.7, 7.7, 34))  # between the kinks
        value, pullback = jax.vjp(JAX[name], x)
        np.testing.assert_allclose(function(x), value, rtol=1e-12, atol=1e-14)
        dy = jnp.cos(x)
        np.testing.assert_allclose(rule(x, dy), *pullback(dy), rtol=1e-11, atol=1e-13)


def exact_slope(name, x):
    """f'(x) in 60 digits, straight from the definition of f."""
    with decimal.localcontext(prec=60):
        x = decimal.Decimal(x)
        e = x.exp()
        slopes = {
            "sigmoid": lambda: e / (1 + e) ** 2,
            "tanh": lambda: 4 / (e + 1 / e) ** 2,
            "softplus": lambda: e / (1 + e),
            "elu": lambda: e if x < 0 else decimal.Decimal(1),
            "swish": lambda: e / (1 + e) + x * e / (1 + e) ** 2,
        }
        return float(slopes[name]())


@pytest.mark.parametrize("x", [-300.0, -60.0, -37.5, -19.5, -2.0, 0.5, 19.5, 37.5, 60.0, 300.0])
@pytest.mark.parametrize("name", ["sigmoid", "tanh", "softplus", "elu", "swish"])
def test_gradient_is_right_in_the_tails(name, x):
    with jax.enable_x64(True):
        actual = both(name)[1](jnp.asarray(x), jnp.asarray(1.0))
    # e^x itself is only known to |x| rounding errors
    np.testing.assert_allclose(actual, exact_slope(name, x), rtol=3e-16 * max(8, 4 * abs(x)))


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "softplus", "swish", "gelu", "gelu_tanh"])
def test_autodiff_agrees_where_the_formula_changes_sides(name):
    function, vjp = getattr(activations, name), getattr(activations, f"{name}_vjp")
    assert jax.grad(function)(0.0) == vjp(jnp.asarray(0.0), jnp.asarray(1.0)) > 0


@pytest.mark.parametrize(("name", "x"), [("tanh", 25.0), ("elu", -40.0)])
def test_gradient_is_right_where_autodiff_gives_zero(name, x):
    function, rule = both(name)
    with jax.enable_x64(True):
        exact = float(exact_slope(name, x))
        is_zero = name == "tanh" or jax.__version_info__ < (0, 12)  # then expm1 became exact
        np.testing.assert_allclose(jax.grad(function)(x), 0 if is_zero else exact)
        np.testing.assert_allclose(rule(jnp.asarray(x), jnp.asarray(1.0)), exact)


def test_gelu_and_its_gradient_are_right_in_the_left_tail():
    with jax.enable_x64(True):
        x = jnp.asarray([-30.0, -12.0])
        normal = scipy.stats.norm
        slopes = normal.cdf(x) + x * normal.pdf(x)
        np.testing.assert_allclose(activations.gelu(x), x * normal.cdf(x), rtol=1e-12)
        np.testing.assert_allclose(activations.gelu_vjp(x, jnp.ones(2)), slopes, rtol=1e-12)


def test_softmax_gradient_of_a_dominant_score_does_not_cancel():
    with jax.enable_x64(True):
        x, dy = jnp.asarray([50.0, 0.0]), jnp.asarray([3.0, 1.0])
        slope = np.exp(-50.0) / (1 + np.exp(-50.0)) ** 2  # p (1 - p)
        dx = activations.softmax_vjp(x, dy)
        np.testing.assert_allclose(dx, [2 * slope, -2 * slope], rtol=1e-14)
        assert jax.vjp(activations.softmax, x)[1](dy)[0][0] == 0  # as autodiff has it


def test_log_softmax_of_a_dominant_score_does_not_cancel():
    with jax.enable_x64(True):
        actual = activations.log_softmax(jnp.asarray([50.0, 0.0]))
    np.testing.assert_allclose(actual, [-np.exp(-50.0), -50.0], rtol=1e-14)


BIG = [1e4, 3e38, np.inf]
LIMITS = {  # f and f' far to the left and far to the right; None: see below
    "step": (0, 0, 1, 0),
    "identity": (None, 1, None, 1),
    "sigmoid": (0, 0, 1, 0),
    "tanh": (-1, 0, 1, 0),
    "relu": (0, 0, None, 1),
    "leaky_relu": (None, 0.1, None, 1),
    "elu": (-1, 0, None, 1),
    "selu": (-activations.SELU_SCALE * activations.SELU_ALPHA, 0, None, activations.SELU_SCALE),
    "softplus": (0, 0, None, 1),
    "swish": (0, 0, None, 1),
    "gelu": (0, 0, None, 1),
    "gelu_tanh": (0, 0, None, 1),
    "hard_sigmoid": (0, 0, 1, 0),
    "hard_tanh": (-1, 0, 1, 0),
    "hard_swish": (0, 0, None, 1),
}


@pytest.mark.parametrize("name", LIMITS)
def test_extreme_input_gives_the_limit(name):
    function, rule = both(name)
    left_value, left_slope, right_value, right_slope = LIMITS[name]
    for big in BIG:
        x = jnp.asarray([-big, big], jnp.float32)
        limits = [left_value, right_value]
        unbounded = right_slope * x if right_slope else x
        if name == "leaky_relu":
            unbounded = jnp.asarray([0.1 * -big, big], jnp.float32)
        expected = [u if v is None else v for u, v in zip(unbounded, limits, strict=True)]
        np.testing.assert_allclose(function(x), expected, rtol=1e-6)
        slopes = rule(x, jnp.ones(2))
        np.testing.assert_allclose(slopes, [left_slope, right_slope], rtol=1e-6, atol=1e-30)


def test_leaky_relu_of_slope_zero_is_relu_even_at_infinity():
    x = jnp.asarray([-jnp.inf, -1.0, 2.0])
    actual = activations.leaky_relu(x, negative_slope=0)
    np.testing.assert_array_equal(actual, activations.relu(x))


AT_KINK = {
    "step": {0: (0, 0)},
    "relu": {0: (0, 0)},
    "leaky_relu": {0: (0, 0.1)},
    "elu": {0: (0, 1)},
    "selu": {0: (0, activations.SELU_SCALE)},
    "hard_sigmoid": {-3: (0, 0), 3: (1, 0)},
    "hard_tanh": {-1: (-1, 0), 1: (1, 0)},
    "hard_swish": {-3: (0, 0), 3: (3, 1)},
}


@pytest.mark.parametrize("name", AT_KINK)
def test_value_and_slope_at_a_kink_are_the_documented_ones(name):
    function, rule = both(name)
    for kink, (value, slope) in AT_KINK[name].items():
        x = jnp.asarray(float(kink))
        actual = [float(function(x)), float(rule(x, jnp.ones(())))]
        np.testing.assert_allclose(actual, [value, slope], rtol=1e-6)


@pytest.mark.parametrize("name", SAME_SHAPE)
@pytest.mark.parametrize("shape", [(0, 3), (1,), (2, 3, 4)])
def test_any_shape_even_an_empty_one_is_kept(name, shape):
    function, rule = both(name)
    x = jnp.ones(shape)
    assert function(x).shape == rule(x, x).shape == shape


@pytest.mark.parametrize("name", NAMES)
def test_nan_is_not_hidden(name):
    x = jnp.asarray([jnp.nan, 1.0])
    assert np.isnan(both(name)[0](x)[0])


# Softmax and log-softmax


@pytest.mark.parametrize(
    ("scores", "probabilities"),
    [
        ([0.0, 0.0, 0.0, 0.0], [0.25, 0.25, 0.25, 0.25]),
        ([3e38, 3e38, -3e38], [0.5, 0.5, 0.0]),
        ([1e4, -1e4, 0.0], [1.0, 0.0, 0.0]),
        ([np.inf, 0.0, 3e38], [1.0, 0.0, 0.0]),
        ([np.inf, np.inf, 0.0], [0.5, 0.5, 0.0]),
        ([-np.inf, 0.0, 0.0], [0.0, 0.5, 0.5]),
        ([-np.inf, -np.inf], [0.5, 0.5]),
        ([5.0], [1.0]),
    ],
)
def test_softmax_of_extreme_scores(scores, probabilities):
    x = jnp.asarray(scores)
    np.testing.assert_allclose(activations.softmax(x), probabilities, rtol=1e-6)
    np.testing.assert_allclose(np.exp(activations.log_softmax(x)), probabilities, rtol=1e-6)
    for rule in (activations.softmax_vjp, activations.log_softmax_vjp):
        dx = rule(x, jnp.arange(1.0, 1 + x.size))
        assert np.isfinite(dx).all()
        np.testing.assert_allclose(dx.sum(), 0, atol=1e-6)


@pytest.mark.quick
def test_softmax_ignores_a_shift_and_follows_a_permutation():
    with jax.enable_x64(True):
        x = jnp.asarray([0.3, -1.0, 2.0])
        p = activations.softmax(x)
        np.testing.assert_allclose(activations.softmax(x + 100.0), p, rtol=1e-13)
        np.testing.assert_array_equal(activations.softmax(x[::-1]), p[::-1])


def test_autodiff_of_log_softmax_is_right_at_ties():
    with jax.enable_x64(True):
        x, dy = jnp.asarray([2.0, 2.0, 1.0]), jnp.asarray([1.0, -0.5, 0.2])
        (dx,) = jax.vjp(activations.log_softmax, x)[1](dy)
        np.testing.assert_allclose(activations.log_softmax_vjp(x, dy), dx, rtol=1e-13)


# Maxout


def test_maxout_is_the_slides_maximum_of_two_affine_functions():
    kernel, bias = jnp.asarray([[1.0, -1.0], [0.5, 2.0]]), jnp.asarray([0.0, -1.0])
    x = kernel @ jnp.asarray([2.0, 1.0]) + bias
    assert activations.maxout(x) == 2.0


def test_maxout_compares_neighbours_and_the_first_of_tied_pieces_wins():
    x = jnp.asarray([[1.0, 2.0, 4.0, 3.0, 5.0, 5.0]])
    dy = jnp.asarray([[10.0, 20.0, 30.0]])
    np.testing.assert_array_equal(activations.maxout(x), [[2.0, 4.0, 5.0]])
    np.testing.assert_array_equal(activations.maxout_vjp(x, dy), [[0, 10, 20, 0, 30, 0]])
    np.testing.assert_array_equal(activations.maxout(x, pieces=1), x)
    np.testing.assert_array_equal(activations.maxout_vjp(x, x, pieces=1), x)


def test_maxout_with_zeros_is_relu():
    x = jnp.linspace(-2, 2, 7)
    pairs = jnp.stack([jnp.zeros_like(x), x], axis=-1)
    np.testing.assert_array_equal(activations.maxout(pairs)[..., 0], activations.relu(x))


# The slides


@pytest.mark.quick
def test_slides_values():
    x = jnp.asarray([1.0, 2.0])
    np.testing.assert_allclose(activations.sigmoid(x), [0.731, 0.881], atol=5e-4)
    matrix = jnp.asarray([[-1.0, 3, 2], [0, 2, -3], [-1, -4, 1]])
    np.testing.assert_array_equal(activations.relu(matrix), [[0, 3, 2], [0, 2, 0], [0, 0, 1]])
    tanh = [[-0.762, 0.995, 0.964], [0, 0.964, -0.995], [-0.762, -0.999, 0.762]]
    np.testing.assert_allclose(activations.tanh(matrix), tanh, atol=5e-4)


def test_swish_has_its_minimum_where_the_docstring_says():
    with jax.enable_x64(True):
        place = jnp.asarray(-1.278464542761074)
        assert abs(activations.swish_vjp(place, jnp.ones(()))) < 1e-15
        np.testing.assert_allclose(activations.swish(place), -0.278464542761074, rtol=1e-14)


# Bad input


@pytest.fixture(scope="module")
def plain():
    """A copy of the module as users have it: without the shape checker of the tests."""
    spec = importlib.util.spec_from_file_location("plain_activations", activations.__file__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield module


@pytest.mark.parametrize("name", NAMES)
def test_integers_are_refused(plain, name):
    with pytest.raises(TypeError, match="floats, got int32"):
        getattr(plain, name)(jnp.arange(4))


@pytest.mark.parametrize("name", NAMES)
def test_cotangent_of_another_shape_is_refused(plain, name):
    with pytest.raises(ValueError, match=r"cotangent .* \(3, [24]\) .* \(4,\)"):
        getattr(plain, f"{name}_vjp")(jnp.ones((3, 4)), jnp.ones(4))


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("leaky_relu", {"negative_slope": -0.1}),
        ("leaky_relu", {"negative_slope": np.inf}),
        ("elu", {"alpha": -1.0}),
        ("elu", {"alpha": np.nan}),
        ("maxout", {"pieces": 0}),
        ("maxout", {"pieces": 3}),
        ("softmax", {"axis": 2}),
    ],
)
def test_setting_out_of_range_is_refused(name, setting):
    ((value),) = setting.values()
    for function, arguments in zip(both(name), (1, 2), strict=True):
        with pytest.raises(ValueError, match=str(value)):
            function(*[jnp.ones((2, 4))] * arguments, **setting)


def test_traced_setting_is_taken_and_does_not_recompile():
    @jax.jit
    def run(slope):
        return activations.leaky_relu(jnp.asarray([-2.0]), negative_slope=slope)

    assert [float(run(jnp.float32(slope))[0]) for slope in (0.5, 0.25)] == [-1.0, -0.5]
    assert run._cache_size() == 1


def test_second_derivatives_of_softmax_and_its_logarithm_are_right():
    """Against d f_i / d x_j = f_i ([i = j] - f_j) and - f_j, differentiated once more by hand."""
    with jax.enable_x64(True):
        x = jnp.array([1.0, 0.3, -0.7])
        f, one = activations.softmax(x), jnp.eye(3)
        first = f[:, None] * (one - f)
        second = first[:, None, :] * (one - f)[:, :, None] - f[:, None, None] * first
        np.testing.assert_allclose(jax.hessian(activations.softmax)(x), second, atol=1e-15)
        np.testing.assert_allclose(
            jax.hessian(activations.log_softmax)(x), np.broadcast_to(-first, (3, 3, 3)), atol=1e-15
        )
