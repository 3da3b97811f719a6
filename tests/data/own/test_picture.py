import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from jaxnn.data.errors import DataCorruptError
from jaxnn.data.own import picture

WHITE, BLUE = (255, 255, 255), (0, 0, 255)
RAMP = np.linspace(0, 65535, 64).reshape(8, 8).astype(np.uint16)
COLOUR = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)
SQUARE = np.zeros((8, 8, 4), np.uint8)  # black, and half of it is transparent
SQUARE[:, :4, 3] = 255


def encoded(image, form="PNG", **settings):
    buffer = io.BytesIO()
    image.save(buffer, form, **settings)
    return buffer.getvalue()


def seen(content, channels=3, background=WHITE, size=(8, 8)):
    return picture.see(content, (*size, channels), background).pixels


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "content",
    [
        encoded(Image.fromarray(RAMP)),
        encoded(Image.fromarray(RAMP), "TIFF"),
        encoded(Image.fromarray(RAMP.astype(">u2")), "TIFF"),
        b"P5 8 8 65535 " + RAMP.astype(">u2").tobytes(),
    ],
    ids=["png", "tiff", "big-endian", "pgm"],
)
def test_16_bits_are_all_used_and_rounded_to_the_nearest_of_8(content, channels):
    expected = np.broadcast_to(np.rint(RAMP / 257)[..., None], (8, 8, channels))
    np.testing.assert_array_equal(seen(content, channels), expected)


def palette():
    pixels = np.where(SQUARE[..., 3] > 0, 0, 1).astype(np.uint8)
    image = Image.frombytes("P", (8, 8), pixels.tobytes())
    image.putpalette([0, 0, 0, 9, 9, 9])
    return image


GREY = np.where(SQUARE[..., 3] > 0, 0, 9).astype(np.uint8)
TRANSPARENT = {
    "rgba": encoded(Image.fromarray(SQUARE)),
    "rgba in webp": encoded(Image.fromarray(SQUARE), "WEBP", lossless=True),
    "la": encoded(Image.fromarray(SQUARE).convert("LA")),
    "palette": encoded(palette(), transparency=1),
    "palette of opacities": encoded(palette(), transparency=b"\xff\x00"),
    "gif": encoded(palette(), "GIF", transparency=1),
    "one grey": encoded(Image.fromarray(GREY), transparency=9),
    "one colour": encoded(Image.fromarray(GREY).convert("RGB"), transparency=(9, 9, 9)),
    "one grey of 16 bits": encoded(
        Image.fromarray(GREY.astype(np.uint16) * 257), transparency=2313
    ),
}


@pytest.mark.parametrize("kind", TRANSPARENT)
@pytest.mark.parametrize("background", [WHITE, BLUE])
def test_what_is_transparent_lies_on_the_background(kind, background):
    content = TRANSPARENT[kind]
    assert Image.open(io.BytesIO(content)).has_transparency_data
    expected = np.zeros((8, 8, 3), np.uint8)
    expected[:, 4:] = background
    np.testing.assert_array_equal(seen(content, background=background), expected)
    grey = np.asarray(Image.fromarray(expected).convert("L"))
    np.testing.assert_array_equal(seen(content, 1, background)[..., 0], grey)


def png_of_16_bits(pixels, clear):
    """Pillow writes no colours of 16 bits."""

    def chunk_fn(kind, content):
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join([
        chunk_fn(b"IHDR", header), chunk_fn(b"tRNS", struct.pack(">3H", *clear)),
        chunk_fn(b"IDAT", zlib.compress(rows)), chunk_fn(b"IEND", b""),
    ])  # fmt: skip


def test_one_colour_of_16_bits_is_transparent():
    pixels = np.zeros((8, 8, 3), np.uint16)
    pixels[:, 4:] = [0x1234, 0x5678, 0x9ABC]
    actual = seen(png_of_16_bits(pixels, pixels[0, 7]), background=BLUE)
    assert actual[0, 0].tolist() == [0, 0, 0]
    assert actual[0, 7].tolist() == list(BLUE)


def test_half_a_colour_mixes_with_the_background():
    image = Image.new("RGBA", (8, 8), (255, 0, 0, 128))
    np.testing.assert_allclose(seen(encoded(image))[0, 0], [255, 127, 127], atol=1)


