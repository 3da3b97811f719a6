"""Changes of colour against colorsys and their own formulas."""

import colorsys

import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import augment
from tests.augment.test_compose import a_key, image


def test_hue_is_that_of_colorsys():
    before = image(20, 20)
    for turn in (0.1, 1 / 3, 0.5, -0.25):
        expected = [
            colorsys.hsv_to_rgb((h + turn) % 1, s, v)
            for h, s, v in (colorsys.rgb_to_hsv(*map(float, rgb)) for rgb in before.reshape(-1, 3))
        ]
        after = augment.adjust_hue(before, turn)
        np.testing.assert_allclose(after.reshape(-1, 3), expected, atol=1e-5)


def test_hue_of_grey_stays_and_a_third_of_a_turn_exchanges_colours():
    grey = jnp.full((1, 1, 3), 0.3)
    np.testing.assert_array_equal(augment.adjust_hue(grey, 0.4), grey)
    red = jnp.asarray([[[1.0, 0.0, 0.0]]])
    np.testing.assert_allclose(augment.adjust_hue(red, 1 / 3), [[[0, 1, 0]]], atol=1e-6)


@pytest.mark.quick
def test_brightness_contrast_and_saturation_are_their_formulas():
    before = np.asarray(image(4, 4), np.float64)
    brighter = augment.adjust_brightness(image(4, 4), 0.3)
    np.testing.assert_allclose(brighter, np.clip(before + 0.3, 0, 1), atol=1e-6)
    mean = before.mean(axis=(0, 1))
    expected = np.clip(mean + 1.7 * (before - mean), 0, 1)
    np.testing.assert_allclose(augment.adjust_contrast(image(4, 4), 1.7), expected, atol=1e-6)
    grey = before @ [0.299, 0.587, 0.114]
    for channel in np.moveaxis(np.asarray(augment.adjust_saturation(image(4, 4), 0.0)), -1, 0):
        np.testing.assert_allclose(channel, grey, atol=1e-6)


def test_colours_of_a_grey_image_are_refused():
    for change in (augment.hue(0.1), augment.saturation(0.1)):
        with pytest.raises(ValueError, match="3 channels, red, green and blue, got 1"):
            change(a_key(), jnp.ones((6, 7, 1)))
