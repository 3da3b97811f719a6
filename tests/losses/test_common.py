"""What all losses have in common: independent implementations, empty batches, bad input."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.metrics

from jaxnn import losses
from tests.losses.table import LOSSES, OF_LABELS, draw

each_loss = pytest.mark.parametrize("name", LOSSES)


def both(name):
    return getattr(losses, name), getattr(losses, f"{name}_vjp")


def test_every_loss_is_in_the_table():
    rules = {name for name in vars(losses) if f"{name}_vjp" in vars(losses)}
    assert rules - {"reduce", "smooth_labels"} == set(LOSSES)


@each_loss
@pytest.mark.parametrize("batch", [(), (7,), (2, 3)])
def test_value_and_gradient_agree_with_an_independent_implementation(name, batch):
    loss, rule = both(name)
    with jax.enable_x64(True):
        x, y = draw(name, batch)
        expected, pullback = jax.vjp(lambda x: LOSSES[name][2](x, y), x)
        dy = jnp.cos(jnp.arange(expected.size, dtype=x.dtype)).reshape(batch)
        assert loss(x, y).shape == batch
        np.testing.assert_allclose(loss(x, y), expected, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(rule(x, y, dy), *pullback(dy), rtol=1e-11, atol=1e-14)


def test_means_are_those_of_scikit_learn():
    def mean(name, x, y):
        return losses.reduce(getattr(losses, name)(x, y))

    with jax.enable_x64(True):
        p, t = draw("squared_error", (50,))
        expected = sklearn.metrics.mean_squared_error(t, p)
        np.testing.assert_allclose(mean("squared_error", p, t), expected, rtol=1e-12)
        expected = sklearn.metrics.mean_absolute_error(t, p)
        np.testing.assert_allclose(mean("absolute_error", p, t), expected, rtol=1e-12)
        p, y = draw("binary_cross_entropy", (50,))
        expected = sklearn.metrics.log_loss(y, p)
        np.testing.assert_allclose(mean("binary_cross_entropy", p, y), expected, rtol=1e-12)
        log_p, y = draw("negative_log_likelihood", (50,))
        expected = sklearn.metrics.log_loss(y, np.exp(log_p))
        np.testing.assert_allclose(mean("negative_log_likelihood", log_p, y), expected, rtol=1e-12)
        s, t = draw("hinge", (50,))
        expected = sklearn.metrics.hinge_loss(t, s)
        np.testing.assert_allclose(mean("hinge", s, t), expected, rtol=1e-12)
        z, y = draw("multiclass_hinge", (50,))
        expected = sklearn.metrics.hinge_loss(y, z)
        np.testing.assert_allclose(mean("multiclass_hinge", z, y), expected, rtol=1e-12)


@each_loss
def test_a_gradient_step_downhill_lowers_the_loss(name):
    loss, rule = both(name)
    with jax.enable_x64(True):
        x, y = draw(name, (7,))
        moved = x - 1e-6 * rule(x, y, jnp.ones(7))
        assert (loss(moved, y) <= loss(x, y)).all()
        assert (loss(moved, y) < loss(x, y)).any()


@each_loss
def test_an_empty_batch_gives_no_values(name):
    loss, rule = both(name)
    x, y = draw(name, (0,))
    assert loss(x, y).shape == (0,)
    assert rule(x, y, jnp.zeros(0)).shape == x.shape


# Bad input


@pytest.mark.quick
@pytest.mark.usefixtures("no_type_checker")
@pytest.mark.parametrize("name", OF_LABELS)
@pytest.mark.parametrize("suffix", ["", "_vjp"])
def test_bad_labels_are_refused(name, suffix):
    function, z = getattr(losses, name + suffix), jnp.zeros((3, 4))
    cotangent = [jnp.ones(3)] if suffix else []
    with pytest.raises(TypeError, match="integer class indices, got float32"):
        function(z, jnp.zeros(3), *cotangent)
    with pytest.raises(ValueError, match=r"labels of shape \(3, 1\) do not fit .*\(3, 4\)"):
        function(z, jnp.zeros((3, 1), int), *cotangent)
    for label in (4, -1):
        with pytest.raises(ValueError, match=rf"labels must be in \[0, 4\), got {label}"):
            function(z, jnp.asarray([0, label, 0]), *cotangent)


@pytest.mark.parametrize("name", OF_LABELS)
def test_a_label_outside_the_range_costs_inf_where_it_is_traced(name):
    for label in (4, -1):
        loss = jax.jit(getattr(losses, name))(jnp.zeros((1, 4)), jnp.asarray([label]))
        assert loss[0] == np.inf


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


@pytest.mark.usefixtures("no_type_checker")
@each_loss
def test_targets_that_do_not_fit_are_refused(name):
    loss, rule = both(name)
    x, y = draw(name, (3,))
    for wrong in (y[:2], y[None], y[..., None]):
        if (*wrong.shape, 1) == x.shape:  # the axis of a single output may be missing
            continue
        with pytest.raises(ValueError, match="do not fit"):
            loss(x, wrong)
        with pytest.raises(ValueError, match="do not fit"):
            rule(x, wrong, jnp.ones(3))


@pytest.mark.usefixtures("no_type_checker")
@each_loss
def test_predictions_of_integers_are_refused(name):
    x, y = draw(name, (3,))
    with pytest.raises(TypeError, match="floats, got int32"):
        both(name)[0](jnp.ones_like(x, dtype=int), y)
