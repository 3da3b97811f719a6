"""Downloads and prepares published data sets through TFDS, without TensorFlow.

TFDS needs TensorFlow here in two places only: the stock builders read their files by tf.io.gfile,
and the Image feature encodes an array by tf.image. Yielding PNG or JPEG bytes goes round both.
"""

import contextlib
import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import requests
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download import checksums
from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError

from jaxnn.data import cache, listing, sources
from jaxnn.data.errors import DataCorruptError, DataNotFoundError
from jaxnn.data.published import Published, raw_folder


def prepare(published: Published, root: Path) -> Path:
    """Writes name/version as the stock builder does, from the publisher's files; returns it.

    TFDS's download manager fetches them and compares them with the registered sizes and SHA-256.
    Files that lie in root/../raw/name or root/downloads/manual already are taken from there, and
    checked just so. The folder is made in root, or in the user's cache where root is read-only.

    Raises:
      DataNotFoundError: the files could not be fetched, or the folder could not be written.
      DataCorruptError: a file is not the published one.
    """
    places = [root] if cache.is_writable(root) else cache.user_folders("tfds", root)
    base = places[0] if places else root
    folder = base / published.name / published.version
    raw = raw_folder(published, root)
    config = tfds.download.DownloadConfig(
        manual_dir=raw if raw.is_dir() else root / "downloads" / "manual",
        try_download_gcs=False,
    )
    try:
        builder_class = _builder_class(published, raw)
        _check_reachable(builder_class.url_infos, config.manual_dir)
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
                f"{' there' if base == root else f' in {base}'} ({_reason(error)}); set "
                f"TFDS_DATA_DIR to the folder that holds it, or {_remedy(published, raw)} and run "
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


def _builder_class(published: Published, raw: Path) -> type[tfds.core.GeneratorBasedBuilder]:
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
            elif raw.is_dir():
                files = listing.check(raw, published.listing)
            else:
                raise FileNotFoundError(f"{raw} is not there")
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


def _remedy(published: Published, raw: Path) -> str:
    if published.listing is None:
        return "connect to the internet"
    return f"put the files of {published.home} into {raw}"


def _file_name(url: str) -> str:
    return url.rsplit("/", 1)[-1]


def _check_reachable(urls: dict, manual: Path) -> None:
    # TFDS tries ten times with growing pauses, which takes minutes where there is no network.
    missing = [url for url in urls if not (manual / _file_name(url)).is_file()]
    if missing:
        with requests.get(missing[0], stream=True, timeout=10) as response:
            response.raise_for_status()


def _reason(error: Exception) -> str:
    if not isinstance(error, requests.RequestException):
        return str(error)
    url = error.request.url if error.request is not None else "its files"
    return f"the download of {url!s} failed with {type(error).__name__}"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """TFDS prints to stdout, and draws its progress bars also where nobody watches."""
    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield
