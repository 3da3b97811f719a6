import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxnn.data.errors import DataCorruptError
from jaxnn.data.published import cifar

pytestmark = pytest.mark.quick

SHAPE = (2, 3, 3)
IMAGES = np.random.default_rng(0).integers(0, 256, (5, *SHAPE), np.uint8)
LABELS = np.array([0, 2, 1, 2, 0], np.uint8)


def content(images=IMAGES, labels=LABELS):
    """Byte by byte, as the web page of CIFAR-10 describes it."""
    rows = bytearray()
    for image, label in zip(images, labels, strict=True):
        rows.append(label)
        for channel in range(3):
            for line in image:
                rows += bytes(pixel[channel] for pixel in line)
    return bytes(rows)


def test_planes_become_channels():
    images, labels = cifar.parse(content(), SHAPE, 3, "batch")
    np.testing.assert_array_equal(images, IMAGES)
    np.testing.assert_array_equal(labels, LABELS)


@pytest.mark.parametrize("bad", [b"", content()[:-1], content() + b"\0"])
def test_a_part_of_an_example_is_refused(bad):
    with pytest.raises(DataCorruptError, match=rf"batch has {len(bad)} bytes, .* number of 19:"):
        cifar.parse(bad, SHAPE, 3, "batch")


def test_a_label_that_is_no_class_is_named():
    with pytest.raises(DataCorruptError, match="batch: example 1 has label 2, but there are 2"):
        cifar.parse(content(), SHAPE, 2, "batch")


@settings(max_examples=500, deadline=None)
@given(data=st.one_of(st.binary(max_size=80), st.binary(min_size=38, max_size=38)))
def test_any_bytes_are_examples_or_a_data_error(data):
    try:
        images, labels = cifar.parse(data, SHAPE, 10, "batch")
    except DataCorruptError:
        return
    assert content(images, labels) == data
