import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxnn import optimizers

START = {"a": jnp.asarray([1.0, -2.0]), "b": jnp.asarray([[0.5]])}


def uneven(theta):
    return jax.tree.map(lambda leaf: 0.3 * leaf + jnp.sin(3 * leaf), theta)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (optimizers.gradient_descent(0.1), optax.sgd(0.1)),
        (optimizers.momentum(0.1), optax.sgd(0.1, momentum=0.9)),
        (optimizers.momentum(0.1, decay=0.5), optax.sgd(0.1, momentum=0.5)),
        (optimizers.momentum(0.1, decay=0.0), optax.sgd(0.1)),
    ],
)
def test_a_hundred_steps_are_those_of_optax(ours, theirs):
    with jax.enable_x64(True):
        start = jax.tree.map(lambda leaf: jnp.asarray(leaf, float), START)
        paths = [optimizers.descend(tx, uneven, start, 100) for tx in (ours, theirs)]
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13), *paths)


def test_the_velocity_is_the_expanded_sum_of_the_slide():
    # v_t = eta g_t + gamma eta g_(t-1) + ... (claim momentum-expansion)
    gradients, eta, gamma = [1.0, -2.0, 4.0, 0.5], 0.2, 0.5
    optimizer = optimizers.momentum(eta, gamma)
    state = optimizer.init(jnp.zeros(()))
    for gradient in gradients:
        updates, state = optimizer.update(jnp.asarray(gradient), state)
    np.testing.assert_allclose(state.velocity, 0.425, rtol=1e-6)
    np.testing.assert_allclose(updates, -0.425, rtol=1e-6)


def test_a_constant_gradient_gives_the_terminal_velocity():
    path = optimizers.descend(optimizers.momentum(0.1, 0.9), jnp.ones_like, jnp.zeros(()), 300)
    np.testing.assert_allclose(path[-2] - path[-1], 0.1 / (1 - 0.9), rtol=1e-3)


def test_the_path_starts_at_the_start_and_obeys_the_closed_form_on_a_parabola():
    # J = x^2 / 2: every step multiplies x by 1 - eta
    path = optimizers.descend(optimizers.gradient_descent(0.25), lambda x: x, jnp.ones(()), 10)
    np.testing.assert_allclose(path, 0.75 ** np.arange(11), rtol=1e-6)


@pytest.mark.parametrize("make", [optimizers.gradient_descent, optimizers.momentum])
def test_a_learning_rate_that_cannot_be_one_is_refused(make):
    with pytest.raises(ValueError, match=r"learning_rate must be finite and at least 0, got -0\.1"):
        make(-0.1)
    with pytest.raises(TypeError, match="learning_rate must be a number, got 'fast'"):
        make("fast")


def test_a_decay_of_one_is_refused():
    with pytest.raises(ValueError, match=r"decay must be in \[0, 1\), got 1"):
        optimizers.momentum(0.1, decay=1.0)


def test_descend_needs_a_step():
    with pytest.raises(ValueError, match="num_steps must be at least 1, got 0"):
        optimizers.descend(optimizers.gradient_descent(0.1), uneven, START, 0)
