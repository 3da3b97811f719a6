import dataclasses
import functools
import gzip
import json
import shutil
import time

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from jaxnn.data.errors import DataCorruptError, DataNotFoundError
from jaxnn.data.published import builder, catalog, listing, loading, prepared, release, sources

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
    builder.prepare(record, tmp_path / "tfds")
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
    builder.prepare(record, root)
    assert len(site.server.log) == 4
    shutil.rmtree(folder(root))
    builder.prepare(record, root)
    assert len(site.server.log) == 4


@pytest.mark.quick
def test_prepare_needs_no_network_for_files_in_the_manual_folder(made, site):
    record, root = made
    shutil.rmtree(site.files)
    builder.prepare(record, root)
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
        builder.prepare(record, root)
    assert_nothing_was_prepared(root)


@pytest.mark.parametrize("site", ["idx", "cifar", "zoo", "zip", "pets"], indirect=True)
def test_prepare_refuses_a_download_that_was_cut_off_and_fetches_it_again(site, record, tmp_path):
    class CutOff(site.server.RequestHandlerClass.func):
        def copyfile(self, source, outputfile):
            outputfile.write(source.read()[:-4])

    whole = site.server.RequestHandlerClass
    site.server.RequestHandlerClass = functools.partial(CutOff, directory=site.files)
    with pytest.raises(
        DataNotFoundError, match=r"the download of .* failed with ProtocolError; \d+ bytes are kept"
    ):
        builder.prepare(record, tmp_path / "tfds")
    assert_nothing_was_prepared(tmp_path / "tfds")
    site.server.RequestHandlerClass = whole
    builder.prepare(record, tmp_path / "tfds")
    np.testing.assert_array_equal(
        prepared.read(record, folder(tmp_path / "tfds"))["train_inputs"],
        site.arrays["train_inputs"],
    )


@pytest.mark.parametrize("name", FILES)
def test_prepare_says_which_file_the_server_lacks(site, record, tmp_path, name):
    (path,) = site.files.glob(f"{name}-*")
    path.unlink()
    message = rf"made_stripes is not at hand: .*{tmp_path}/tfds, .*{path.name}.*set TFDS_DATA_DIR"
    with pytest.raises(DataNotFoundError, match=message):
        builder.prepare(record, tmp_path / "tfds")
    assert_nothing_was_prepared(tmp_path / "tfds")


@pytest.mark.quick
def test_prepare_gives_up_at_once_where_nobody_answers(site, record, tmp_path):
    site.server.shutdown()
    site.server.server_close()
    start = time.perf_counter()
    with pytest.raises(DataNotFoundError, match="made_stripes is not at hand") as caught:
        builder.prepare(record, tmp_path / "tfds")
    assert time.perf_counter() - start < 5
    assert "\n" not in str(caught.value)
    assert not [path for path in (tmp_path / "tfds").rglob("*") if path.is_file()]


def test_prepare_gives_way_to_a_process_that_was_faster(made, monkeypatch):
    record, root = made
    read = sources.idx.read

    def read_fn(path):
        monkeypatch.setattr(sources.idx, "read", read)
        builder.prepare(record, root)
        (folder(root) / "of the other").touch()
        return read(path)

    monkeypatch.setattr(sources.idx, "read", read_fn)
    builder.prepare(record, root)
    assert [path.name for path in folder(root).parent.iterdir()] == ["1.0.0"]
    assert (folder(root) / "of the other").exists()


@pytest.mark.quick
def test_prepare_says_that_the_folder_cannot_be_written(made, tmp_path):
    record, _ = made
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DataNotFoundError, match=r"Not a directory.*set TFDS_DATA_DIR"):
        builder.prepare(record, tmp_path / "file")


@pytest.mark.quick
def test_prepare_refuses_images_and_labels_of_different_number(site, tmp_path):
    (path,) = site.files.glob("train-labels-*")
    path.write_bytes(gzip.compress(b"\0\0\x08\x01\0\0\0\x02\0\1"))
    record = site.published(tmp_path / "checksums.tsv")
    with pytest.raises(DataCorruptError, match=r"has 23 images, but .* has 2 labels"):
        builder.prepare(record, tmp_path / "tfds")
    assert_nothing_was_prepared(tmp_path / "tfds")


@pytest.mark.quick
def test_the_stock_builder_keeps_its_name(record, tmp_path):
    builder.prepare(record, tmp_path / "tfds")
    assert "made_stripes" not in tfds.list_builders(with_community_datasets=False)


