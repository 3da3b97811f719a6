import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from jaxnn.data import images
from jaxnn.data.errors import DataCorruptError


def encoded(pixels, form="PNG", mode=None):
    buffer = io.BytesIO()
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(buffer, form)
    return buffer.getvalue()


COLOUR = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)


@pytest.mark.quick
def test_an_image_of_the_right_shape_keeps_its_pixels():
    np.testing.assert_array_equal(images.decode(encoded(COLOUR), (6, 9, 3)), COLOUR)
    grey = images.decode(encoded(COLOUR[..., 0]), (6, 9, 1))
    np.testing.assert_array_equal(grey[..., 0], COLOUR[..., 0])
    np.testing.assert_array_equal(images.decode(encoded(COLOUR), (6, 9, 3), resize=True), COLOUR)


@pytest.mark.quick
@pytest.mark.parametrize("shape", [(9, 6, 3), (6, 9, 1), (6, 8, 3)])
def test_an_image_of_another_shape_is_refused_unless_it_is_resized(shape):
    with pytest.raises(DataCorruptError, match=r"an image is \(9, 6\) RGB instead of"):
        images.decode(encoded(COLOUR), shape)
    assert images.decode(encoded(COLOUR), shape, resize=True).shape == shape


@pytest.mark.quick
@pytest.mark.parametrize("value", [0, 77, 255])
@pytest.mark.parametrize("shape", [(4, 4, 3), (20, 2, 3), (7, 7, 1)])
def test_resizing_keeps_one_colour(value, shape):
    flat = np.full((10, 12, 3), value, np.uint8)
    np.testing.assert_array_equal(images.decode(encoded(flat), shape, resize=True), value)


@pytest.mark.quick
def test_shrinking_looks_at_every_pixel():
    for column in range(8):
        stripe = np.zeros((4, 8, 3), np.uint8)
        stripe[:, column] = 255
        shrunk = images.decode(encoded(stripe), (1, 2, 3), resize=True)
        assert shrunk.max() > 5  # the weights fall towards the rim of the filter


@pytest.mark.quick
@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1", "LA", "CMYK"])
def test_every_mode_becomes_colour_or_grey(mode):
    form = "JPEG" if mode == "CMYK" else "PNG"
    for channels in (1, 3):
        pixels = images.decode(encoded(COLOUR, form, mode), (4, 4, channels), resize=True)
        assert pixels.shape == (4, 4, channels)


@pytest.mark.quick
def test_an_image_that_unpacks_to_too_much_is_refused_before(monkeypatch):
    monkeypatch.setattr(images, "MAX_PIXELS", 53)
    with pytest.raises(DataCorruptError, match="9 x 6 pixels are over 53"):
        images.decode(encoded(COLOUR), (4, 4, 3), resize=True)


@pytest.mark.quick
@pytest.mark.parametrize("content", [b"", b"GIF89a", encoded(COLOUR)[:60], encoded(COLOUR, "GIF")])
def test_what_is_no_whole_png_or_jpeg_is_refused(content):
    with pytest.raises(DataCorruptError):
        images.decode(content, (6, 9, 3), resize=True)


@settings(max_examples=300, deadline=None)
@given(form=st.sampled_from(["PNG", "JPEG"]), place=st.floats(0, 1), byte=st.integers(0, 255))
def test_an_image_with_another_byte_is_decoded_or_refused(form, place, byte):
    content = bytearray(encoded(COLOUR, form))
    content[int(place * (len(content) - 1))] = byte
    try:
        pixels = images.decode(bytes(content), (6, 9, 3), resize=True)
    except DataCorruptError:
        return
    assert pixels.shape == (6, 9, 3)


@pytest.mark.quick
def test_two_channels_are_neither_grey_nor_colour():
    with pytest.raises(ValueError, match="has 2 channels: give 1 or 3"):
        images.decode(encoded(COLOUR), (6, 9, 2))
