"""Image sets with a published split, loaded through tensorflow-datasets, checked to the bit."""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

from jaxnn.data import cache
from jaxnn.data.dataset import Dataset, from_arrays
from jaxnn.data.errors import DataCorruptError


@dataclasses.dataclass(frozen=True)
class Published:
    """What the publisher released.

    Attributes:
      name: the name in TFDS.
      version: the version in TFDS.
      shape: height, width, channels of every image.
      sizes: the number of examples in each split.
      classes: the name of each label.
      sha256: the cache.digest of each array, in the order of publication.
      checksums: a list of the files to download in the format of TFDS; None for TFDS's own.
    """

    name: str
    version: str
    shape: tuple[int, int, int]
    sizes: Mapping[str, int]
    classes: tuple[str, ...]
    sha256: Mapping[str, str]
    checksums: Path | None = None


def load(published: Published, data_dir: str | os.PathLike[str] | None = None) -> Dataset:
    """The data set from a prepared TFDS folder, which is made first where there is none.

    The examples come in the order of the publisher's files, whoever prepared the folder.

    Args:
      published: which one.
      data_dir: the TFDS data folder; None for TFDS_DATA_DIR, or else ~/tensorflow_datasets.

    Raises:
      DataNotFoundError: there is no such folder, and it could not be made.
      DataCorruptError: what it holds is not what was published.
    """
    root = Path(data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()
    folder = root / published.name / published.version
    if not (folder / "dataset_info.json").is_file():
        from jaxnn.data import idx_builder

        idx_builder.prepare(published, root)
    arrays = cache.load_or_build(
        f"{published.name}-{published.version}",
        folder,
        lambda: _decode(published, folder),
        sha256=published.sha256,
    )
    return from_arrays(**arrays, name=published.name, classes=published.classes, scale=255.0)


def _decode(published: Published, folder: Path) -> cache.Arrays:
    from jaxnn.data import prepared

    arrays = prepared.read(published, folder)
    for name, array in arrays.items():
        if cache.digest(array) != published.sha256[name]:
            raise DataCorruptError(
                f"{name} in {folder} is not what was published as {published.name} "
                f"{published.version}: remove that folder and load again"
            )
    return arrays
