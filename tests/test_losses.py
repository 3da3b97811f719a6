"""Losses against independent references, the slides, limits, extreme and bad input."""

import importlib.util
import math
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.spatial.distance
import scipy.special

from jaxnn import losses

BATCHES = [(), (7,), (2, 3)]
inf = np.inf


def draw(batch, classes=5):
    """Logits, labels and two distributions, for examples of any batch shape."""
    random = np.random.default_rng(0)
    p, t = (random.dirichlet(np.ones(classes), batch) for _ in range(2))
    logits, labels = random.normal(size=(*batch, classes)), random.integers(0, classes, batch)
    return jnp.asarray(logits), jnp.asarray(labels), jnp.asarray(p), jnp.asarray(t)


def relative_entropy(p, t):
    return scipy.special.rel_entr(t, p).sum(-1)


def squared_js_distance(p, t):
    return scipy.spatial.distance.jensenshannon(p, t, axis=-1) ** 2


def with_integer_labels(loss):
    return lambda z, y: loss(z, jax.nn.one_hot(y, z.shape[-1], dtype=z.dtype))


REFERENCES = {  # of (logits, labels), or of (p, t) by name
    "softmax_cross_entropy": optax.losses.softmax_cross_entropy_with_integer_labels,
    "multiclass_hinge": lambda z, y: jnp.maximum(optax.losses.multiclass_hinge_loss(z, y), 0),
    "negative_log_likelihood": lambda z, y: -jnp.take_along_axis(z, y[..., None], -1)[..., 0],
}
PAIR_REFERENCES = {
    "softmax_cross_entropy_with_soft_targets": optax.losses.softmax_cross_entropy,
    "categorical_cross_entropy": lambda p, t: optax.losses.softmax_cross_entropy(jnp.log(p), t),
    "kl_divergence": relative_entropy,
    "js_divergence": squared_js_distance,
    "squared_error": lambda p, t: optax.losses.squared_error(p, t).mean(-1),
    "absolute_error": lambda p, t: np.abs(np.asarray(p) - np.asarray(t)).mean(-1),
    "huber": lambda p, t: scipy.special.huber(1.0, np.asarray(p) - np.asarray(t)).mean(-1),
}


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("name", [*REFERENCES, *PAIR_REFERENCES])
def test_value_agrees_with_an_independent_reference(name, batch):
    with jax.enable_x64(True):
        logits, labels, p, t = draw(batch)
        inputs = (logits, labels) if name in REFERENCES else (p, t)
        reference = (REFERENCES | PAIR_REFERENCES)[name]
        actual = getattr(losses, name)(*inputs)
        assert actual.shape == batch
        np.testing.assert_allclose(actual, reference(*inputs), rtol=1e-12)


@pytest.mark.parametrize("batch", BATCHES)
def test_huber_of_large_residuals_agrees_with_optax(batch):
    with jax.enable_x64(True):
        logits, _, p, _ = draw(batch)
        for delta in (0.1, 1.0, 3.0):
            expected = optax.losses.huber_loss(3 * logits, p, delta=delta).mean(-1)
            actual = losses.huber(3 * logits, p, delta=delta)
            np.testing.assert_allclose(actual, expected, rtol=1e-12)


@pytest.mark.parametrize("shape", [(7,), (7, 1), (2, 3), (2, 3, 1), ()])
def test_binary_losses_agree_with_references(shape):
    with jax.enable_x64(True):
        random = np.random.default_rng(1)
        z = jnp.asarray(3 * random.normal(size=shape))
        y = jnp.asarray(random.integers(0, 2, shape[:-1] if shape[-1:] == (1,) else shape))
        flat, cotangent = z.reshape(y.shape), jnp.ones(y.shape)
        p = jax.nn.sigmoid(z)
        expected = optax.losses.sigmoid_binary_cross_entropy(flat, y.astype(z.dtype))
        hinge = optax.losses.hinge_loss(flat, 2 * y.astype(z.dtype) - 1)
        for loss, rule, x, labels, value in (
            (
                losses.sigmoid_binary_cross_entropy,
                losses.sigmoid_binary_cross_entropy_vjp,
                z,
                y,
                expected,
            ),
            (losses.binary_cross_entropy, losses.binary_cross_entropy_vjp, p, y, expected),
            (losses.hinge, losses.hinge_vjp, z, 2 * y - 1, hinge),
        ):
            np.testing.assert_allclose(loss(x, labels), value, rtol=1e-12)
            assert loss(x, labels).shape == y.shape
            assert rule(x, labels, cotangent).shape == x.shape


