import gzip
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxnn.data.errors import DataCorruptError
from jaxnn.data.published import idx

IMAGES = np.arange(24, dtype=np.uint8).reshape(4, 3, 2)
HEADER = struct.pack(">HBB3I", 0, 8, 3, 4, 3, 2)
WHOLE = HEADER + IMAGES.tobytes()
PACKED = gzip.compress(WHOLE, mtime=0)  # no time, or processes would name the tests differently


@pytest.fixture
def write(tmp_path):
    def write_fn(data):
        path = tmp_path / "images-idx3-ubyte"
        path.write_bytes(data)
        return path

    return write_fn


@pytest.mark.quick
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_read_gives_the_array(write, pack):
    array = idx.read(write(pack(WHOLE)))
    np.testing.assert_array_equal(array, IMAGES)
    assert array.dtype == np.uint8


@pytest.mark.quick
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "ends after 0 of 4 bytes"),
        (b"\x89PNG" + WHOLE, "starts with 89504e47"),
        (struct.pack(">HBB", 0, 13, 1) + bytes(8), "starts with 00000d01"),  # float32
        (struct.pack(">HBB", 0, 8, 0) + b"x", "starts with 00000800"),
        (HEADER[:10], "ends after 6 of 12 bytes"),
        (WHOLE[:-1], "ends after 23 of 24 bytes"),
        (WHOLE + b"x", "goes on after the 24 bytes of its"),
        (struct.pack(">HBB3I", 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1), "over 268435456"),
        (PACKED[:-9], "not a whole gzip file"),
        (PACKED[:-8] + bytes(8), "not a whole gzip file: CRC check failed"),
        (PACKED + b"junk", "not a whole gzip file"),
        (b"\x1f\x8b\x08" + bytes(20), "not a whole gzip file"),
    ],
)
def test_read_names_the_file_and_what_is_wrong_with_it(write, data, message):
    with pytest.raises(DataCorruptError, match=rf"images-idx3-ubyte .*{message}"):
        idx.read(write(data))


def test_read_unpacks_no_more_of_a_bomb_than_its_header_claims(write):
    path = write(gzip.compress(WHOLE + bytes(50_000_000)))
    tracemalloc.start()
    with pytest.raises(DataCorruptError, match="goes on after"):
        idx.read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


@pytest.mark.quick
def test_read_refuses_a_size_over_the_cap_before_reading(write):
    with pytest.raises(DataCorruptError, match=r"claims 24 bytes in \[4, 3, 2\], over 23"):
        idx.read(write(WHOLE), max_bytes=23)


@pytest.mark.quick
@pytest.mark.parametrize("shape", [(0, 2**32 - 1, 2**32 - 1), (1,) * 65])
def test_read_refuses_a_shape_that_no_array_can_have(write, shape):
    header = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)
    with pytest.raises(DataCorruptError, match=r"images-idx3-ubyte.* claims"):
        idx.read(write(header + b"\x01"))


@settings(max_examples=300, deadline=None)
@given(
    data=st.one_of(
        st.binary(max_size=64),
        st.binary(max_size=40).map(lambda tail: b"\x00\x00\x08" + tail),
        st.binary(max_size=40).map(lambda tail: b"\x1f\x8b\x08\x00" + tail),
        st.binary(max_size=40).map(lambda tail: gzip.compress(b"\x00\x00\x08\x01" + tail)),
    )
)
def test_read_of_any_bytes_gives_an_array_or_a_data_error(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "fuzzed-idx"
    path.write_bytes(data)
    try:
        array = idx.read(path, max_bytes=1000)
    except DataCorruptError:
        return
    assert array.nbytes <= 1000
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    assert header + array.tobytes() == (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
