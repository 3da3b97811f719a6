import hashlib

import pytest

from jaxnn.train.errors import CheckpointLockedError
from jaxnn.train.saving import durable

CONTENT = {"lanes": [3, 1], "name": "ä", "share": 0.1, "none": None}


def test_what_is_sealed_comes_back(tmp_path):
    path = tmp_path / "file"
    durable.write(path, durable.seal(CONTENT))
    assert durable.unseal(path) == CONTENT


def test_every_byte_of_a_sealed_file_counts(tmp_path):
    path, raw = tmp_path / "file", durable.seal(CONTENT)
    for position in range(0, len(raw), 7):
        damaged = bytearray(raw)
        damaged[position] ^= 4
        path.write_bytes(damaged)
        with pytest.raises(durable.DamagedError, match=r"^file: "):
            durable.unseal(path)
    path.unlink()
    with pytest.raises(durable.DamagedError, match="file is missing"):
        durable.unseal(path)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "inner").mkdir()
    durable.write(tmp_path / "inner" / "a", b"abc")
    durable.write(tmp_path / "b", b"")
    durable.sync(tmp_path)
    return tmp_path


def test_digests_are_those_of_hashlib_under_names_of_every_system(folder):
    assert durable.digests(folder) == {
        "b": [0, hashlib.sha256(b"").hexdigest()],
        "inner/a": [3, hashlib.sha256(b"abc").hexdigest()],
    }


@pytest.mark.parametrize(
    ("raw", "message"),
    [(b"abd", "the SHA-256 of inner/a is wrong"), (b"ab", "inner/a has 2 bytes of 3")],
)
def test_a_changed_file_is_named(folder, raw, message):
    digests = durable.digests(folder)
    durable.check(folder, digests)
    (folder / "inner" / "a").write_bytes(raw)
    with pytest.raises(durable.DamagedError, match=message):
        durable.check(folder, digests)
    (folder / "inner" / "a").unlink()
    with pytest.raises(durable.DamagedError, match="inner/a is missing"):
        durable.check(folder, digests)


def test_a_lock_is_held_by_one_until_it_is_given_back(tmp_path):
    path = tmp_path / "lock"
    held = durable.lock(path)
    with pytest.raises(CheckpointLockedError, match=r"is in use by process \d+ on "):
        durable.lock(path)
    durable.unlock(held)
    durable.unlock(held)  # twice is once
    durable.unlock(durable.lock(path))