@pytest.mark.parametrize("name", ["squared_error", "absolute_error", "huber"])
def test_targets_may_lack_the_axis_of_a_single_output(name):
    loss, rule = getattr(losses, name), getattr(losses, f"{name}_vjp")
    p, t = jnp.asarray([[1.0], [5.0], [2.0]]), jnp.asarray([0, 3, 2])
    np.testing.assert_array_equal(loss(p, t), loss(p, t[:, None]))
    assert loss(p, t).shape == (3,)
    assert rule(p, t, jnp.ones(3)).shape == (3, 1)


# Properties


def test_softmax_cross_entropy_gradient_sums_to_zero_and_ignores_a_shift():
    with jax.enable_x64(True):
        logits, labels, _, t = draw((7,))
        for rule, targets in (
            (losses.softmax_cross_entropy_vjp, labels),
            (losses.softmax_cross_entropy_with_soft_targets_vjp, t),
        ):
            gradient = rule(logits, targets, jnp.ones(7))
            np.testing.assert_allclose(gradient.sum(-1), 0, atol=1e-15)
            np.testing.assert_allclose(rule(logits + 9, targets, jnp.ones(7)), gradient, atol=1e-14)


def test_cross_entropy_and_kl_divergence_have_one_gradient():
    with jax.enable_x64(True):
        _, _, p, t = draw((7,))
        entropy = losses.categorical_cross_entropy(t, t)
        difference = losses.categorical_cross_entropy(p, t) - losses.kl_divergence(p, t)
        np.testing.assert_allclose(difference, entropy, rtol=1e-12)
        np.testing.assert_array_equal(
            losses.categorical_cross_entropy_vjp(p, t, jnp.ones(7)),
            losses.kl_divergence_vjp(p, t, jnp.ones(7)),
        )


def test_js_divergence_is_symmetric_and_bounded_by_log_2():
    with jax.enable_x64(True):
        _, _, p, t = draw((50,))
        np.testing.assert_allclose(
            losses.js_divergence(p, t), losses.js_divergence(t, p), rtol=1e-12
        )
        assert (losses.js_divergence(p, t) <= math.log(2)).all()
        disjoint = jnp.eye(2)[0], jnp.eye(2)[1]
        np.testing.assert_allclose(losses.js_divergence(*disjoint), math.log(2), rtol=1e-15)
        np.testing.assert_array_equal(losses.js_divergence(p, p), 0)


def test_a_gradient_step_downhill_lowers_the_loss():
    with jax.enable_x64(True):
        logits, labels, p, t = draw((7,))
        for name in (*REFERENCES, *PAIR_REFERENCES):
            x, targets = (logits, labels) if name in REFERENCES else (p, t)
            loss, rule = getattr(losses, name), getattr(losses, f"{name}_vjp")
            moved = x - 1e-6 * rule(x, targets, jnp.ones(7))
            assert (loss(moved, targets) <= loss(x, targets)).all(), name


def test_confident_right_answer_keeps_a_gradient():
    with jax.enable_x64(True):
        slope = np.exp(-50.0) / (1 + np.exp(-50.0))
        gradient = losses.softmax_cross_entropy_vjp(
            jnp.asarray([50.0, 0.0]), jnp.asarray(0), jnp.ones(())
        )
        np.testing.assert_allclose(gradient, [-slope, slope], rtol=1e-14)
        for z, y, sign in ((50.0, 1, -1), (-50.0, 0, 1)):
            arguments = jnp.asarray(z), jnp.asarray(y), jnp.ones(())
            actual = losses.sigmoid_binary_cross_entropy_vjp(*arguments)
            np.testing.assert_allclose(actual, sign * slope, rtol=1e-14)


