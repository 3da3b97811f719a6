import dataclasses
import pickle
import shutil
import subprocess
import sys
from concurrent import futures

import numpy as np
import pytest

from jaxnn.data import cache
from jaxnn.data.errors import DataCorruptError, DataNotFoundError
from jaxnn.data.published import loading


def assert_holds(dataset, arrays):
    for name, array in arrays.items():
        split, field = name.split("_")
        loaded = getattr(getattr(dataset, split), field)
        np.testing.assert_array_equal(loaded, array)
        assert loaded.dtype == array.dtype


def version_folder(record, root):
    return root / record.name / record.version


@pytest.mark.quick
def test_load_downloads_prepares_and_decodes_once(site, tmp_path, caplog):
    record, root = site.published(tmp_path / "checksums.tsv"), tmp_path / "tfds"
    assert_holds(loading.load(record, root), site.arrays)
    site.server.shutdown()
    assert_holds(loading.load(record, root), site.arrays)
    assert caplog.text == ""


@pytest.mark.quick
def test_load_says_what_it_loaded(made):
    dataset = loading.load(*made)
    assert dataset.name == "made_stripes"
    assert dataset.classes == ("a", "b", "c")
    assert dataset.scale == 255.0


@pytest.mark.quick
@pytest.mark.parametrize("variable", ["TFDS_DATA_DIR", "HOME"])
def test_load_looks_where_tfds_does(made, site, tmp_path, monkeypatch, variable):
    record, root = made
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    monkeypatch.setenv(variable, str(root if variable == "TFDS_DATA_DIR" else tmp_path))
    if variable == "HOME":
        root.rename(tmp_path / "tensorflow_datasets")
    assert_holds(loading.load(record), site.arrays)
    assert site.server.log == []


@pytest.mark.quick
def test_load_reads_a_read_only_folder(made, site):
    record, root = made
    loading.load(record, root)
    folder = version_folder(record, root)
    shutil.rmtree(folder / "jaxnn_cache")
    folder.chmod(0o555)
    assert_holds(loading.load(record, root), site.arrays)
    assert not (folder / "jaxnn_cache").exists()
    folder.chmod(0o755)


@pytest.mark.quick
def test_load_refuses_data_that_are_not_the_published_ones(made):
    record, root = made
    other = dataclasses.replace(record, sha256={**record.sha256, "test_labels": "0" * 64})
    folder = version_folder(record, root)
    with pytest.raises(DataCorruptError, match=rf"test_labels in {folder} is not what was publ"):
        loading.load(other, root)
    assert not (folder / "jaxnn_cache").exists()


def test_load_notices_flipped_bytes_of_the_records_or_they_change_nothing(made, site):
    record, root = made
    loading.load(record, root)
    shard = next(version_folder(record, root).glob("*-train.*"))
    whole, noticed = shard.read_bytes(), 0
    carrying = np.flatnonzero(np.frombuffer(whole, np.uint8))
    for index in carrying[:: len(carrying) // 40]:
        data = bytearray(whole)
        data[index] ^= 255
        shard.write_bytes(data)
        try:
            assert_holds(loading.load(record, root), site.arrays)
        except DataCorruptError:
            noticed += 1
    assert noticed > 20


@pytest.mark.parametrize("site", ["idx", "pets"], indirect=True)
def test_a_stream_reads_the_same_examples_from_the_folder_when_they_are_asked_for(made, site):
    record, root = made
    streamed, loaded = loading.stream(record, root), loading.load(record, root)
    rows = np.array([[5, 0, 7], [3, 3, 9]])
    for fetched, whole in zip(streamed.fetch(rows), loaded.train, strict=True):
        np.testing.assert_array_equal(fetched, whole[rows])
    np.testing.assert_array_equal(streamed.test.inputs, loaded.test.inputs)
    assert (streamed.classes, streamed.scale) == (loaded.classes, loaded.scale)
    with futures.ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda row: streamed.fetch(np.array([row])), range(15)))
    np.testing.assert_array_equal(
        np.concatenate([part.inputs for part in parts]), loaded.train.inputs[:15]
    )


@pytest.mark.quick
def test_load_says_where_it_looked(site, tmp_path):
    record = site.published(tmp_path / "checksums.tsv")
    site.server.shutdown()
    site.server.server_close()
    with pytest.raises(DataNotFoundError, match=rf"made_stripes/1.0.0 in {tmp_path}/none, "):
        loading.load(record, tmp_path / "none")


SCRIPT = """
import logging, pickle, sys
logging.disable()  # caches beside the data may be stale
from jaxnn.data import cache
from jaxnn.data.published import loading
for record, root in pickle.load(sys.stdin.buffer):
    dataset = loading.load(record, root)
    for split in ("train", "test"):
        for field in ("inputs", "labels"):
            array = getattr(getattr(dataset, split), field)
            assert cache.digest(array) == record.sha256[f"{split}_{field}"], record.name
assert "tensorflow" not in sys.modules
print(*sorted({"sklearn", "tensorflow_datasets"} & set(sys.modules)))
"""


def start(*sets):
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", SCRIPT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdin.write(pickle.dumps(sets))
    process.stdin.close()
    process.stdin = None
    return process


STREAMED = "fashion_mnist"  # to decode it takes as long as MNIST, which is read in the same way


@pytest.mark.data
def test_what_is_loaded_has_the_labels_that_are_known_and_the_same_bits_in_a_fresh_process(known):
    """Which imports neither tensorflow, nor tensorflow_datasets for what was loaded before."""
    whole = [one for one in known if one.record.name != STREAMED]
    for record, root, facts in whole:
        dataset = loading.load(record, root)
        assert dataset.train.labels[:10].tolist() == facts.first
        assert np.bincount(dataset.train.labels).tolist() == facts.train_counts
        assert np.bincount(dataset.test.labels).tolist() == facts.test_counts
        assert len(dataset.classes) == len(facts.train_counts)
    out, err = start(*((record, root) for record, root, _ in whole)).communicate()
    assert (out.decode(), err.decode()) == ("\n", "")


@pytest.mark.data
def test_what_is_streamed_has_the_labels_that_are_known(known):
    for record, root, facts in known:
        if record.name in ("made_stripes", STREAMED):
            streamed = loading.stream(record, root)
            assert streamed.fetch(np.arange(10)[None]).labels[0].tolist() == facts.first
            assert len(streamed.train.labels) == sum(facts.train_counts)
            assert np.bincount(streamed.test.labels).tolist() == facts.test_counts
            assert cache.digest(streamed.test.inputs) == record.sha256["test_inputs"]


def test_two_processes_may_prepare_at_once(made):
    record, root = made
    processes = [start(made), start(made)]
    assert [process.communicate()[1].decode() for process in processes] == ["", ""]
    folder = version_folder(record, root)
    assert not [path for path in folder.parent.rglob("*") if "incomplete" in path.name]
    assert not list((folder / "jaxnn_cache").glob(".*"))
