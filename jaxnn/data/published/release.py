"""What a publisher released, and where it lies on this machine."""

import dataclasses
import logging
import os
from collections.abc import Mapping
from pathlib import Path

from jaxnn.data import cache

_log = logging.getLogger(__name__)

MIRROR = "JAXNN_DATA_MIRROR"  # the address of a copy of raw/, fetched from in place of publishers


@dataclasses.dataclass(frozen=True)
class Published:
    """What the publisher released.

    Attributes:
      name: the name in TFDS.
      version: the version in TFDS.
      shape: height, width, channels of every image; (features,) of a table.
      sizes: the number of examples in each split; without "test", `load` splits.
      classes: the name of each label.
      sha256: the cache.digest of each array, in the order of publication; {} where it is not
        known, so that only the files are checked.
      form: of the files, one of sources.FORMS.
      checksums: a list of the files to download in the format of TFDS; None for TFDS's own.
      listing: a list of the files in the format of listing.py, where nothing can be downloaded.
      resize: the images are of any size, and are brought to the shape.
      per_class: how many examples of each class a split has, where the arrays have no digest.
      otherwise: the same examples from elsewhere, where neither files nor a mirror are at hand.
      home: where it is from.
      licence: under which it may be used.
    """

    name: str
    version: str
    shape: tuple[int, ...]
    sizes: Mapping[str, int]
    classes: tuple[str, ...]
    sha256: Mapping[str, str]
    form: str = "idx"
    checksums: Path | None = None
    listing: Path | None = None
    resize: bool = False
    per_class: Mapping[str, int] = dataclasses.field(default_factory=dict)
    otherwise: "Published | None" = None
    home: str = ""
    licence: str = ""

    @property
    def is_split(self) -> bool:
        """Whether there is a published split."""
        return "test" in self.sizes


def at_hand(published: Published, root: Path) -> Published:
    """The record, or else the one of the same examples from elsewhere."""
    other = published.otherwise
    if other is None or os.environ.get(MIRROR) or raw_folder(published, root).is_dir():
        return published
    if prepared_folder(published, root) is not None:
        return published
    _log.warning(
        "%s: %s is not there, so it is %s from %s, whose arrays have no registered SHA-256",
        *(published.name, raw_folder(published, root), other.version, other.home),
    )
    return other


def data_root(data_dir: str | os.PathLike[str] | None = None) -> Path:
    """The TFDS data folder: this one, or TFDS_DATA_DIR, or ~/tensorflow_datasets."""
    return Path(data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()


def prepared_folder(published: Published, root: Path) -> Path | None:
    """The version folder that is at hand, in the TFDS data folder or in the user's cache."""
    for place in [root, *cache.user_folders("tfds", root)]:
        folder = place / published.name / published.version
        if (folder / "dataset_info.json").is_file():
            return folder
    return None


def raw_folder(published: Published, root: Path) -> Path:
    """Where the publisher's own files may lie: beside the TFDS data folder."""
    return root.parent / "raw" / published.name