# The slides


def test_cost_of_the_slides_lines():
    x = jnp.asarray([1.0, 2.0, 3.0])
    costs = [float(losses.squared_error(w * x, x)) for w in (0.0, 1.0, 2.0)]
    np.testing.assert_allclose(costs, [4.67, 0, 4.67], atol=5e-3)


def test_binary_cross_entropy_table_of_basics():
    p = jnp.asarray([0.94, 0.90, 0.78, 0.56, 0.51, 0.47, 0.32, 0.10])
    y = jnp.asarray([1, 1, 1, 0, 0, 1, 1, 0])
    nats = losses.reduce(losses.binary_cross_entropy(p, y))
    np.testing.assert_allclose(nats, 0.49373, atol=5e-6)
    np.testing.assert_allclose(nats / math.log(10), 0.214, atol=5e-4)


def test_other_numbers_of_the_slides():
    with jax.enable_x64(True):
        residual, zero = jnp.asarray([[-3.0], [-0.5], [0.5], [3.0]]), jnp.zeros((4, 1))
        np.testing.assert_allclose(losses.huber(residual, zero), [2.5, 0.125, 0.125, 2.5])
        scores, targets = jnp.asarray([0.3, 2.0, 0.3, -1.5]), jnp.asarray([1, 1, -1, -1])
        np.testing.assert_allclose(losses.hinge(scores, targets), [0.7, 0, 1.3, 0], atol=1e-15)
        p, t = jnp.asarray([0.4, 0.4, 0.2]), jnp.asarray([0.5, 0.3, 0.2])
        np.testing.assert_allclose(losses.js_divergence(p, t), 0.006367198333995731, rtol=1e-12)
        p, t = jnp.asarray([0.7, 0.2, 0.1]), jnp.asarray([1.0, 0.0, 0.0])
        np.testing.assert_allclose(losses.kl_divergence(p, t), 0.3566749439387324, rtol=1e-12)
        assert losses.kl_divergence(t, p) == inf  # the direction that r_tutorial prints


# Extreme input: the value, then the gradient, that the docstrings promise


@pytest.mark.parametrize(
    ("p", "y", "value", "gradient"),
    [
        (0.0, 0, 0, 1),
        (1.0, 1, 0, -1),
        (0.0, 1, inf, -inf),
        (1.0, 0, inf, inf),
        (0.5, 0.5, math.log(2), 0),
    ],
)
def test_binary_cross_entropy_at_the_ends(p, y, value, gradient):
    p, y = jnp.asarray(p), jnp.asarray(y)
    np.testing.assert_allclose(losses.binary_cross_entropy(p, y), value, rtol=1e-6)
    actual = losses.binary_cross_entropy_vjp(p, y, jnp.ones(()))
    np.testing.assert_allclose(actual, gradient, atol=1e-6)


@pytest.mark.parametrize(
    ("z", "y", "value", "gradient"),
    [
        (0.0, 0, math.log(2), 0.5),
        (1e4, 1, 0, 0),
        (1e4, 0, 1e4, 1),
        (-3e38, 1, 3e38, -1),
        (inf, 1, 0, 0),
        (inf, 0, inf, 1),
        (-inf, 0, 0, 0),
        (-inf, 1, inf, -1),
    ],
)
def test_sigmoid_binary_cross_entropy_of_extreme_logits(z, y, value, gradient):
    z, y = jnp.asarray(z), jnp.asarray(y)
    np.testing.assert_allclose(losses.sigmoid_binary_cross_entropy(z, y), value, rtol=1e-6)
    actual = losses.sigmoid_binary_cross_entropy_vjp(z, y, jnp.ones(()))
    np.testing.assert_allclose(actual, gradient, atol=1e-6)


