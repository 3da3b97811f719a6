"""Damaged files of every form: read, or refused by name; in little memory, and nothing written.

A hundred inputs a reader. Ten thousand each:

    JAXNN_FUZZ=10000 nox -s tests -- tests/data/test_fuzz.py
"""

import gzip
import io
import os
import tarfile
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from jaxnn import data
from jaxnn.data.errors import DataCorruptError
from jaxnn.data.published import archives, cifar, idx

EXAMPLES = int(os.environ.get("JAXNN_FUZZ", "100"))
CAP = 20_000  # bytes that a reader may make of a file
PEAK = 1_500_000  # bytes while it does: buffers of zlib and tarfile

IDX = b"\0\0\x08\3\0\0\0\4\0\0\0\3\0\0\0\2" + bytes(range(24))
BATCH = bytes(range(13)) + bytes([2]) + bytes(range(12))
NAMES = ["a/1.png", "b/2.png", "../up", "/root", "..\\up", "C:\\x", "a/../../b", "a", "a", "\0", ""]
TABLE = b"1,4,b\n0,2,a\n0.5,10,b\n"


def read_idx(path):
    return idx.read(path, max_bytes=CAP).nbytes


def read_cifar(path):
    images, labels = cifar.parse(path.read_bytes(), (2, 2, 3), 3, str(path))
    return images.nbytes + labels.nbytes


def read_zip(path):
    return sum(len(content) for _, content in archives.zip_members(path, max_total=CAP))


def read_tar(path):
    return sum(map(len, archives.tar_members(path, max_total=CAP).values()))


def read_csv(path):
    return data.from_csv(path).train.inputs.nbytes


def zipped(members, compression):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members:
            info = zipfile.ZipInfo("placeholder")
            info.filename = name
            archive.writestr(info, content, compression)
    return buffer.getvalue()


def tarred(members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


MEMBERS = st.dictionaries(
    st.sampled_from(NAMES), st.sampled_from([b"", b"png" * 9, bytes(3 * CAP)]), max_size=4
).map(lambda members: list(members.items()))
SIZES = st.sampled_from([0, 1, 4, 5, 2**16, 2**31, 2**32 - 1])
CELLS = st.sampled_from(["1", "-2.5", "a", "", "nan", "?", '"', "1e99", " ", "\0", "é", "inf"])
PACKED = st.sampled_from([bytes, gzip.compress])
PAIR = [("a/1.png", b"png"), ("b/2.png", b"")]


def headed(sizes, tail, pack):
    return pack(bytes([0, 0, 8, len(sizes)]) + np.array(sizes, ">u4").tobytes() + tail)


READERS = {
    "idx": (
        read_idx,
        st.one_of(
            st.builds(lambda pack: pack(IDX), PACKED),
            st.builds(headed, st.lists(SIZES, max_size=5), st.binary(max_size=40), PACKED),
            st.builds(headed, st.just([4]), st.just(bytes(100 * CAP)), st.just(gzip.compress)),
        ),
    ),
    "cifar": (read_cifar, st.one_of(st.just(BATCH), st.integers(0, 9).map(lambda n: BATCH * n))),
    "csv": (
        read_csv,
        st.one_of(
            st.just(TABLE),
            st.lists(st.lists(CELLS, max_size=4).map(",".join), max_size=5).map(
                lambda lines: "\n".join(lines).encode()
            ),
        ),
    ),
    "zip": (read_zip, st.builds(zipped, MEMBERS, st.sampled_from([0, 8]))),
    "tar": (
        read_tar,
        st.builds(
            lambda members: gzip.compress(tarred(members), 1),
            st.one_of(MEMBERS, st.just(PAIR)),
        ),
    ),
}
WHOLE = {
    "idx": IDX,
    "cifar": BATCH,
    "csv": TABLE,
    "zip": zipped(PAIR, zipfile.ZIP_DEFLATED),
    "tar": gzip.compress(tarred(PAIR), 1),
}
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["byte", "cut", "insert", "append"]),
        st.floats(0, 1),
        st.binary(min_size=1, max_size=4),
    ),
    max_size=3,
)


def changed(content, changes):
    content = bytearray(content)
    for kind, share, new in changes:
        place = int(share * len(content))
        if kind == "byte":
            content[place : place + len(new)] = new
        elif kind == "cut":
            del content[place:]
        elif kind == "insert":
            content[place:place] = new
        else:
            content += new
    return bytes(content)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder in a folder, which is the current one: what escapes is found beside the file."""
    place, before = tmp_path_factory.mktemp("outer") / "inner", os.getcwd()
    place.mkdir()
    os.chdir(place)
    tracemalloc.start()
    yield place
    tracemalloc.stop()
    os.chdir(before)


@pytest.mark.parametrize("form", READERS)
def test_whatever_a_file_holds_it_is_read_or_refused_by_name(place, form):
    read, contents = READERS[form]
    outcomes = {"read": 0, "refused": 0}
    (place / "fuzzed").write_bytes(WHOLE[form])
    read(place / "fuzzed")  # which may import what reads it

    @settings(
        max_examples=EXAMPLES, deadline=None, database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip
    @example(content=WHOLE[form], changes=[])
    @given(content=contents, changes=st.one_of(st.just([]), CHANGES))
    def try_fn(content, changes):
        path = place / "fuzzed"
        path.write_bytes(changed(content, changes))
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        try:
            size = read(path)
        except DataCorruptError as error:
            size, message = 0, str(error)
        except ValueError as error:  # of a table only, about the column that was asked for
            size, message = 0, str(error)
            assert form == "csv", message
        else:
            message = None
        peak = tracemalloc.get_traced_memory()[1] - before
        outcomes["read" if message is None else "refused"] += 1
        assert message is None or "fuzzed" in message, message
        assert size <= CAP
        assert peak < PEAK, peak
        assert [path.name for path in place.parent.iterdir()] == ["inner"]
        assert [path.name for path in place.iterdir()] == ["fuzzed"]

    try_fn()
    # how many of them are whole is chance: they are few, and Hypothesis tries none twice
    assert min(outcomes.values()) > 0, outcomes
