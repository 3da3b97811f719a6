"""The generated sets have the answers that their docstrings give."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import perceptron
from jaxnn.data import toy


@pytest.mark.quick
def test_ten_rows_are_parted_by_one_threshold():
    rows = toy.ten_rows()
    assert rows.train.inputs.shape == (10, 2)
    np.testing.assert_array_equal(rows.train.inputs[:, 0] > 4, rows.train.labels)


@pytest.mark.quick
@pytest.mark.parametrize("name", ["and", "or", "nand", "xor"])
def test_gates_are_what_the_neurons_of_the_slides_compute(name):
    gate = toy.gate(name).train
    outputs = getattr(perceptron, f"logical_{name}")(jnp.asarray(gate.inputs))
    np.testing.assert_array_equal(outputs, gate.labels)


@pytest.mark.quick
def test_a_gate_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="no gate 'not', only and, or, nand, xor"):
        toy.gate("not")


@pytest.mark.quick
def test_the_line_has_slope_1_and_no_offset():
    x, y = toy.line().train
    np.testing.assert_allclose(np.polyfit(x[:, 0], y[:, 0], 1), [1, 0], atol=1e-12)
    assert toy.line().classes == ()


@pytest.mark.quick
@pytest.mark.parametrize("distance", [1.0, 3.0])
def test_the_middle_parts_blobs_as_well_as_can_be(distance):
    x, y = toy.blobs(20_000, distance=distance, dims=3).train
    best = toy.best_accuracy_of_blobs(distance)
    deviation = np.sqrt(best * (1 - best) / 20_000)
    assert abs(((x[:, 0] > 0) == y).mean() - best) < 4 * deviation
    assert x.shape == (20_000, 3)


@pytest.mark.quick
def test_moons_are_half_an_inch_apart():
    x, y = toy.moons(2000, noise=0.0).train
    apart = np.linalg.norm(x[y == 0][:, None] - x[y == 1], axis=-1).min()
    assert 0.5 <= apart < 0.51
    centres = np.array([[0.0, 0.0], [1.0, 0.5]])
    np.testing.assert_allclose(np.linalg.norm(x - centres[y], axis=1), 1, rtol=1e-5)


@pytest.mark.quick
@pytest.mark.parametrize("turns", [0.5, 1.5])
def test_the_angle_of_spirals_tells_the_label(turns):
    x, y = toy.spirals(500, turns=turns).train
    angle = np.arctan2(x[:, 1], x[:, 0]) - 2 * np.pi * turns * np.linalg.norm(x, axis=1)
    np.testing.assert_array_equal(np.rint(angle / np.pi) % 2, y)


MAKERS = [toy.blobs, toy.moons, toy.spirals]


@pytest.mark.quick
@pytest.mark.parametrize("make", MAKERS)
def test_generated_sets_depend_on_the_seed_alone_and_test_on_other_points(make):
    one, same, other = make(50), make(50), make(50, seed=1)
    np.testing.assert_array_equal(one.train.inputs, same.train.inputs)
    for points in (other.train.inputs, one.test.inputs):
        assert not np.isin(points, one.train.inputs).any()
    assert np.bincount(one.train.labels).tolist() == [25, 25]


@pytest.mark.quick
@pytest.mark.parametrize("make", MAKERS[1:])
def test_noise_moves_every_point_by_its_deviation(make):
    still, moved = make(2000, noise=0.0), make(2000, noise=0.1)
    difference = moved.train.inputs - still.train.inputs
    np.testing.assert_allclose(difference.std(axis=0), 0.1, rtol=0.08)
    np.testing.assert_array_equal(still.train.labels, moved.train.labels)


@pytest.mark.quick
@pytest.mark.parametrize("make", MAKERS)
def test_one_example_is_too_few_for_two_classes(make):
    with pytest.raises(ValueError, match="n=1 examples"):
        make(1)


SURFACES = [functools.partial(toy.bowl, 20.0), functools.partial(toy.saddle, 2.0)]


@pytest.mark.parametrize("make", SURFACES)
def test_the_gradient_of_a_surface_is_that_of_autodiff_and_its_hessian_the_curvatures(make):
    surface, w = make(), jnp.array([0.3, -1.2])
    np.testing.assert_allclose(surface.gradient(w), jax.grad(surface.value)(w), rtol=1e-6)
    np.testing.assert_allclose(jax.hessian(surface.value)(w), np.diag(surface.curvatures))


@pytest.mark.quick
@pytest.mark.parametrize(("factor", "grows"), [(0.99, False), (1.01, True)])
def test_descent_into_a_bowl_diverges_beyond_two_by_the_largest_curvature(factor, grows):
    surface, w = SURFACES[0](), jnp.ones(2)
    for _ in range(200):
        w = w - factor * (2 / 20.0) * surface.gradient(w)
    assert bool(jnp.abs(w).max() > 1) == grows


@pytest.mark.quick
def test_descent_leaves_a_saddle_along_its_second_axis():
    w = jnp.array([1.0, 1e-3])
    for _ in range(100):
        w = w - 0.1 * SURFACES[1]().gradient(w)
    assert jnp.abs(w[0]) < 1e-3 < 1 < w[1]