@pytest.mark.parametrize(
    ("logits", "label", "value", "gradient"),
    [
        ([0.0, 0.0, 0.0, 0.0], 1, math.log(4), [0.25, -0.75, 0.25, 0.25]),
        ([1e4, -1e4], 0, 0, [0, 0]),
        ([1e4, -1e4], 1, 2e4, [1, -1]),
        ([3e38, 3e38], 0, math.log(2), [-0.5, 0.5]),
        ([3e38, 0.0], 1, 3e38, [1, -1]),
        ([3e38, -3e38], 1, inf, [1, -1]),
        ([inf, 0.0], 0, 0, [0, 0]),
        ([inf, 0.0], 1, inf, [1, -1]),
        ([-inf, 0.0], 1, 0, [0, 0]),
        ([-inf, -inf], 0, math.log(2), [-0.5, 0.5]),
        ([7.0], 0, 0, [0]),
    ],
)
def test_softmax_cross_entropy_of_extreme_logits(logits, label, value, gradient):
    z, y, t = jnp.asarray(logits), jnp.asarray(label), jnp.eye(len(logits))[label]
    for loss, rule, targets in (
        (losses.softmax_cross_entropy, losses.softmax_cross_entropy_vjp, y),
        (
            losses.softmax_cross_entropy_with_soft_targets,
            losses.softmax_cross_entropy_with_soft_targets_vjp,
            t,
        ),
    ):
        np.testing.assert_allclose(loss(z, targets), value, rtol=1e-6)
        np.testing.assert_allclose(rule(z, targets, jnp.ones(())), gradient, atol=1e-6)


@pytest.mark.parametrize(
    ("p", "t", "cross_entropy", "kl", "js", "gradient", "js_gradient"),
    [
        ([1, 0], [1, 0], 0, 0, 0, [-1, 0], [0, math.log(2) / 2]),
        ([0, 1], [1, 0], inf, inf, math.log(2), [-inf, 0], [-inf, math.log(2) / 2]),
        ([0.5, 0.5], [1, 0], math.log(2), math.log(2), None, [-2, 0], None),
    ],
)
def test_divergences_of_certain_predictions(p, t, cross_entropy, kl, js, gradient, js_gradient):
    p, t, one = jnp.asarray(p, jnp.float32), jnp.asarray(t, jnp.float32), jnp.ones(())
    np.testing.assert_allclose(losses.categorical_cross_entropy(p, t), cross_entropy, rtol=1e-6)
    np.testing.assert_allclose(losses.kl_divergence(p, t), kl, rtol=1e-6)
    np.testing.assert_array_equal(losses.categorical_cross_entropy_vjp(p, t, one), gradient)
    np.testing.assert_array_equal(losses.kl_divergence_vjp(p, t, one), gradient)
    if js is not None:
        np.testing.assert_allclose(losses.js_divergence(p, t), js, rtol=1e-6)
        np.testing.assert_allclose(losses.js_divergence_vjp(p, t, one), js_gradient, rtol=1e-6)


@pytest.mark.parametrize(
    ("scores", "label", "value", "gradient"),
    [
        ([0.0, 0.0, 0.0], 2, 1, [1, 0, -1]),  # of tied rivals the first
        ([2.0, 1.0], 0, 0, [0, 0]),  # the kink
        ([inf, inf], 0, 1, [-1, 1]),
        ([inf, 0.0], 0, 0, [0, 0]),
        ([-inf, 0.0], 0, inf, [-1, 1]),
        ([5.0], 0, 0, [0]),
    ],
)
def test_multiclass_hinge_at_kinks_ties_and_infinity(scores, label, value, gradient):
    z, y = jnp.asarray(scores), jnp.asarray(label)
    np.testing.assert_array_equal(losses.multiclass_hinge(z, y), value)
    np.testing.assert_array_equal(losses.multiclass_hinge_vjp(z, y, jnp.ones(())), gradient)


