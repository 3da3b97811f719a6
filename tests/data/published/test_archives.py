"""Archives of every kind of damage: named errors, bounded memory, and nothing written."""

import gzip
import io
import tarfile
import tracemalloc
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxnn.data.errors import DataCorruptError
from jaxnn.data.published import archives

MEMBERS = {"a/1.png": b"one" * 50, "a/2.png": b"", "b/1.png": bytes(range(256))}


def zipped(members, compression=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.mkdir("a")
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return buffer.getvalue()


def tarred(members, kind=tarfile.REGTYPE):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size, info.type = len(content), kind
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def read_zip(path, **caps):
    return dict(archives.zip_members(path, **caps))


KINDS = pytest.mark.parametrize(
    ("pack", "read"), [(zipped, read_zip), (tarred, archives.tar_members)], ids=["zip", "tar"]
)


@pytest.fixture
def write(tmp_path):
    def write_fn(content):
        path = tmp_path / "folder" / "archive"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return path

    return write_fn


@pytest.mark.quick
@KINDS
def test_members_are_read_with_their_names(write, pack, read):
    assert read(write(pack(MEMBERS.items()))) == MEMBERS


@pytest.mark.quick
def test_members_of_a_zip_come_sorted(write):
    members = list(archives.zip_members(write(zipped(reversed(MEMBERS.items())))))
    assert [name for name, _ in members] == sorted(MEMBERS)


OUTSIDE = ["../x", "a/../../x", "/etc/x", "C:/x", "..\\x", "a\\..\\x"]


@pytest.mark.quick
@KINDS
@pytest.mark.parametrize("name", OUTSIDE)
def test_a_name_that_points_outside_is_refused_and_nothing_is_written(write, pack, read, name):
    path = write(pack([*MEMBERS.items(), (name, b"x")]))
    with pytest.raises(DataCorruptError, match="which points outside of it"):
        read(path)
    assert [p for p in path.parents[1].rglob("*") if p.is_file()] == [path]


@pytest.mark.quick
@KINDS
def test_a_name_that_is_there_twice_is_refused(write, pack, read):
    members = [("a", b"1"), ("b", b"2"), ("a", b"3")]
    content = pack(members) if pack is tarred else pack(members[:2]).replace(b"b", b"a")
    with pytest.raises(DataCorruptError, match="holds 'a' twice"):
        read(write(content))


@pytest.mark.quick
@KINDS
@pytest.mark.parametrize("cut", [0.0, 0.3, 0.6, 0.95])
def test_a_truncated_archive_is_refused(write, pack, read, cut):
    whole = pack(MEMBERS.items())
    with pytest.raises(DataCorruptError, match="is not a whole"):
        read(write(whole[: int(cut * len(whole))]))


@KINDS
@pytest.mark.parametrize("cap", ["max_member", "max_total"])
def test_a_bomb_is_refused_before_it_unpacks(write, pack, read, cap):
    path = write(pack([("zeros", bytes(30_000_000)), ("more", b"")]))
    tracemalloc.start()
    with pytest.raises(DataCorruptError, match=r"over 1000|more than 1000"):
        read(path, **{cap: 1000})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.quick
def test_a_zip_that_claims_less_than_it_unpacks_to_is_refused(write):
    whole = bytearray(zipped([("zeros", bytes(5_000_000))]))
    claimed = (5_000_000).to_bytes(4, "little")
    for place in (whole.find(claimed), whole.rfind(claimed)):
        whole[place : place + 4] = (10).to_bytes(4, "little")
    tracemalloc.start()
    with pytest.raises(DataCorruptError):
        read_zip(write(bytes(whole)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.quick
def test_a_tar_that_goes_on_and_on_is_refused(write):
    path = write(gzip.compress(gzip.decompress(tarred(MEMBERS.items())) + bytes(30_000_000)))
    tracemalloc.start()
    with pytest.raises(DataCorruptError, match=f"{path} unpacks to more than 100000 bytes"):
        archives.tar_members(path, max_total=100_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.quick
def test_links_and_devices_of_a_tar_are_left_out(write):
    assert archives.tar_members(write(tarred([("x", b"")], tarfile.SYMTYPE))) == {}
    assert archives.tar_members(write(tarred([("x", b"")], tarfile.FIFOTYPE))) == {}


@pytest.mark.quick
@KINDS
def test_a_changed_byte_of_the_content_is_found_by_the_check_sum(write, pack, read):
    noise = bytes(range(256)) * 2
    whole = bytearray(
        zipped([("x", noise)], zipfile.ZIP_STORED) if pack is zipped else pack([("x", noise)])
    )
    place = whole.find(noise[100:110]) if pack is zipped else len(whole) - 6
    whole[place] ^= 1
    with pytest.raises(DataCorruptError, match="is not a whole"):
        read(write(bytes(whole)))


def changed(content, places):
    content = bytearray(content)
    for place, byte in places:
        content[int(place * (len(content) - 1))] = byte
    return bytes(content)


PLACES = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=4)


@settings(max_examples=500, deadline=None)
@given(places=PLACES, compression=st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
def test_a_zip_with_other_bytes_is_read_or_a_data_error(tmp_path_factory, places, compression):
    path = tmp_path_factory.getbasetemp() / "fuzzed.zip"
    path.write_bytes(changed(zipped(MEMBERS.items(), compression), places))
    check(path, read_zip)


@settings(max_examples=500, deadline=None)
@given(places=PLACES, name=st.text(min_size=1, max_size=20))
def test_a_tar_with_other_bytes_is_read_or_a_data_error(tmp_path_factory, places, name):
    path = tmp_path_factory.getbasetemp() / "fuzzed.tar.gz"
    members = [*MEMBERS.items(), (name.encode("utf-8", "replace").decode(), b"x")]
    tar = gzip.decompress(tarred(members))
    path.write_bytes(gzip.compress(changed(tar, places), 1))
    check(path, archives.tar_members)


@settings(max_examples=300, deadline=None)
@given(
    content=st.binary(max_size=200),
    start=st.sampled_from([b"", b"PK\3\4", b"PK\5\6", b"\x1f\x8b\x08"]),
)
def test_any_bytes_are_an_archive_or_a_data_error(tmp_path_factory, content, start):
    path = tmp_path_factory.getbasetemp() / "fuzzed.bin"
    path.write_bytes(start + content)
    check(path, read_zip)
    check(path, archives.tar_members)


def check(path, read):
    try:
        members = read(path, max_member=10_000, max_total=50_000)
    except DataCorruptError as error:
        named = str(path) in str(error)
        if not named:
            raise
        return
    assert sum(map(len, members.values())) <= 50_000
