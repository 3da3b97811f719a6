import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import perceptron

BITS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], np.float32)
SAMPLES = np.array([[3.0, 1.1], [1.0, 2.9]])  # of ann_session


def test_weighted_sum_is_numpys_dot_product():
    random = np.random.default_rng(0)
    x, w = random.normal(size=(2, 5, 3)), random.normal(size=3)
    with jax.enable_x64(True):
        total = perceptron.weighted_sum(jnp.asarray(x), jnp.asarray(w))
    np.testing.assert_allclose(total, np.dot(x, w), rtol=1e-12)


def test_a_tie_does_not_fire():
    fires = [
        float(perceptron.perceptron(jnp.ones(2), jnp.asarray([0.5, 0.25]), jnp.asarray(theta)))
        for theta in (0.74, 0.75, 0.76)
    ]
    assert fires == [1.0, 0.0, 0.0]


@pytest.mark.quick
@pytest.mark.parametrize(
    ("gate", "truth"),
    [
        (perceptron.logical_and, np.logical_and),
        (perceptron.logical_or, np.logical_or),
        (perceptron.logical_nand, lambda a, b: ~np.logical_and(a, b)),
        (perceptron.logical_xor, np.logical_xor),
    ],
)
def test_gates_have_the_truth_tables_of_numpy(gate, truth):
    np.testing.assert_array_equal(gate(jnp.asarray(BITS)), truth(*BITS.T.astype(bool)))


def test_no_single_neuron_is_an_xor():
    weights, thresholds = np.linspace(-2, 2, 17, dtype=np.float32), np.linspace(-2, 2, 17)
    a, b, theta = (grid.ravel() for grid in np.meshgrid(weights, weights, thresholds))
    pairs, cuts = jnp.asarray(np.stack([a, b], 1), float), jnp.asarray(theta, float)
    answers = jax.vmap(lambda w, t: perceptron.perceptron(jnp.asarray(BITS), w, t))(pairs, cuts)
    answers = np.asarray(answers)
    assert (answers == [0, 0, 0, 1]).all(axis=1).any()
    assert not (answers == [0, 1, 1, 0]).all(axis=1).any()


@pytest.mark.parametrize("rate", [1.0, 0.5, 0.1])
def test_the_slopes_are_those_of_a_plain_loop(rate):
    slope, expected = 0.25, []
    for _ in range(3):
        for x, t in SAMPLES:
            slope += rate * (t - slope * x) / x
            expected.append(slope)
    with jax.enable_x64(True):
        inputs, targets = (jnp.asarray(column) for column in SAMPLES.T)
        slopes = perceptron.learn_slope(
            jnp.asarray(0.25), inputs, targets, learning_rate=rate, num_rounds=3
        )
    assert slopes.shape == (3, 2)
    np.testing.assert_allclose(slopes.ravel(), expected, rtol=1e-14)


def test_a_full_correction_goes_through_the_sample_and_a_partial_one_part_of_the_way():
    slope, x, target = (jnp.asarray(value) for value in (0.25, 3.0, 1.1))
    full = slope + perceptron.slope_change(slope, x, target)
    np.testing.assert_allclose(perceptron.line(x, full), target, rtol=1e-6)
    half = slope + perceptron.slope_change(slope, x, target, learning_rate=0.5)
    before, after = (perceptron.slope_error(a, x, target) for a in (slope, half))
    np.testing.assert_allclose(after, before / 2, rtol=1e-6)


@pytest.mark.usefixtures("no_type_checker")
def test_bad_input_is_refused():
    one = jnp.asarray(1.0)
    with pytest.raises(ValueError, match=r"\(3,\) do not fit weights of shape \(2,\)"):
        perceptron.weighted_sum(jnp.ones(3), jnp.ones(2))
    with pytest.raises(ValueError, match="learning_rate must be finite and at least 0, got -1"):
        perceptron.slope_change(one, one, one, learning_rate=-1)
    with pytest.raises(ValueError, match="num_rounds must be at least 1, got 0"):
        perceptron.learn_slope(one, jnp.ones(2), jnp.ones(2), num_rounds=0)
