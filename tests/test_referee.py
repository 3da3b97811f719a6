"""The referee is just: right gradients pass at any size, wrong ones do not, and each is named."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import activations, layers
from jaxnn.gradcheck import __main__ as command
from jaxnn.gradcheck import check_gradients, check_layer, problem

RIGHT = {
    "x^2 at 1e6": (lambda x: (x**2).sum(), lambda x, dy: 2 * x * dy, [1e6, -2e6]),
    "x^3 at 1e-5": (lambda x: x**3, lambda x, dy: 3 * x**2 * dy, [1e-5, -3e-5]),
    "log at 1e-3": (jnp.log, lambda x, dy: dy / x, [1e-3, 2e-4]),
    "log of unequal numbers": (jnp.log, lambda x, dy: dy / x, [1e-7, 1.0, 1e7]),
    "1/x at 1e-4": (lambda x: 1 / x, lambda x, dy: -dy / x**2, [1e-4, -3e-4]),
    "sqrt at 1e-6": (jnp.sqrt, lambda x, dy: dy / (2 * jnp.sqrt(x)), [1e-6, 4e-6]),
    "sin(200 x)": (
        lambda x: jnp.sin(200 * x), lambda x, dy: 200 * jnp.cos(200 * x) * dy, [0.3, 1.7]
    ),
    "exp at 30": (jnp.exp, lambda x, dy: jnp.exp(x) * dy, [30.0, -30.0]),
    "x + 1 at 1e-20": (lambda x: x + 1, lambda x, dy: dy, [1e-20, 1e-9]),
    "x^2 at its minimum": (lambda x: x**2, lambda x, dy: 2 * x * dy, [0.0, 0.0]),
    "sin in float32": (
        lambda x: jnp.sin(x.astype(jnp.float32)), lambda x, dy: jnp.cos(x) * dy, [0.3, 1.7]
    ),
    "z^2 of complex z": (lambda z: z**2, lambda z, dy: 2 * z * dy, [1 + 2j, 0.5 - 1j]),
    "|z|^2 of complex z": (
        lambda z: z.real**2 + z.imag**2, lambda z, dy: 2 * jnp.conj(z) * dy.astype(z.dtype),
        [1 + 2j, 0.5 - 1j],
    ),
}  # fmt: skip


@pytest.mark.quick
@pytest.mark.parametrize("name", RIGHT)
def test_a_right_gradient_passes_and_one_off_by_a_percent_does_not(name):
    f, rule, x = RIGHT[name]
    report = check_gradients(f, rule, np.array(x), seed=0)
    assert report.passed, str(report)
    if name != "x^2 at its minimum":
        assert not check_gradients(f, lambda x, dy: 1.01 * rule(x, dy), np.array(x), seed=0).passed


def test_a_small_element_among_large_ones_is_judged_too():
    def wrong_fn(x, dy):
        return dy / x * jnp.array([1, 1, 1.001])

    report = check_gradients(jnp.log, wrong_fn, np.array([1e-7, 1.0, 1e7]), seed=0)
    assert {"autodiff", "differences"} <= set(report.failed)


def test_argnums_count_from_the_end_as_in_jax_grad():
    def f(a, b):
        return a * b**2

    x = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    assert check_gradients(f, lambda a, b, dy: 2 * a * b * dy, *x, argnums=-1).passed
    assert not check_gradients(f, lambda a, b, dy: b**2 * dy, *x, argnums=-1).passed
    with pytest.raises(IndexError, match="argnums names input 2, but there are 2 inputs"):
        check_gradients(f, f, *x, argnums=2)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda a, b, dy: (b * dy, a * dy, dy), "it gives 3 for the 2 arguments of argnums"),
        (lambda a, b, dy: (b * dy,), "it gives 1 for the 2 arguments of argnums"),
        (lambda a, b, dy: b * dy, "no tuple, but one"),
        (lambda a, b, dy: (b * dy, (a * dy)[:1]), r"it has the shapes \[\(1,\)\], not \[\(2,\)\]"),
    ],
)
def test_a_rule_of_another_form_is_told_what_was_expected(answer, said):
    x = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    report = check_gradients(lambda a, b: a * b, answer, *x, argnums=(0, 1))
    assert report.failed == ("structure",)
    assert re.search(said, str(report))


def test_when_hand_and_autodiff_agree_against_the_differences_it_says_what_that_may_be():
    def square(x):
        return x * jax.lax.stop_gradient(x)

    (report,) = check_gradients(square, lambda x, dy: x * dy, np.arange(1.0, 4)).arguments
    assert report.failed == ("differences", "taylor")
    assert "agree, and the differences contradict both" in report.verdict
    assert all(word in report.verdict for word in ("kink", "stop_gradient", "custom_jvp"))


@pytest.mark.parametrize("size", [4, 300])
@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0])
def test_at_a_kink_every_slope_between_the_sides_is_right(size, slope):
    """jnp.maximum(x, 0) at 0: autodiff takes a half, our rule 0, and nobody is blamed."""
    x = np.where(np.arange(size) % 4 == 3, 1.0, 0.0)

    def rule(x, dy):
        return jnp.where(x > 0, dy, slope * dy)

    report = check_gradients(lambda x: jnp.maximum(x, 0), rule, x, seed=0)
    assert report.passed, str(report)
    assert report.arguments[0].kinks > 0
    assert "at a kink" in report.arguments[0].verdict


@pytest.mark.parametrize("slope", [-0.01, 1.01, jnp.nan])
def test_at_a_kink_a_slope_outside_of_the_sides_is_wrong(slope):
    def rule(x, dy):
        return jnp.where(x > 0, dy, slope * dy)

    assert not check_gradients(lambda x: jnp.maximum(x, 0), rule, np.zeros(3), seed=0).passed


def test_the_element_that_disagrees_most_is_looked_at_alone():
    def rule(x, dy):
        return (2 * x * dy).at[777].mul(1.0001)

    report = check_gradients(lambda x: x**2, rule, np.linspace(1, 2, 2000), seed=0)
    assert report.arguments[0].verdict == "the hand-derived gradient is wrong"
    assert report.worst("differences") == pytest.approx(report.worst("autodiff"), rel=0.01)


def test_integers_come_in_and_out_but_have_no_gradient():
    def f(x, ids):
        return x[ids] ** 2, ids + 1

    def rule(x, ids, cotangent):
        by_squares = jnp.zeros_like(x).at[ids].add(2 * x[ids] * cotangent[0])
        return by_squares + cotangent[1].sum()  # zeros

    ids = np.array([0, 2, 2])
    assert check_gradients(f, rule, np.array([1.0, 2.0, 3.0]), ids).passed
    with pytest.raises(TypeError, match="input 1 holds int"):
        check_gradients(f, rule, np.array([1.0, 2.0, 3.0]), ids, argnums=1)


def test_judges_can_be_chosen():
    def rounded(x):
        return x + jax.lax.stop_gradient(jnp.round(x) - x)

    x = np.array([0.3, 1.2])
    assert check_gradients(rounded, lambda x, dy: dy, x, judges=("autodiff",)).passed
    assert not check_gradients(rounded, lambda x, dy: dy, x).passed
    with pytest.raises(ValueError, match="judges are autodiff, differences, taylor, got 'jury'"):
        check_gradients(rounded, lambda x, dy: dy, x, judges=("jury",))


def test_only_what_depends_on_the_inputs_lowers_the_precision():
    def epsilon(f):
        with jax.enable_x64(True):
            jaxpr = jax.make_jaxpr(f)(jnp.ones(3)).jaxpr
        return problem._epsilon(jaxpr)

    noise = np.ones(3, np.float32)
    assert epsilon(lambda x: jnp.where(jnp.asarray(noise) > 0.5, x, 0)) == np.finfo(np.float64).eps
    assert epsilon(lambda x: x.astype(jnp.float32) * 2) == np.finfo(np.float32).eps
    inside = jax.jit(lambda x: x.astype(jnp.bfloat16).astype(jnp.float64))
    assert epsilon(lambda x: inside(2 * x)) == float(jnp.finfo(jnp.bfloat16).eps)


def test_a_device_without_float64_leaves_it_to_the_cpu(monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "tpu")
    seen = []
    monkeypatch.setattr(jax, "default_device", _remembering(jax.default_device, seen))
    x = np.array([0.3])
    assert check_gradients(activations.tanh, activations.tanh_vjp, x, seed=0).passed
    assert [device.platform for device in seen] == ["cpu"]


def _remembering(function, seen):
    def remember(device):
        seen.append(device)
        return function(device)

    return remember


@pytest.mark.parametrize(
    ("layer", "in_shape"), [(layers.serial(layers.dense(3), layers.tanh), (4,)),
                            (layers.batch_norm(), (4,))]  # which mixes the examples
)  # fmt: skip
def test_a_right_layer_passes_through_every_transformation(layer, in_shape):
    report = check_layer(layer, in_shape)
    assert report.passed, str(report)


def test_a_layer_that_is_wrong_only_under_a_transformation_is_named():
    plain = layers.dense(2)

    def forward(params, state, x, key, train):
        y, state, saved = plain.forward(params, state, x, key, train)
        return y + (1.0 if "Batch" in type(x).__name__ else 0.0), state, saved  # a trace of vmap's

    report = check_layer(plain._replace(forward=forward), (3,))
    assert report.failed == ("vmap",), str(report)
    assert "under vmap its numbers are others" in str(report)


@pytest.mark.quick
def test_a_layer_with_too_few_cotangents_is_told_so():
    plain = layers.dense(2)
    report = check_layer(
        plain._replace(backward=lambda p, s, dy: plain.backward(p, s, dy)[:1]), (3,)
    )
    assert "it gives 1 for the 2 arguments" in str(report)


def test_the_command_judges_what_is_named_and_helps(capsys):
    assert command.main(["tanh", "--seed", "1"]) == 0
    assert "hard_tanh" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        command.main(["--help"])
    assert "check_layer" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        command.main(["no such function"])
    assert "no gradient has no such function in its name" in capsys.readouterr().err
