import numpy as np
import pytest

from experiments import momentum


@pytest.mark.parametrize("curvature", [1.0, 7.0, 50.0])
@pytest.mark.parametrize("pair", [(0.03, 0.0), (0.03, 0.5), (0.0392, 0.9), (0.001, 0.9)])
def test_the_closed_form_solves_the_recursion(curvature, pair):
    learning_rate, decay = pair
    theta, velocity, path = 1.0, 0.0, []
    for _ in range(100):
        path.append(theta)
        velocity = decay * velocity + learning_rate * curvature * theta
        theta -= velocity
    exact = momentum.heavy_ball(curvature, learning_rate, decay, np.arange(100))
    np.testing.assert_allclose(exact, path, rtol=1e-9, atol=1e-12)


def test_the_closed_form_holds_where_the_roots_coincide():
    learning_rate, decay = momentum.valley_settings()["best momentum"]
    for curvature in momentum.CURVATURES:
        theta, velocity, path = 1.0, 0.0, []
        for _ in range(60):
            path.append(theta)
            velocity = decay * velocity + learning_rate * curvature * theta
            theta -= velocity
        exact = momentum.heavy_ball(curvature, learning_rate, decay, np.arange(60))
        np.testing.assert_allclose(exact, path, rtol=1e-6, atol=1e-9)