TURNS = {
    1: lambda x: x, 2: np.fliplr, 3: lambda x: np.rot90(x, 2), 4: np.flipud,
    5: lambda x: x.swapaxes(0, 1), 6: lambda x: np.rot90(x, -1),
    7: lambda x: np.rot90(x, 2).swapaxes(0, 1), 8: np.rot90,
}  # fmt: skip


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP"])
def test_a_picture_is_turned_as_its_exif_says(orientation, form):
    image = Image.fromarray(COLOUR)
    exif = image.getexif()
    exif[0x0112] = orientation
    expected = TURNS[orientation](COLOUR)
    settings = {"lossless": True} if form == "WEBP" else {}
    actual = seen(encoded(image, form, exif=exif, **settings), size=expected.shape[:2])
    np.testing.assert_array_equal(actual, expected)


def test_one_bit_is_black_or_white():
    bits = Image.fromarray(COLOUR[..., 0] > 100)
    expected = np.where(COLOUR[..., :1] > 100, 255, 0)
    np.testing.assert_array_equal(seen(encoded(bits), 1, size=(6, 9)), expected)


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_ink_becomes_colour(form):
    inks = {(0, 0, 0, 0): WHITE, (0, 0, 0, 255): (0, 0, 0), (255, 255, 0, 0): BLUE}
    for ink, rgb in inks.items():
        image = Image.new("CMYK", (8, 8), ink)
        np.testing.assert_allclose(seen(encoded(image, form))[0, 0], rgb, atol=2)


def test_lightness_and_opponent_colours_become_colour():
    for lightness in (0, 255):
        image = Image.frombytes("LAB", (8, 8), bytes([lightness, 0, 0] * 64))
        np.testing.assert_allclose(seen(encoded(image, "TIFF")), lightness, atol=3)


@pytest.mark.parametrize("number", [np.float32, np.int32])
def test_numbers_of_which_nobody_knows_the_white_are_refused(number):
    image = Image.fromarray(np.arange(64, dtype=number).reshape(8, 8))
    words = r"from 0(\.0)? to 63(\.0)?, and nothing says .* white: save it with 8 or 16 bits"
    with pytest.raises(DataCorruptError, match=words):
        seen(encoded(image, "TIFF"))
    assert seen(encoded(Image.fromarray(np.arange(64, dtype=np.uint16).reshape(8, 8)))).any() == 0


@pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning")
def test_every_format_that_pillow_writes_is_read():
    flat, read = Image.new("RGB", (16, 16), (255, 255, 255)), []
    for form in picture.formats():
        if form not in Image.SAVE:
            continue
        for mode in ("RGB", "L", "1"):
            try:
                content = encoded(flat.convert(mode), form)
            except (OSError, KeyError, ValueError):
                continue
            np.testing.assert_allclose(seen(content), 255, atol=1)
            read.append(form)
            break
    assert {"BMP", "GIF", "JPEG", "PNG", "PPM", "TGA", "TIFF", "WEBP"} <= set(read)
    assert {".jfif", ".webp", ".tif", ".bmp", ".gif", ".ppm"} <= picture.endings()
    assert not {".pdf", ".h5", ".mpg", ".eps"} & picture.endings()


def test_of_several_frames_the_first_is_taken_and_they_are_counted():
    frames = [Image.new("L", (8, 8), level) for level in (200, 0, 90)]
    for form in ("GIF", "TIFF"):
        content = encoded(frames[0], form, save_all=True, append_images=frames[1:])
        pixels, count = picture.see(content, (8, 8, 3), WHITE)
        assert count == 3
        assert (pixels == 200).all()


def test_the_size_is_changed_after_the_colours():
    """A palette's numbers and a mask of bits are no colours that could be averaged."""
    stripes = np.tile(np.array([0, 255], np.uint8), (8, 4))
    for image in (Image.fromarray(stripes).convert("P"), Image.fromarray(stripes > 0)):
        np.testing.assert_allclose(seen(encoded(image), size=(2, 2)), 127, atol=20)


@pytest.mark.parametrize("background", ["whitish", (0, 0), (0, 0, 300), "#00000000"])
@pytest.mark.usefixtures("no_type_checker")
def test_what_is_no_colour_is_refused_as_a_background(background):
    with pytest.raises(ValueError, match="no opaque colour: give a name such as 'white'"):
        picture.colour(background)
    assert picture.colour("white") == picture.colour((255, 255, 255)) == WHITE


@pytest.mark.parametrize("content", [b"", b"GIF89a", encoded(Image.fromarray(COLOUR))[:60]])
def test_what_is_no_whole_picture_is_refused(content):
    with pytest.raises(DataCorruptError):
        seen(content)


def test_a_picture_that_unpacks_to_too_much_is_refused_before(monkeypatch):
    monkeypatch.setattr(picture, "MAX_PIXELS", 53)
    with pytest.raises(DataCorruptError, match="9 x 6 pixels are over 53"):
        seen(encoded(Image.fromarray(COLOUR)))
