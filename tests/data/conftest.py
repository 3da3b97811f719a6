"""A small image set made here, on disk as IDX files and on a local server; MNIST where at hand."""

import dataclasses
import functools
import gzip
import hashlib
import http.server
import os
import pathlib
import shutil
import struct
import threading

import numpy as np
import pytest

from jaxnn.data import cache, catalog, published

_ROOT = pathlib.Path(__file__).parents[2]
_TFDS = pathlib.Path(os.environ.get("TFDS_DATA_DIR", _ROOT.parent / "shared" / "data" / "tfds"))
_AT_HAND = [
    name
    for name in ("mnist", "fashion_mnist")
    if (_TFDS / name / "3.0.1" / "dataset_info.json").is_file()
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

    def published(self, checksums: pathlib.Path) -> published.Published:
        """The record with the checksums of the files as they are now, listed in that file."""
        lines = [
            f"http://127.0.0.1:{self.server.server_port}/{path.name}\t{path.stat().st_size}\t"
            f"{hashlib.sha256(path.read_bytes()).hexdigest()}\t{path.name}\n"
            for path in sorted(self.files.iterdir())
        ]
        checksums.write_text("".join(lines))
        return published.Published(
            name="made_stripes",
            version="1.0.0",
            shape=(5, 4, 1),
            sizes={"train": 23, "test": 7},
            classes=("a", "b", "c"),
            sha256={name: cache.digest(array) for name, array in self.arrays.items()},
            checksums=checksums,
        )


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, template, *args):
        self.server.log.append(template % args)


@pytest.fixture
def site(tmp_path):
    rng, files, arrays = np.random.default_rng(0), tmp_path / "site", {}
    files.mkdir()
    for split, prefix, count in [("train", "train", 23), ("test", "t10k", 7)]:
        images = rng.integers(0, 256, (count, 5, 4), np.uint8)
        labels = rng.integers(0, 3, count, np.uint8)
        for kind, array in [("images-idx3", images), ("labels-idx1", labels)]:
            (files / f"{prefix}-{kind}-ubyte.gz").write_bytes(gzip.compress(idx_bytes(array)))
        arrays[f"{split}_inputs"] = images[..., None]
        arrays[f"{split}_labels"] = labels.astype(np.int32)
    handler = functools.partial(Handler, directory=files)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.log = []
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield Site(files, server, arrays)
        server.shutdown()


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
}


@pytest.fixture(params=["made", *_AT_HAND])
def at_hand(request, made, site):
    """(record, TFDS data folder, facts) of every data set that can be loaded on this machine."""
    if request.param in FACTS:
        return catalog.PUBLISHED[request.param], _TFDS, FACTS[request.param]
    train, test = site.arrays["train_labels"], site.arrays["test_labels"]
    facts = Facts(train[:10].tolist(), np.bincount(train).tolist(), np.bincount(test).tolist())
    return *made, facts
