import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize
from sklearn.linear_model import LogisticRegression

from jaxnn import logistic_regression


def overlapping(num_samples=40, num_features=3):
    """Two classes that no line separates, so that the best params are finite."""
    random = np.random.default_rng(0)
    x = random.normal(size=(num_samples, num_features))
    y = x @ [1.0, -2.0, 0.5] + 0.3 + 2 * random.normal(size=num_samples) > 0
    return x, y.astype(float)


def cost_of_the_tutorial(theta, x, y):
    """Cost and gradient in NumPy, with samples as columns, as r_tutorial prints them."""
    w, b, m = theta[:-1, None], theta[-1], len(y)
    a = 1 / (1 + np.exp(-(w.T @ x.T + b)))
    cost = -1 / m * np.sum(y * np.log(a) + (1 - y) * np.log(1 - a))
    return cost, np.append(1 / m * x.T @ (a - y).T, 1 / m * np.sum(a - y))


def flat(params):
    return np.append(params["kernel"], params["bias"])


def test_propagate_gives_the_cost_and_gradients_of_the_tutorial():
    x, y = overlapping()
    theta = np.array([0.2, -0.4, 1.0, 0.1])
    expected_cost, expected_grads = cost_of_the_tutorial(theta, x, y)
    with jax.enable_x64(True):
        params = {"kernel": jnp.asarray(theta[:3, None]), "bias": jnp.asarray(theta[3:])}
        cost, grads = logistic_regression.propagate(params, jnp.asarray(x), jnp.asarray(y))
    assert float(cost) == pytest.approx(expected_cost, rel=1e-12)
    np.testing.assert_allclose(flat(grads), expected_grads, rtol=1e-12)


@pytest.mark.quick
def test_the_cost_of_zeros_is_log_2_whatever_the_data():
    x, y = overlapping()
    params = logistic_regression.initialize_with_zeros(3)
    assert not flat(params).any()
    cost = logistic_regression.cost(params, jnp.asarray(x, jnp.float32), jnp.asarray(y, int))
    assert float(cost) == pytest.approx(np.log(2), rel=1e-6)


def test_many_steps_reach_the_optimum_of_scipy_and_of_scikit_learn():
    x, y = overlapping()
    theirs = LogisticRegression(C=np.inf, tol=1e-10).fit(x, y)
    best = optimize.minimize(cost_of_the_tutorial, np.zeros(4), (x, y), jac=True, tol=1e-12)
    with jax.enable_x64(True):
        params = logistic_regression.initialize_with_zeros(3)
        params, costs = logistic_regression.optimize(
            params, jnp.asarray(x), jnp.asarray(y), learning_rate=4.0, num_steps=2000
        )
        assert float(costs[0]) == pytest.approx(np.log(2), rel=1e-12)
        assert np.all(np.diff(costs) <= 1e-15)
        np.testing.assert_allclose(flat(params), best.x, atol=1e-6)
        np.testing.assert_allclose(params["kernel"][:, 0], theirs.coef_[0], atol=1e-6)
        np.testing.assert_allclose(params["bias"], theirs.intercept_, atol=1e-6)
        predicted = logistic_regression.predict(params, jnp.asarray(x))
        chances = logistic_regression.probabilities(params, jnp.asarray(x))
    np.testing.assert_array_equal(predicted, np.asarray(chances) > 0.5)
    np.testing.assert_allclose(chances, theirs.predict_proba(x)[:, 1], atol=1e-6)
    assert np.mean(np.asarray(predicted) == y) > 0.7


def test_a_tie_is_class_0():
    params = logistic_regression.initialize_with_zeros(1)
    assert logistic_regression.predict(params, jnp.ones((1, 1))).tolist() == [0]


@pytest.mark.usefixtures("no_type_checker")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p, x, y: logistic_regression.initialize_with_zeros(0), "num_features"),
        (
            lambda p, x, y: logistic_regression.optimize(p, x, y, learning_rate=0.1, num_steps=0),
            "num_steps must be at least 1, got 0",
        ),
        (
            lambda p, x, y: logistic_regression.optimize(p, x, y, learning_rate=-0.1, num_steps=1),
            "learning_rate must be finite and at least 0, got -0.1",
        ),
        (lambda p, x, y: logistic_regression.cost(p, x[:, :1], y), "1 features arrive, 2"),
    ],
)
def test_bad_input_is_refused(call, message):
    params = logistic_regression.initialize_with_zeros(2)
    with pytest.raises(ValueError, match=message):
        call(params, jnp.ones((3, 2)), jnp.ones(3))
