"""Changes of geometry against NumPy and their own formulas."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from jaxnn import augment
from tests.augment.test_compose import GEOMETRIC, a_key, image


@pytest.mark.parametrize(("height", "width"), [(4, 4), (5, 5)])
@pytest.mark.parametrize("turns", [1, 2, 3, -1])
def test_quarter_turns_are_those_of_numpy(height, width, turns):
    before = image(height, width)
    after = augment.rotate(before, 90.0 * turns)
    np.testing.assert_allclose(after, np.rot90(before, turns), atol=1e-5)


@pytest.mark.parametrize(
    ("change", "sources"),  # where the pixel (y, x) from the centre comes from: a matrix, an offset
    [
        (lambda x: augment.translate(x, 0.7, -1.3), ([[1, 0], [0, 1]], [-0.7, 1.3])),
        (lambda x: augment.stretch(x, 1.3, 0.8), ([[1 / 1.3, 0], [0, 1 / 0.8]], [0, 0])),
        (lambda x: augment.shear(x, 0.4), ([[1, 0], [0.4, 1]], [0, 0])),
        (
            lambda x: augment.rotate(x, 30.0),
            ([[np.sqrt(0.75), 0.5], [-0.5, np.sqrt(0.75)]], [0, 0]),
        ),
    ],
)
def test_affine_changes_are_those_of_scipy(change, sources):
    before, (matrix, offset) = image(6, 9, 1), sources
    centre = np.array([2.5, 4.0])
    expected = ndimage.affine_transform(
        np.asarray(before, np.float64)[..., 0], matrix, centre + offset - matrix @ centre, order=1,
        mode="grid-constant",
    )  # fmt: skip
    np.testing.assert_allclose(change(before)[..., 0], expected, atol=1e-5)


@pytest.mark.quick
def test_whole_pixels_are_moved_exactly():
    before = image()
    expected = np.zeros(before.shape)
    expected[2:, :-1] = before[:-2, 1:]
    np.testing.assert_array_equal(augment.translate(before, 2, -1), expected)


@pytest.mark.parametrize("name", ["translation", "random_stretch"])
def test_both_directions_are_drawn_independently(name):
    make, strength = GEOMETRIC[name]
    place = jnp.arange(15.0) / 14
    ramps = jnp.stack(jnp.meshgrid(place, place, indexing="ij"), axis=-1)
    centre = [make(strength)(key, ramps)[4, 4] for key in jax.random.split(a_key(), 4)]
    assert all(abs(down - right) > 1e-4 for down, right in centre)


def test_half_a_pixel_averages_neighbours_and_fades_at_the_border():
    before = image(1, 4, 1)
    row = np.asarray(before)[0, :, 0]
    expected = (row + np.array([0, *row[:-1]])) / 2
    np.testing.assert_allclose(augment.translate(before, 0, 0.5)[0, :, 0], expected, rtol=1e-6)


def test_far_away_nothing_is_left():
    assert not augment.translate(image(), 100, 0).any()


def test_stretch_by_two_and_back():
    ramp = jnp.broadcast_to(jnp.linspace(0, 1, 9)[:, None, None], (9, 9, 1))
    wide = augment.stretch(ramp, 2, 1)
    np.testing.assert_allclose(wide[:, 0, 0], np.linspace(0.25, 0.75, 9), rtol=1e-6)
    np.testing.assert_array_equal(augment.stretch(ramp, 1, 1), ramp)
    np.testing.assert_array_equal(augment.stretch(ramp, 1, 0.5)[0, :, 0] > 0, [False] * 9)
    np.testing.assert_array_equal(
        augment.stretch(ramp, 1, 0.5)[4, :, 0] > 0, [0, 0, *[1] * 5, 0, 0]
    )


def test_shear_moves_each_row_by_its_height():
    before = image(3, 5)
    after = augment.shear(before, 1)
    np.testing.assert_array_equal(after[1], before[1])
    np.testing.assert_array_equal(after[0, 1:], before[0, :-1])  # above the centre: to the right
    np.testing.assert_array_equal(after[2, :-1], before[2, 1:])


def test_lens_bends_a_line_outwards_or_inwards_and_leaves_the_centre():
    yard = jnp.zeros((41, 41, 1)).at[:, 10].set(1.0)  # a line left of the centre

    def place(after, row):
        return float((after[row, :, 0] * jnp.arange(41.0)).sum() / after[row, :, 0].sum())

    barrel, pincushion = augment.distort(yard, 0.3), augment.distort(yard, -0.3)
    assert place(barrel, 5) > place(barrel, 20) + 0.3  # its ends bend towards the middle
    assert place(pincushion, 5) < place(pincushion, 20) - 0.3
    np.testing.assert_array_equal(barrel[20, 20], yard[20, 20])


@pytest.mark.parametrize("strength", [0.2, -0.2])
def test_lens_distortion_is_its_formula(strength):
    x = jnp.broadcast_to(jnp.linspace(0, 1, 5)[None, :, None], (5, 5, 1))  # pixels show their place
    after = augment.distort(x, strength)[2, :, 0]
    r = np.array([0.0, 1.0, 2.0])
    from_radius = r * (1 + strength * r**2 / 8)
    expected = np.where(from_radius <= 2, 0.5 + from_radius / 4, 3 - from_radius)  # fades to 0
    np.testing.assert_allclose(after[2:], expected, rtol=1e-5)


def test_crop_takes_a_window_inside_the_image():
    rows = jnp.broadcast_to(jnp.linspace(0.2, 1, 9)[:, None, None], (9, 9, 1))
    batch = jnp.stack([rows] * 50)
    crops, _ = augment.per_image(augment.crop_and_resize(0.5))(a_key(), batch, jnp.arange(50))
    lengths = (crops[:, -1, 0, 0] - crops[:, 0, 0, 0]) / 0.8
    assert (crops >= 0.2 - 1e-6).all()  # no border is seen
    assert 0.5 - 1e-6 <= lengths.min() < 0.6
    assert 0.9 < lengths.max() <= 1 + 1e-6


def test_pad_and_crop_gives_the_windows_of_the_padded_image():
    before = image(3, 4)
    padded = np.pad(before, ((1, 1), (1, 1), (0, 0)))
    windows = {padded[i : i + 3, j : j + 4].tobytes() for i in range(3) for j in range(3)}
    change = augment.pad_and_crop(1)
    after = [np.asarray(change(key, before)).tobytes() for key in jax.random.split(a_key(), 60)]
    assert set(after) == windows


@pytest.mark.quick
@pytest.mark.parametrize(("name", "axis"), [("horizontal_flip", 1), ("vertical_flip", 0)])
def test_flip_is_that_of_numpy(name, axis):
    after = getattr(augment, name)(1.0)(a_key(), image())
    np.testing.assert_array_equal(after, np.flip(image(), axis))
