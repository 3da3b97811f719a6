import dataclasses

import numpy as np
import pytest

from jaxnn.data.errors import DataCorruptError
from jaxnn.data.published import builder, prepared


@pytest.fixture
def folder(made):
    record, root = made
    builder.prepare(record, root)
    return root / record.name / record.version


@pytest.mark.quick
def test_read_gives_the_arrays_in_the_order_of_publication(made, folder, site):
    arrays = prepared.read(made[0], folder)
    assert sorted(arrays) == sorted(site.arrays)
    for name, array in site.arrays.items():
        np.testing.assert_array_equal(arrays[name], array)
        assert arrays[name].dtype == array.dtype


@pytest.mark.parametrize("chunk", [1, 7, 23])
def test_read_does_not_depend_on_the_chunk(made, folder, site, monkeypatch, chunk):
    monkeypatch.setattr(prepared, "_CHUNK", chunk)
    arrays = prepared.read(made[0], folder)
    np.testing.assert_array_equal(arrays["train_inputs"], site.arrays["train_inputs"])


def remove_shard(folder):
    next(folder.glob("*-train.*")).unlink()


def truncate_shard(folder):
    path = next(folder.glob("*-train.*"))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty_shard(folder):
    next(folder.glob("*-train.*")).write_bytes(b"")


def break_info(folder):
    (folder / "dataset_info.json").write_text("{")


def remove_features(folder):
    (folder / "features.json").unlink()


def change_size(folder):
    path = folder / "dataset_info.json"
    path.write_text(path.read_text().replace('"23"', '"22"'))


def change_format(folder):
    path = folder / "dataset_info.json"
    path.write_text(path.read_text().replace('"array_record"', '"tfrecord"'))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (remove_shard, ""),
        (truncate_shard, ""),
        (empty_shard, ""),
        (break_info, ""),
        (remove_features, ""),
        (change_size, "train has 22 examples instead of 23"),
        (change_format, "its format is tfrecord, not array_record"),
    ],
)
def test_read_names_the_folder_that_is_damaged(made, folder, damage, message):
    damage(folder)
    with pytest.raises(DataCorruptError, match=rf"{folder} cannot be read \(.*{message}"):
        prepared.read(made[0], folder)


@pytest.mark.quick
def test_read_refuses_images_of_another_shape(made, folder):
    other = dataclasses.replace(made[0], shape=(4, 5, 1))
    with pytest.raises(DataCorruptError, match=r"an image is \(4, 5\) L instead of \[4, 5, 1\]"):
        prepared.read(other, folder)
