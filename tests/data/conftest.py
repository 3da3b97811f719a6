"""Small sets made here, on disk and on a local server; the published ones where at hand."""

import dataclasses
import functools
import gzip
import hashlib
import http.server
import io
import os
import pathlib
import shutil
import struct
import tarfile
import threading
import zipfile
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from jaxnn.data import cache
from jaxnn.data.published import catalog, release

_ROOT = pathlib.Path(__file__).parents[2]
_TFDS = pathlib.Path(os.environ.get("TFDS_DATA_DIR", _ROOT.parent / "shared" / "data" / "tfds"))
_AT_HAND = [
    name
    for name in ("mnist", "fashion_mnist", "cats_vs_dogs", "simpsons_mnist")
    if release.prepared_folder(catalog.PUBLISHED[name], _TFDS)
    or release.raw_folder(catalog.PUBLISHED[name], _TFDS).is_dir()
]


@pytest.fixture(autouse=True, scope="session")
def user_cache(tmp_path_factory):
    """No test writes to the real cache folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def idx_bytes(array):
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return header + array.tobytes()


@dataclasses.dataclass
class Site:
    """A publisher: its files, the server that hands them out, and what they hold."""

    files: pathlib.Path
    server: http.server.ThreadingHTTPServer
    arrays: dict[str, np.ndarray]
    form: str

    def published(self, checksums: pathlib.Path) -> release.Published:
        """The record with the checksums of the files as they are now, listed in that file."""
        lines = [
            f"http://127.0.0.1:{self.server.server_port}/{path.name}\t{path.stat().st_size}\t"
            f"{hashlib.sha256(path.read_bytes()).hexdigest()}\t{path.name}\n"
            for path in sorted(self.files.iterdir())
        ]
        checksums.write_text("".join(lines))
        return release.Published(
            name="made_stripes",
            version="1.0.0",
            shape=self.arrays["train_inputs"].shape[1:],
            sizes={
                name.removesuffix("_labels"): len(array)
                for name, array in self.arrays.items()
                if name.endswith("_labels")
            },
            classes=("cat", "dog") if self.form == "pets" else ("a", "b", "c"),
            form=self.form,
            per_class={"train": 8, "test": 3} if self.form == "pets" else {},
            resize=self.form == "pets",
            sha256={name: cache.digest(array) for name, array in self.arrays.items()},
            checksums=checksums,
        )


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, template, *args):
        self.server.log.append(template % args)


@pytest.fixture
def site(request, tmp_path):
    """Of IDX files; `parametrize("site", [...], indirect=True)` for other forms."""
    form = getattr(request, "param", "idx")
    files = tmp_path / "site"
    files.mkdir()
    contents, arrays = FORMS[form](np.random.default_rng(0))
    for name, content in contents.items():
        (files / name).write_bytes(content)
    handler = functools.partial(Handler, directory=files)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.log = []
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield Site(files, server, arrays, form)
        server.shutdown()


def draw(rng, shape):
    """Images and labels of 23 + 7 examples."""
    arrays = {}
    for split, count in [("train", 23), ("test", 7)]:
        arrays[f"{split}_inputs"] = rng.integers(0, 256, (count, *shape), np.uint8)
        arrays[f"{split}_labels"] = rng.integers(0, 3, count).astype(np.int32)
    return arrays


def idx_form(rng):
    arrays, contents = draw(rng, (5, 4, 1)), {}
    for split, prefix in [("train", "train"), ("test", "t10k")]:
        images, labels = arrays[f"{split}_inputs"][..., 0], arrays[f"{split}_labels"]
        for kind, array in [("images-idx3", images), ("labels-idx1", labels.astype(np.uint8))]:
            contents[f"{prefix}-{kind}-ubyte.gz"] = gzip.compress(idx_bytes(array))
    return contents, arrays


def cifar_bytes(images, labels):
    planes = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    return np.column_stack([labels.astype(np.uint8), planes]).tobytes()


def tar_bytes(members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def cifar_form(rng):
    arrays = draw(rng, (5, 4, 3))
    x, y = arrays["train_inputs"], arrays["train_labels"]
    members = {
        "batches/data_batch_2.bin": cifar_bytes(x[10:], y[10:]),  # out of order
        "batches/data_batch_1.bin": cifar_bytes(x[:10], y[:10]),
        "batches/readme.html": b"<html>",
        "batches/test_batch.bin": cifar_bytes(arrays["test_inputs"], arrays["test_labels"]),
    }
    return {"batches.tar.gz": tar_bytes(members)}, arrays


def zoo_form(rng):
    inputs, labels = rng.integers(0, 9, (23, 6)), rng.integers(0, 3, 23)
    rows = [
        f"animal{i},{','.join(map(str, x))},{y + 1}\n"
        for i, (x, y) in enumerate(zip(inputs, labels, strict=True))
    ]
    arrays = {
        "train_inputs": inputs.astype(np.float32),
        "train_labels": labels.astype(np.int32),
    }
    return {"made.data": "".join(rows).encode()}, arrays


def png_bytes(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def zip_form(rng):
    arrays, buffer = draw(rng, (5, 4, 3)), io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for split in ("test", "train"):
            order = np.argsort(arrays[f"{split}_labels"], kind="stable")
            for kind in ("inputs", "labels"):  # in the order of the names
                arrays[f"{split}_{kind}"] = arrays[f"{split}_{kind}"][order]
            rows = zip(arrays[f"{split}_inputs"], arrays[f"{split}_labels"], strict=True)
            for number, (pixels, label) in enumerate(rows):
                archive.writestr(f"{split}/{'abc'[label]}/{number:03}.png", png_bytes(pixels))
    return {"rgb.zip": buffer.getvalue()}, arrays


def pets_form(rng):
    """As the archive of Microsoft: numbers in folders, other files among them, and no images."""
    arrays, buffer = {}, io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("readme[1].txt", b"text")
        for kind in ("Dog", "Cat"):
            archive.writestr(f"PetImages/{kind}/Thumbs.db", b"no image")
        for split, first, count in [("train", 1, 8), ("test", 4001, 3)]:
            pixels = rng.integers(0, 256, (2 * count, 6, 6, 3), np.uint8)
            for label, kind in enumerate(("Cat", "Dog")):
                numbers = [first + place for place in range(count + 3)]
                archive.writestr(f"PetImages/{kind}/{first}.jpg", b"")  # as 666 of the cats
                archive.writestr(f"PetImages/{kind}/{numbers[-1]}.jpg", png_bytes(pixels[0]))
                of_kind = pixels[label * count :][:count]
                for number, image in zip(numbers[1:], of_kind, strict=False):
                    archive.writestr(f"PetImages/{kind}/{number}.jpg", png_bytes(image))
            arrays[f"{split}_inputs"] = pixels
            arrays[f"{split}_labels"] = np.repeat(np.arange(2, dtype=np.int32), count)
    return {"pets.zip": buffer.getvalue()}, arrays


FORMS = {"idx": idx_form, "cifar": cifar_form, "zoo": zoo_form, "zip": zip_form, "pets": pets_form}


@pytest.fixture
def made(site, tmp_path):
    """(record, TFDS data folder) with the files of the site downloaded by hand."""
    root = tmp_path / "tfds"
    shutil.copytree(site.files, root / "downloads" / "manual")
    return site.published(tmp_path / "checksums.tsv"), root


@dataclasses.dataclass
class Facts:
    """What is known of the labels from elsewhere."""

    first: list[int]
    train_counts: list[int]
    test_counts: list[int]


FACTS = {
    "mnist": Facts(
        first=[5, 0, 4, 1, 9, 2, 1, 3, 1, 4],
        train_counts=[5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
        test_counts=[980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
    ),
    "fashion_mnist": Facts(
        first=[9, 0, 0, 3, 0, 2, 7, 2, 5, 5], train_counts=[6000] * 10, test_counts=[1000] * 10
    ),
    "cats_vs_dogs": Facts(first=[0] * 10, train_counts=[1000] * 2, test_counts=[400] * 2),
    "simpsons_mnist": Facts(first=[0] * 10, train_counts=[800] * 10, test_counts=[200] * 10),
}


class Known(NamedTuple):
    """A data set that can be loaded here, and what is known of it."""

    record: release.Published
    root: pathlib.Path
    facts: Facts


@pytest.fixture
def known(made, site):
    """Of one made here, which is there without any data, and of each that is on this machine."""
    train, test = site.arrays["train_labels"], site.arrays["test_labels"]
    facts = Facts(train[:10].tolist(), np.bincount(train).tolist(), np.bincount(test).tolist())
    return [
        Known(*made, facts),
        *(Known(catalog.PUBLISHED[name], _TFDS, FACTS[name]) for name in _AT_HAND),
    ]