@pytest.mark.quick
def test_tfds_registers_the_four_files_of_mnist_with_size_and_sha256():
    infos = builder.registered_files(catalog.PUBLISHED["mnist"])
    sizes = {url.rsplit("/", 1)[-1]: int(info.size) for url, info in infos.items()}
    assert sizes == {
        "t10k-images-idx3-ubyte.gz": 1648877,
        "t10k-labels-idx1-ubyte.gz": 4542,
        "train-images-idx3-ubyte.gz": 9912422,
        "train-labels-idx1-ubyte.gz": 28881,
    }
    assert all(len(info.checksum) == 64 for info in infos.values())
    assert np.all([url.startswith("https://") for url in infos])


OTHER_FORMS = pytest.mark.parametrize("site", ["cifar", "zoo", "zip", "pets"], indirect=True)


@OTHER_FORMS
def test_every_form_is_downloaded_prepared_and_read_back_in_order(site, record, tmp_path):
    place = builder.prepare(record, tmp_path / "tfds")
    assert place == folder(tmp_path / "tfds")
    arrays = prepared.read(record, place)
    assert sorted(arrays) == sorted(site.arrays)
    for name, array in site.arrays.items():
        np.testing.assert_array_equal(arrays[name], array)
        assert arrays[name].dtype == array.dtype
    assert site.server.log


@OTHER_FORMS
@pytest.mark.parametrize("damage", ["other bytes", "truncated", "gone"])
def test_every_form_is_refused_where_it_is_not_the_registered_file(site, record, tmp_path, damage):
    (path,) = site.files.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[:-4] if damage == "truncated" else whole[:-1] + b"\xff")
    if damage == "gone":
        path.unlink()
    error = DataNotFoundError if damage == "gone" else DataCorruptError
    with pytest.raises(error, match=f"made_stripes.*{path.name}"):
        builder.prepare(record, tmp_path / "tfds")
    assert_nothing_was_prepared(tmp_path / "tfds")


@OTHER_FORMS
def test_files_beside_the_data_folder_are_taken_without_network(site, record, tmp_path):
    shutil.copytree(site.files, tmp_path / "raw" / "made_stripes")
    builder.prepare(record, tmp_path / "tfds")
    assert site.server.log == []


@pytest.mark.quick
def test_a_read_only_data_folder_leaves_the_prepared_one_to_the_users_cache(
    made, site, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    record, root = made
    root.chmod(0o555)
    place = builder.prepare(record, root)
    assert place.is_relative_to(tmp_path / "home" / "jaxnn")
    assert [path.name for path in root.iterdir()] == ["downloads"]
    assert release.prepared_folder(record, root) == place
    np.testing.assert_array_equal(
        loading.load(record, root).train.inputs, site.arrays["train_inputs"]
    )
    root.chmod(0o755)


@pytest.fixture
def in_a_folder(tmp_path):
    """(record, TFDS data folder, arrays) of JPEG files that cannot be downloaded."""
    rng, raw = np.random.default_rng(0), tmp_path / "raw" / "made_photos"
    names = [
        f"{split}/{kind}.{i}.jpg" for split in ("test", "train") for kind in "ab" for i in (1, 2)
    ]
    for number, name in enumerate(names):
        (raw / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (6 + number, 9, 3), np.uint8)).save(raw / name)
    listing.write(raw, tmp_path / "listing.txt")
    record = release.Published(
        name="made_photos",
        version="1.0.0",
        shape=(4, 4, 3),
        sizes={"train": 4, "test": 4},
        classes=("a", "b"),
        sha256={},
        form="folder",
        listing=tmp_path / "listing.txt",
        resize=True,
        home="https://made.example",
    )
    return record, tmp_path / "tfds", raw


