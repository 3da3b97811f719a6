"""Downloads and prepares published data sets through TFDS, without TensorFlow.

TFDS needs TensorFlow here in two places only: the stock builders read their files by tf.io.gfile,
and the Image feature encodes an array by tf.image. Yielding PNG or JPEG bytes goes round both.
"""

import contextlib
import hashlib
import os
import shutil
import sys
import uuid
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download import checksums
from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError

from jaxnn.data import cache
from jaxnn.data.errors import DataCorruptError, DataNotFoundError
from jaxnn.data.published import download, listing, sources
from jaxnn.data.published.release import MIRROR, Published, raw_folder

_AT_ONCE = 8  # downloads


def prepare(published: Published, root: Path) -> Path:
    """Writes name/version as the stock builder does, from the publisher's files; returns it.

    Files that lie in root/../raw/name or root/downloads/manual already are taken from there, others
    are downloaded (`download.fetch`). TFDS's download manager then compares all of them with the
    registered sizes and SHA-256. The folder is made in root, or in the user's cache where root is
    read-only.

    Raises:
      DataNotFoundError: the files could not be fetched, or the folder could not be written.
      DataCorruptError: a file is not the published one.
    """
    places = [root] if cache.is_writable(root) else cache.user_folders("tfds", root)
    base = places[0] if places else root
    folder = base / published.name / published.version
    try:
        files = _gather(published, root, base)
        config = tfds.download.DownloadConfig(manual_dir=files, try_download_gcs=False)
        builder_class = _builder_class(published, files)
        with _quiet():
            builder = builder_class(data_dir=base, file_format="array_record")
            builder.download_and_prepare(download_dir=base / "downloads", download_config=config)
    except NonMatchingChecksumError as error:
        what = str(error).splitlines()[0].rstrip(":")
        raise DataCorruptError(f"not the published {published.name}: {what}; remove it") from error
    except (OSError, tfds.download.DownloadError) as error:
        if not (folder / "dataset_info.json").is_file():  # or another process was faster
            raise DataNotFoundError(
                f"{published.name} is not at hand: there is no "
                f"{published.name}/{published.version} in {root}, and it could not be made"
                f"{' there' if base == root else f' in {base}'} ({error}); set "
                f"TFDS_DATA_DIR to the folder that holds it, or {_remedy(published, root)} and run "
                "this again"
            ) from error
    return folder


def check_files(published: Published, root: Path) -> int:
    """How many of the publisher's files lie in root/../raw/name, all of them as registered.

    Raises:
      DataCorruptError: one is not; the message names it.
    """
    raw = raw_folder(published, root)
    if published.listing is not None:
        return len(listing.check(raw, published.listing))
    files = [
        (raw / _file_name(url), info)
        for url, info in registered_files(published).items()
        if (raw / _file_name(url)).is_file()
    ]
    for path, info in files:
        if hashlib.sha256(path.read_bytes()).hexdigest() != info.checksum:
            raise DataCorruptError(f"{path} was changed or cut off: copy the original there again")
    return len(files)


def registered_files(published: Published) -> dict[str, checksums.UrlInfo]:
    """Address -> size and SHA-256 of the publisher's files, as TFDS registers them."""
    # The stock builder's url_infos are the same, but that property imports importlib_resources,
    # which TFDS 4.9.10 does not declare for Python >= 3.9.
    stock = tfds.core.tfds_path() / "url_checksums" / f"{published.name}.txt"
    return checksums.load_url_infos(published.checksums or stock)


def _gather(published: Published, root: Path, base: Path) -> Path:
    """The folder that holds all of the publisher's files, fetched where they are not at hand."""
    raw, mirror = raw_folder(published, root), os.environ.get(MIRROR, "").rstrip("/")
    wanted: dict[str, tuple[str, str, int | None]]  # name -> address, SHA-256, size
    if published.listing is not None:
        if raw.is_dir() or not mirror:
            return raw
        known = listing.read(published.listing)
        wanted = {
            name: (f"{mirror}/{published.name}/{name}", start, None)
            for name, start in known.items()
        }
    else:
        wanted = {
            name: (f"{mirror}/{published.name}/{name}" if mirror else url, info.checksum, info.size)
            for url, info in registered_files(published).items()
            for name in [_file_name(url)]
        }
    target = base / "downloads" / published.name  # MNIST and Fashion-MNIST have the same file names
    places = [raw, root / "downloads" / "manual", target]
    for place in places:
        if all((place / name).is_file() for name in wanted):
            return place

    def fetch_fn(name: str) -> None:
        url, sha256, size = wanted[name]
        at_hand = [place / name for place in places if (place / name).is_file()]
        if at_hand and not (target / name).exists():
            _copy(at_hand[0], target / name, sha256)
            return
        try:
            download.fetch(url, target / name, sha256=sha256, size=size)
        except DataCorruptError as error:
            raise DataCorruptError(f"not the published {published.name}: {error}") from error

    if published.listing is None:
        for name in wanted:
            fetch_fn(name)
    else:  # thousands, and small
        with futures.ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(fetch_fn, wanted))
    return target


def _copy(path: Path, target: Path, sha256: str) -> None:
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise DataCorruptError(f"{path} was changed or cut off: copy the original there again")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    shutil.copyfile(path, temporary)
    os.replace(temporary, target)


def _builder_class(published: Published, files_in: Path) -> type[tfds.core.GeneratorBasedBuilder]:
    class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
        name = published.name
        VERSION = tfds.core.Version(published.version)
        url_infos = {} if published.listing else registered_files(published)

        def _info(self) -> tfds.core.DatasetInfo:
            return tfds.core.DatasetInfo(
                builder=self,
                features=tfds.features.FeaturesDict(_features(published)),
                supervised_keys=(_field(published), "label"),
                homepage=published.home or None,
                license=published.licence or None,
            )

        def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict:
            if published.listing is None:
                paths = dl_manager.download({_file_name(url): url for url in self.url_infos})
                files = {name: Path(path) for name, path in paths.items()}  # not epath's
            elif files_in.is_dir():
                files = listing.check(files_in, published.listing)
            else:
                raise FileNotFoundError(f"{files_in} is not there")
            examples = sources.FORMS[published.form](published, files)
            return {split: self._generate_examples(rows) for split, rows in examples.items()}

        def _generate_examples(self, rows: sources.ExampleOf) -> Iterator[tuple[int, dict]]:
            for index, (content, label) in enumerate(rows):
                yield index, {_field(published): content, "label": label}

    return Builder


def _features(published: Published) -> dict[str, Any]:
    height_width = (None, None) if published.resize else published.shape[:2]
    is_image = len(published.shape) == 3
    inputs = (
        tfds.features.Image(shape=(*height_width, published.shape[-1]))
        if is_image
        else tfds.features.Tensor(shape=published.shape, dtype=np.float32)
    )
    label = tfds.features.ClassLabel(num_classes=len(published.classes))
    return {_field(published): inputs, "label": label}


def _field(published: Published) -> str:
    return "image" if len(published.shape) == 3 else "inputs"


def _remedy(published: Published, root: Path) -> str:
    if published.listing is None:
        return "connect to the internet"
    raw = raw_folder(published, root)
    return f"put the files of {published.home} into {raw}, or {MIRROR} to where a copy is served"


def _file_name(url: str) -> str:
    return url.rsplit("/", 1)[-1]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """TFDS prints to stdout, and draws its progress bars also where nobody watches."""
    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield
