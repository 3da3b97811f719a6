"""Downloads and prepares image sets published as IDX files, through TFDS without TensorFlow.

TFDS needs TensorFlow here in two places only: the stock builder reads its files by tf.io.gfile,
and the Image feature encodes an array by tf.image. Yielding PNG bytes goes round both.
"""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from os import PathLike
from pathlib import Path

import numpy as np
import requests
import tensorflow_datasets as tfds
from PIL import Image
from tensorflow_datasets.core.download import checksums
from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError

from jaxnn.data import idx
from jaxnn.data.errors import DataCorruptError, DataNotFoundError
from jaxnn.data.published import Published


def prepare(published: Published, root: Path) -> None:
    """Writes root/name/version as the stock builder does, from the publisher's four files.

    TFDS's download manager fetches them and compares them with the registered sizes and SHA-256.
    Files that lie in root/downloads/manual already are taken from there, and checked just so.

    Raises:
      DataNotFoundError: the files could not be fetched, or the folder could not be written.
      DataCorruptError: a file is not the published one.
    """
    builder_class = _builder_class(published)
    config = tfds.download.DownloadConfig(
        manual_dir=root / "downloads" / "manual",
        try_download_gcs=False,
    )
    try:
        _check_reachable(builder_class.url_infos, config.manual_dir)
        with _quiet():
            builder = builder_class(data_dir=root, file_format="array_record")
            builder.download_and_prepare(download_dir=root / "downloads", download_config=config)
    except NonMatchingChecksumError as error:
        what = str(error).splitlines()[0].rstrip(":")
        raise DataCorruptError(f"not the published {published.name}: {what}; remove it") from error
    except (OSError, tfds.download.DownloadError) as error:
        if (root / published.name / published.version / "dataset_info.json").is_file():
            return  # another process was faster
        raise DataNotFoundError(
            f"{published.name} is not at hand: there is no {published.name}/{published.version} in "
            f"{root}, and it could not be made there ({_reason(error)}); set TFDS_DATA_DIR to the "
            "folder that holds it, or connect to the internet and run this again"
        ) from error


def registered_files(published: Published) -> dict[str, checksums.UrlInfo]:
    """Address -> size and SHA-256 of the publisher's files, as TFDS registers them."""
    # The stock builder's url_infos are the same, but that property imports importlib_resources,
    # which TFDS 4.9.10 does not declare for Python >= 3.9.
    stock = tfds.core.tfds_path() / "url_checksums" / f"{published.name}.txt"
    return checksums.load_url_infos(published.checksums or stock)


def _builder_class(published: Published) -> type[tfds.core.GeneratorBasedBuilder]:
    class IdxBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
        name = published.name
        VERSION = tfds.core.Version(published.version)
        url_infos = registered_files(published)

        def _info(self) -> tfds.core.DatasetInfo:
            features = {
                "image": tfds.features.Image(shape=published.shape),
                "label": tfds.features.ClassLabel(num_classes=len(published.classes)),
            }
            return tfds.core.DatasetInfo(
                builder=self,
                features=tfds.features.FeaturesDict(features),
                supervised_keys=("image", "label"),
            )

        def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict:
            paths = dl_manager.download({_file_name(url): url for url in self.url_infos})
            return {
                split: self._generate_examples(
                    paths[f"{prefix}-images-idx3-ubyte.gz"],
                    paths[f"{prefix}-labels-idx1-ubyte.gz"],
                )
                for split, prefix in {"train": "train", "test": "t10k"}.items()
            }

        def _generate_examples(
            self, images: PathLike, labels: PathLike
        ) -> Iterator[tuple[int, dict]]:
            pixels, classes = idx.read(images), idx.read(labels)
            if len(pixels) != len(classes):
                raise DataCorruptError(
                    f"{images} has {len(pixels)} images, but {labels} has {len(classes)} labels"
                )
            for index, (image, label) in enumerate(zip(pixels, classes, strict=True)):
                yield index, {"image": _png(image), "label": int(label)}

    return IdxBuilder


def _file_name(url: str) -> str:
    return url.rsplit("/", 1)[-1]


def _png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


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