@pytest.mark.quick
def test_a_listed_folder_is_prepared_and_resized_when_it_is_loaded(in_a_folder):
    record, root, raw = in_a_folder
    dataset = loading.load(record, root)
    assert dataset.test.labels.tolist() == dataset.train.labels.tolist() == [0, 0, 1, 1]
    with Image.open(raw / "train" / "b.1.jpg") as image:
        expected = np.asarray(image.resize((4, 4), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(dataset.train.inputs[2], expected)
    stored = tfds.builder_from_directory(folder(root).parents[1] / "made_photos" / "1.0.0")
    record_of_it = stored.as_data_source("train", decoders={"image": tfds.decode.SkipDecoding()})[0]
    assert record_of_it["image"] in [path.read_bytes() for path in raw.glob("train/*")]


@pytest.mark.quick
@pytest.mark.parametrize("damage", ["changed", "cut off", "missing"])
def test_a_listed_file_that_is_not_the_published_one_is_named(in_a_folder, damage):
    record, root, raw = in_a_folder
    path = raw / "train" / "a.2.jpg"
    whole = path.read_bytes()
    path.write_bytes(whole[:-9] if damage == "cut off" else whole[:-1] + b"\x00")
    if damage == "missing":
        path.unlink()
        (raw / "test" / "a.1.jpg").unlink()
    more = "is missing, and 1 more" if damage == "missing" else "was changed or cut off:"
    name = "test/a.1.jpg" if damage == "missing" else "train/a.2.jpg"
    with pytest.raises(DataCorruptError, match=rf"{raw}/{name} {more}"):
        builder.prepare(record, root)
    assert not list(root.glob("made_photos/*"))


@pytest.mark.quick
def test_what_can_only_be_copied_says_where_from_and_where_to(in_a_folder):
    record, root, raw = in_a_folder
    shutil.rmtree(raw)
    with pytest.raises(DataNotFoundError, match=f"put the files of {record.home} into {raw}, or"):
        builder.prepare(record, root)


@pytest.mark.quick
def test_the_packaged_lists_name_every_example():
    for name in ("cats_vs_dogs", "simpsons"):
        record = catalog.PUBLISHED[name]
        lines = record.listing.read_text().splitlines()
        assert len(lines) == sum(record.sizes.values())
        assert lines == sorted(lines, key=lambda line: line.split("  ")[1])


@pytest.mark.quick
def test_tfds_registers_the_archive_of_cifar10():
    ((url, info),) = builder.registered_files(catalog.PUBLISHED["cifar10"]).items()
    assert url.startswith("https://")
    assert (int(info.size), info.checksum[:8]) == (170052171, "c4a38c50")


@pytest.mark.quick
@pytest.mark.parametrize("site", ["pets"], indirect=True)
def test_an_archive_of_pets_with_too_few_images_is_refused(site, record, tmp_path):
    more = dataclasses.replace(record, per_class={"train": 10, "test": 3})
    with pytest.raises(DataCorruptError, match=r"pets.zip lacks 1 of 10 images of PetImages/Cat"):
        builder.prepare(more, tmp_path / "tfds")


@pytest.mark.quick
def test_a_count_of_a_class_that_is_not_the_published_one_is_refused(made):
    record, root = made
    more = dataclasses.replace(record, per_class={"test": 2}, sha256={})
    with pytest.raises(DataCorruptError, match=r"test in .* has \[.*\] examples of the cl"):
        loading.load(more, root)


def test_listed_files_are_fetched_from_a_mirror(in_a_folder, site, monkeypatch):
    """Any set that `load` knows comes from the address of a copy of raw/."""
    record, root, raw = in_a_folder
    shutil.copytree(raw, site.files / "made_photos")
    shutil.rmtree(raw)
    monkeypatch.setenv(release.MIRROR, f"http://127.0.0.1:{site.server.server_port}/")
    assert len(loading.load(record, root).train.labels) == 4
    (site.files / "made_photos" / "train" / "a.1.jpg").write_bytes(b"another")
    shutil.rmtree(root)
    with pytest.raises(DataCorruptError, match=r"not the published made_photos: .*/train/a.1.jpg"):
        loading.load(record, root)


def test_downloaded_files_are_fetched_from_a_mirror(site, record, tmp_path, monkeypatch):
    shutil.copytree(site.files, site.files / "made_stripes")
    monkeypatch.setenv(release.MIRROR, f"http://127.0.0.1:{site.server.server_port}")
    builder.prepare(record, tmp_path / "tfds")
    assert all("/made_stripes/" in line for line in site.server.log)


def test_what_is_not_in_the_raw_folder_is_taken_from_elsewhere(in_a_folder, made, caplog):
    record, _, raw = in_a_folder
    elsewhere = dataclasses.replace(record, otherwise=made[0])
    assert release.at_hand(elsewhere, made[1]).name == "made_photos"  # its files are there
    shutil.rmtree(raw)
    assert loading.load(elsewhere, made[1]).name == "made_stripes"
    assert "whose arrays have no registered SHA-256" in caplog.text


def test_files_at_hand_are_not_downloaded_with_the_missing_ones(made, site):
    record, root = made
    manual = root / "downloads" / "manual"
    for path in list(manual.iterdir())[1:]:
        path.unlink()
    builder.prepare(record, root)
    assert len(site.server.log) == 3


def test_two_sets_with_the_same_file_names_do_not_meet(site, record, tmp_path):
    builder.prepare(record, tmp_path / "tfds")
    for path in site.files.glob("*-labels-*"):
        labels = gzip.decompress(path.read_bytes())
        path.write_bytes(gzip.compress(labels[:8] + bytes(len(labels) - 8)))
    other = dataclasses.replace(site.published(tmp_path / "other.tsv"), name="made_other")
    place = builder.prepare(other, tmp_path / "tfds")
    assert prepared.read(other, place)["train_labels"].tolist() == [0] * 23
