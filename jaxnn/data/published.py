"""Published data sets, loaded through tensorflow-datasets, checked to the bit."""

import dataclasses
import logging
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from jaxnn.data import cache, splits
from jaxnn.data.dataset import Dataset, from_arrays
from jaxnn.data.errors import DataCorruptError
from jaxnn.data.stream import Stream, from_source

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


def load(
    published: Published,
    data_dir: str | os.PathLike[str] | None = None,
    *,
    test_size: float | int = 0.1,
    seed: int = 0,
) -> Dataset:
    """The data set from a prepared TFDS folder, which is made first where there is none.

    The examples come in the order of the publisher's files, whoever prepared the folder.

    Args:
      published: which one.
      data_dir: the TFDS data folder; None for TFDS_DATA_DIR, or else ~/tensorflow_datasets. Where
        it is read-only, the folder is made in the user's cache.
      test_size: where no split was published, splits.split_rows makes one of this size.
      seed: of that split.

    Raises:
      DataNotFoundError: there is no such folder, and it could not be made.
      DataCorruptError: what it holds is not what was published.
    """
    published, folder = _prepared(published, data_dir)
    arrays = cache.load_or_build(
        f"{published.name}-{published.version}",
        folder,
        lambda: decode(published, folder),
        sha256=published.sha256 or None,
    )
    if not published.is_split:
        inputs, labels = arrays["train_inputs"], arrays["train_labels"]
        rows = splits.split_rows(labels, test=test_size, seed=seed)
        arrays = {
            f"{split}_{kind}": array[getattr(rows, split)]
            for split in ("train", "test")
            for kind, array in (("inputs", inputs), ("labels", labels))
        }
    return from_arrays(
        **arrays, name=published.name, classes=published.classes, scale=_scale(published)
    )


def stream(
    published: Published, data_dir: str | os.PathLike[str] | None = None, *, threads: int = 4
) -> Stream:
    """As `load`, but the training examples stay in the folder until a run asks for them.

    So no array of them is verified: the publisher's files were, when the folder was made.

    Args:
      published: which one; it has a published split.
      data_dir: as in `load`.
      threads: how many parts are fetched at the same time.
    """
    published, folder = _prepared(published, data_dir)
    from jaxnn.data import prepared

    test = prepared.read(published, folder, ["test"])
    return from_source(
        prepared.Records(published, folder, "train"),
        *(test["test_inputs"], test["test_labels"]),
        name=published.name,
        classes=published.classes,
        scale=_scale(published),
        digest=f"{published.name} {published.version} {published.shape}",
        threads=threads,
    )


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


def decode(published: Published, folder: Path) -> dict[str, np.ndarray]:
    """The arrays of a version folder, checked, without any cache.

    Raises:
      DataCorruptError: it does not hold what was published.
    """
    from jaxnn.data import prepared

    arrays = prepared.read(published, folder)
    for split, count in published.per_class.items():
        counts = np.bincount(arrays[f"{split}_labels"], minlength=len(published.classes))
        if set(counts.tolist()) != {count}:
            raise DataCorruptError(
                f"{split} in {folder} has {counts.tolist()} examples of the classes, not {count} of"
                " each: remove that folder and load again"
            )
    for name, expected in published.sha256.items():
        if cache.digest(arrays[name]) != expected:
            raise DataCorruptError(
                f"{name} in {folder} is not what was published as {published.name} "
                f"{published.version}: remove that folder and load again"
            )
    return arrays


def _prepared(
    published: Published, data_dir: str | os.PathLike[str] | None
) -> tuple[Published, Path]:
    """What is at hand, and its version folder, made where there is none."""
    root = data_root(data_dir)
    published = at_hand(published, root)
    folder = prepared_folder(published, root)
    if folder is None:
        from jaxnn.data import builder

        folder = builder.prepare(published, root)
    return published, folder


def _scale(published: Published) -> float:
    return 255.0 if len(published.shape) == 3 else 1.0