def test_kinks_of_the_binary_hinge_and_of_regression():
    one = jnp.ones(())
    assert losses.hinge_vjp(one, one, one) == 0
    p, t, cotangent = jnp.asarray([[2.0]]), jnp.asarray([[2.0]]), jnp.ones(1)
    assert losses.absolute_error_vjp(p, t, cotangent) == 0
    for r in (-inf, -3e38, -1.0, 1.0, 3e38, inf):
        p, t = jnp.asarray([[r]]), jnp.zeros((1, 1))
        assert losses.huber(p, t) == abs(np.float32(r)) - 0.5
        assert losses.huber_vjp(p, t, cotangent) == np.sign(r)
        assert losses.absolute_error_vjp(p, t, cotangent) == np.sign(r)
        assert losses.squared_error(p, t) == (1 if abs(r) == 1 else inf)
        assert np.sign(losses.squared_error_vjp(p, t, cotangent)) == np.sign(r)


@pytest.mark.parametrize("name", [*REFERENCES, *PAIR_REFERENCES])
def test_an_empty_batch_gives_no_values(name):
    logits, labels, p, t = draw((0,))
    x, targets = (logits, labels) if name in REFERENCES else (p, t)
    assert getattr(losses, name)(x, targets).shape == (0,)
    assert getattr(losses, f"{name}_vjp")(x, targets, jnp.zeros(0)).shape == (0, 5)


# Reduction


def test_reduce_is_a_weighted_mean_or_sum():
    values, weights = jnp.asarray([1.0, 2.0, 6.0]), jnp.asarray([1, 0, 3])
    assert losses.reduce(values) == 3
    assert losses.reduce(values, how="sum") == 9
    assert losses.reduce(values, weights=weights) == 19 / 4
    assert losses.reduce(values, weights=weights, how="sum") == 19


def test_reduce_leaves_out_an_infinite_value_of_weight_zero():
    values, weights = jnp.asarray([1.0, inf]), jnp.asarray([1.0, 0.0])
    assert losses.reduce(values, weights=weights) == 1
    np.testing.assert_array_equal(losses.reduce_vjp(values, jnp.ones(()), weights=weights), [1, 0])


def test_mean_of_nothing_is_zero():
    assert losses.reduce(jnp.zeros(0)) == 0
    assert losses.reduce(jnp.ones(2), weights=jnp.zeros(2)) == 0


# Bad input


