import functools
import gzip
import json
import shutil
import time

import numpy as np
import pytest
import tensorflow_datasets as tfds

from jaxnn.data import catalog, idx_builder
from jaxnn.data.errors import DataCorruptError, DataNotFoundError

FILES = ["t10k-images", "t10k-labels", "train-images", "train-labels"]


@pytest.fixture
def record(site, tmp_path):
    return site.published(tmp_path / "checksums.tsv")


def folder(root):
    return root / "made_stripes" / "1.0.0"


def assert_nothing_was_prepared(root):
    assert not folder(root).exists()
    assert not list(root.glob("made_stripes/*"))


def test_prepare_downloads_what_tfds_then_reads(site, record, tmp_path, capfd):
    idx_builder.prepare(record, tmp_path / "tfds")
    source = tfds.data_source("made_stripes", split="train", data_dir=tmp_path / "tfds")
    mine = {(e["image"].tobytes(), int(e["label"])) for e in map(source.__getitem__, range(23))}
    rows = zip(site.arrays["train_inputs"], site.arrays["train_labels"], strict=True)
    assert mine == {(image.tobytes(), int(label)) for image, label in rows}
    info = json.loads((folder(tmp_path / "tfds") / "dataset_info.json").read_text())
    assert info["fileFormat"] == "array_record"
    assert int(info["downloadSize"]) == sum(path.stat().st_size for path in site.files.iterdir())
    assert capfd.readouterr() == ("", "")


def test_prepare_fetches_no_file_twice(record, site, tmp_path):
    root = tmp_path / "tfds"
    idx_builder.prepare(record, root)
    assert len(site.server.log) == 5  # one of them asked whether the server is there
    shutil.rmtree(folder(root))
    idx_builder.prepare(record, root)
    assert len(site.server.log) == 6


def test_prepare_needs_no_network_for_files_in_the_manual_folder(made, site):
    record, root = made
    shutil.rmtree(site.files)
    idx_builder.prepare(record, root)
    assert (folder(root) / "dataset_info.json").is_file()


@pytest.mark.parametrize("name", ["train-images", "t10k-labels"])
@pytest.mark.parametrize("damage", ["other bytes", "truncated"])
@pytest.mark.parametrize("where", ["served", "by hand"])
def test_prepare_refuses_a_file_that_is_not_the_registered_one(
    site, made, tmp_path, name, damage, where
):
    record, root = made
    if where == "served":
        root = tmp_path / "elsewhere"
    files = site.files if where == "served" else root / "downloads" / "manual"
    (path,) = files.glob(f"{name}-*")
    whole = path.read_bytes()
    path.write_bytes(whole[:-4] if damage == "truncated" else whole[:-1] + b"\xff")
    with pytest.raises(DataCorruptError, match=rf"not the published made_stripes: .*{name}"):
        idx_builder.prepare(record, root)
    assert_nothing_was_prepared(root)


def test_prepare_refuses_a_download_that_was_cut_off(site, record, tmp_path):
    class CutOff(site.server.RequestHandlerClass.func):
        def copyfile(self, source, outputfile):
            outputfile.write(source.read()[:-4])

    site.server.RequestHandlerClass = functools.partial(CutOff, directory=site.files)
    with pytest.raises(
        DataNotFoundError, match=r"the download of .* failed with ChunkedEncodingError"
    ):
        idx_builder.prepare(record, tmp_path / "tfds")
    assert_nothing_was_prepared(tmp_path / "tfds")


@pytest.mark.parametrize("name", FILES)
def test_prepare_says_which_file_the_server_lacks(site, record, tmp_path, name):
    (path,) = site.files.glob(f"{name}-*")
    path.unlink()
    message = rf"made_stripes is not at hand: .*{tmp_path}/tfds, .*{path.name}.*set TFDS_DATA_DIR"
    with pytest.raises(DataNotFoundError, match=message):
        idx_builder.prepare(record, tmp_path / "tfds")
    assert_nothing_was_prepared(tmp_path / "tfds")


def test_prepare_gives_up_at_once_where_nobody_answers(site, record, tmp_path):
    site.server.shutdown()
    site.server.server_close()
    start = time.perf_counter()
    with pytest.raises(DataNotFoundError, match="made_stripes is not at hand") as caught:
        idx_builder.prepare(record, tmp_path / "tfds")
    assert time.perf_counter() - start < 5
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "tfds").exists()


def test_prepare_gives_way_to_a_process_that_was_faster(made, monkeypatch):
    record, root = made
    read = idx_builder.idx.read

    def read_fn(path):
        monkeypatch.setattr(idx_builder.idx, "read", read)
        idx_builder.prepare(record, root)
        (folder(root) / "of the other").touch()
        return read(path)

    monkeypatch.setattr(idx_builder.idx, "read", read_fn)
    idx_builder.prepare(record, root)
    assert [path.name for path in folder(root).parent.iterdir()] == ["1.0.0"]
    assert (folder(root) / "of the other").exists()


def test_prepare_says_that_the_folder_cannot_be_written(made, tmp_path):
    record, _ = made
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DataNotFoundError, match=r"Not a directory.*set TFDS_DATA_DIR"):
        idx_builder.prepare(record, tmp_path / "file")


def test_prepare_refuses_images_and_labels_of_different_number(site, tmp_path):
    (path,) = site.files.glob("train-labels-*")
    path.write_bytes(gzip.compress(b"\0\0\x08\x01\0\0\0\x02\0\1"))
    record = site.published(tmp_path / "checksums.tsv")
    with pytest.raises(DataCorruptError, match=r"has 23 images, but .* has 2 labels"):
        idx_builder.prepare(record, tmp_path / "tfds")
    assert_nothing_was_prepared(tmp_path / "tfds")


def test_the_stock_builder_keeps_its_name(record, tmp_path):
    idx_builder.prepare(record, tmp_path / "tfds")
    assert "made_stripes" not in tfds.list_builders(with_community_datasets=False)


def test_tfds_registers_the_four_files_of_mnist_with_size_and_sha256():
    infos = idx_builder.registered_files(catalog.PUBLISHED["mnist"])
    sizes = {url.rsplit("/", 1)[-1]: int(info.size) for url, info in infos.items()}
    assert sizes == {
        "t10k-images-idx3-ubyte.gz": 1648877,
        "t10k-labels-idx1-ubyte.gz": 4542,
        "train-images-idx3-ubyte.gz": 9912422,
        "train-labels-idx1-ubyte.gz": 28881,
    }
    assert all(len(info.checksum) == 64 for info in infos.values())
    assert np.all([url.startswith("https://") for url in infos])
