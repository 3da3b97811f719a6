import json
import os
import stat

import numpy as np
import pytest

from jaxnn.data import cache


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "records").write_bytes(b"abc")
    return folder


class Build:
    """Makes the arrays, and counts how often it was asked to."""

    def __init__(self):
        self.calls = 0

    def __call__(self):
        self.calls += 1
        return {"inputs": np.arange(12, dtype=np.uint8).reshape(4, 3), "labels": np.arange(4)}


@pytest.fixture
def build():
    return Build()


def load(source, build, **settings):
    arrays = cache.load_or_build("made", source, build, **settings)
    for name, array in Build()().items():
        np.testing.assert_array_equal(arrays[name], array)
        assert not arrays[name].flags.writeable
    return arrays


@pytest.mark.quick
def test_the_second_load_builds_nothing_and_maps_the_files(source, build):
    load(source, build)
    arrays = load(source, build)
    assert build.calls == 1
    assert isinstance(arrays["inputs"], np.memmap)
    assert sorted(path.name for path in (source / "jaxnn_cache").iterdir()) == [
        "inputs.npy",
        "labels.npy",
        "manifest.json",
    ]


@pytest.mark.quick
def test_another_build_that_was_faster_does_no_harm(source, build):
    def build_fn():
        load(source, build)
        return build()

    cache.load_or_build("made", source, build_fn)
    load(source, build)
    assert build.calls == 2


@pytest.mark.quick
@pytest.mark.parametrize("change", ["content", "time", "new file"])
def test_a_changed_source_is_built_again(source, build, caplog, change):
    load(source, build)
    if change == "time":
        os.utime(source / "records", ns=(1, 1))
    else:
        (source / ("records" if change == "content" else "more")).write_bytes(b"abcd")
    load(source, build)
    assert build.calls == 2
    assert f"{source}/jaxnn_cache is not valid (the source files changed)" in caplog.text
    load(source, build)
    assert build.calls == 2


def flip(path, index):
    data = bytearray(path.read_bytes())
    data[index] ^= 1
    path.write_bytes(data)


@pytest.mark.quick
@pytest.mark.parametrize("name", ["inputs.npy", "labels.npy", "manifest.json"])
@pytest.mark.parametrize("damage", ["flipped", "truncated", "emptied", "longer"])
def test_a_broken_cache_is_named_and_built_again(source, build, caplog, name, damage):
    load(source, build)
    path = source / "jaxnn_cache" / name
    whole = path.read_bytes()
    if damage == "flipped":
        flip(path, len(whole) - 12)
    else:
        path.write_bytes({"truncated": whole[:-5], "emptied": b"", "longer": whole + b"}"}[damage])
    load(source, build)
    if (name, damage) in [("inputs.npy", "longer"), ("labels.npy", "longer")]:
        assert build.calls == 1  # numpy reads the bytes that its header claims, which are intact
    else:
        assert build.calls == 2
        assert str(source) in caplog.text
        assert path.read_bytes() == whole


def test_no_flipped_byte_of_a_header_changes_what_is_loaded(source, build):
    load(source, build)
    path = source / "jaxnn_cache" / "inputs.npy"
    for index in range(path.stat().st_size - 12):
        flip(path, index)
        load(source, build)
    assert build.calls > 50


@pytest.mark.parametrize(
    "damage",
    [
        lambda manifest: {**manifest, "sha256": {}},
        lambda manifest: {**manifest, "sha256": {"inputs": manifest["sha256"]["inputs"]}},
        lambda manifest: {**manifest, "sha256": None},
        lambda manifest: {**manifest, "sha256": list(manifest["sha256"])},
        lambda manifest: {"source": manifest["source"]},
        lambda manifest: [manifest],
        lambda manifest: "manifest",
        lambda manifest: None,
    ],
)
def test_a_manifest_that_is_not_whole_is_built_again(source, build, damage):
    load(source, build)
    path = source / "jaxnn_cache" / "manifest.json"
    path.write_text(json.dumps(damage(json.loads(path.read_text()))))
    load(source, build)
    load(source, build)
    assert build.calls == 2


@pytest.mark.quick
@pytest.mark.parametrize("name", ["inputs.npy", "manifest.json"])
def test_a_file_that_is_missing_is_built_again(source, build, name):
    load(source, build)
    (source / "jaxnn_cache" / name).unlink()
    load(source, build)
    assert build.calls == 2


@pytest.mark.quick
def test_a_cache_with_other_digests_than_the_published_ones_is_built_again(source, build, caplog):
    digests = {name: cache.digest(array) for name, array in Build()().items()}
    wrong = lambda: {name: array + 1 for name, array in Build()().items()}  # noqa: E731
    cache.load_or_build("made", source, wrong)
    load(source, build, sha256=digests)
    assert build.calls == 1
    assert "wrong SHA-256 of inputs, labels" in caplog.text


@pytest.mark.quick
def test_a_pickled_object_is_never_loaded(source, build):
    load(source, build)
    array = np.array([{"a": 1}], object)
    np.save(source / "jaxnn_cache" / "inputs.npy", array, allow_pickle=True)
    load(source, build)
    assert build.calls == 2


@pytest.fixture
def read_only(source):
    source.chmod(0o555)
    yield source
    source.chmod(0o755)


@pytest.mark.quick
def test_a_read_only_source_is_cached_in_a_private_folder_of_the_user(
    read_only, build, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home" / "cache"))
    load(read_only, build)
    load(read_only, build)
    assert build.calls == 1
    assert [path.name for path in read_only.iterdir()] == ["records"]
    (place,) = (tmp_path / "home" / "cache" / "jaxnn").iterdir()
    assert place.name.startswith("made-")
    assert stat.S_IMODE(place.stat().st_mode) == stat.S_IMODE(place.parent.stat().st_mode) == 0o700


@pytest.mark.quick
def test_two_sources_of_one_name_have_a_cache_each(tmp_path, build, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ["one", "two"]:
        (tmp_path / name).mkdir(mode=0o555)
        load(tmp_path / name, build)
    assert build.calls == 2
    assert len(list((tmp_path / "cache" / "jaxnn").iterdir())) == 2


@pytest.mark.quick
def test_without_any_writable_folder_it_loads_and_says_so(read_only, build, monkeypatch, caplog):
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    load(read_only, build)
    assert "no folder for a cache could be written" in caplog.text


@pytest.mark.quick
def test_a_user_without_a_home_has_the_cache_beside_the_data(source, build, monkeypatch):
    def home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(cache.Path, "home", home)
    load(source, build)
    load(source, build)
    assert build.calls == 1


@pytest.mark.quick
def test_a_write_that_fails_leaves_no_temporary_file(source, build, monkeypatch):
    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    monkeypatch.setattr(os, "replace", fail)
    load(source, build)
    assert list((source / "jaxnn_cache").iterdir()) == []


@pytest.mark.quick
def test_the_digest_covers_dtype_shape_and_bytes():
    array = np.arange(6, dtype=np.uint8)
    others = [array.view(np.int8), array.reshape(2, 3), array[::-1], array.reshape(2, 3).T]
    assert len({cache.digest(other) for other in [array, *others]}) == 5
    assert cache.digest(array) == cache.digest(array.copy())


@pytest.mark.quick
def test_the_manifest_lists_the_source_and_the_digests(source, build):
    load(source, build)
    manifest = json.loads((source / "jaxnn_cache" / "manifest.json").read_text())
    assert [entry[:2] for entry in manifest["source"]] == [["records", 3]]
    assert manifest["sha256"]["inputs"] == cache.digest(Build()()["inputs"])