@pytest.fixture(scope="module")
def plain():
    """Copies of the modules as users have them: without the shape checker of the tests."""
    copies = {}
    for name in ("regression", "classification", "margin", "divergence", "reduction"):
        path = sys.modules[f"jaxnn.losses.{name}"].__file__
        spec = importlib.util.spec_from_file_location(f"plain_{name}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        copies |= {k: v for k, v in vars(module).items() if not k.startswith("_")}
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield copies


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("suffix", ["", "_vjp"])
def test_bad_labels_are_refused(plain, name, suffix):
    function, z = plain[name + suffix], jnp.zeros((3, 4))
    cotangent = [jnp.ones(3)] if suffix else []
    with pytest.raises(TypeError, match="integer class indices, got float32"):
        function(z, jnp.zeros(3), *cotangent)
    with pytest.raises(ValueError, match=r"labels of shape \(3, 1\) do not fit .*\(3, 4\)"):
        function(z, jnp.zeros((3, 1), int), *cotangent)
    for label in (4, -1):
        with pytest.raises(ValueError, match=rf"labels must be in \[0, 4\), got {label}"):
            function(z, jnp.asarray([0, label, 0]), *cotangent)


PROBABILITIES = {  # loss -> which of its inputs are probabilities
    "binary_cross_entropy": ("probabilities", "labels"),
    "sigmoid_binary_cross_entropy": (None, "labels"),
    "softmax_cross_entropy_with_soft_targets": (None, "targets"),
    "categorical_cross_entropy": ("probabilities", "targets"),
    "kl_divergence": ("predictions", "targets"),
    "js_divergence": ("predictions", "targets"),
}


@pytest.mark.parametrize("suffix", ["", "_vjp"])
@pytest.mark.parametrize("name", PROBABILITIES)
def test_known_value_that_is_no_probability_is_refused_and_a_traced_one_passes(name, suffix):
    function = getattr(losses, name + suffix)
    right = jnp.full((2, 2), 0.5)
    cotangent = [jnp.ones((2, 2) if PROBABILITIES[name][1] == "labels" else 2)] if suffix else []
    for position, what in enumerate(PROBABILITIES[name]):
        for value in (-0.25, 1.25):
            inputs = [right, right]
            inputs[position] = right.at[1, 0].set(value)
            jax.jit(function)(*inputs, *cotangent)
            if what is None:
                function(*inputs, *cotangent)
                continue
            with pytest.raises(ValueError, match=rf"{what} must be in \[0, 1\], got {value}"):
                function(*inputs, *cotangent)


def test_known_targets_of_smooth_labels_must_be_probabilities():
    with pytest.raises(ValueError, match=r"targets must be in \[0, 1\], got 2"):
        losses.smooth_labels(jnp.asarray([[0.0, 2.0]]))


@pytest.mark.parametrize("targets", [[0, 1], [0.5, -1.0], [1.0, np.nan]])
def test_known_hinge_target_must_be_minus_one_or_one(targets):
    scores, targets = jnp.asarray([0.3, 2.0]), jnp.asarray(targets)
    wrong = next(float(t) for t in targets if abs(t) != 1)
    for function, cotangent in ((losses.hinge, []), (losses.hinge_vjp, [jnp.ones(2)])):
        with pytest.raises(ValueError, match=rf"targets must be -1 or \+1, got {wrong:g}"):
            function(scores, targets, *cotangent)
        jax.jit(function)(scores, targets, *cotangent)
    with pytest.raises(ValueError, match=r"must be -1 or \+1"):  # a constant, though within a jit
        jax.jit(lambda s: losses.hinge(s, targets))(scores)


@pytest.mark.parametrize("name", REFERENCES)
def test_label_outside_the_range_costs_inf_where_it_is_traced(name):
    for label in (4, -1):
        loss = jax.jit(getattr(losses, name))(jnp.zeros((1, 4)), jnp.asarray([label]))
        assert loss[0] == inf


@pytest.mark.parametrize("name", [*PAIR_REFERENCES, "hinge", "sigmoid_binary_cross_entropy"])
def test_shapes_that_do_not_fit_are_refused(plain, name):
    for p, t in (((3, 4), (3, 1)), ((3, 1), (4, 1)), ((3,), (3, 1)), ((3, 4), (3,))):
        with pytest.raises(ValueError, match="do not fit"):
            plain[name](jnp.ones(p), jnp.ones(t))


@pytest.mark.parametrize("name", [*PAIR_REFERENCES, *REFERENCES, "hinge", "binary_cross_entropy"])
def test_integer_predictions_and_wrong_cotangents_are_refused(plain, name):
    targets = jnp.zeros(3, int) if name in REFERENCES else jnp.ones((3, 4))
    with pytest.raises(TypeError, match=r"floats, got int32|i32\[3,4\]"):
        plain[name](jnp.ones((3, 4), int), targets)
    with pytest.raises(ValueError, match=r"cotangent .* got \(4,\)"):
        plain[f"{name}_vjp"](jnp.ones((3, 4)), targets, jnp.ones(4))


@pytest.mark.parametrize("delta", [0, -1.0, inf, np.nan])
def test_bad_delta_is_refused(delta):
    p = jnp.ones((2, 2))
    with pytest.raises(ValueError, match=str(delta)):
        losses.huber(p, p, delta=delta)
    with pytest.raises(ValueError, match=str(delta)):
        losses.huber_vjp(p, p, jnp.ones(2), delta=delta)


def test_bad_reduction_is_refused(plain):
    with pytest.raises(ValueError, match="'median'"):
        plain["reduce"](jnp.ones(3), how="median")
    with pytest.raises(ValueError, match=r"\(2,\)"):
        plain["reduce"](jnp.ones(3), weights=jnp.ones(2))
    with pytest.raises(ValueError, match=r"shape \(\) .* got \(3,\)"):
        plain["reduce_vjp"](jnp.ones(3), jnp.ones(3))
