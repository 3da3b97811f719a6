"""Published data sets, loaded through tensorflow-datasets, checked to the bit."""

import os
from pathlib import Path

import numpy as np

from jaxnn.data import cache
from jaxnn.data.dataset import Dataset, from_arrays
from jaxnn.data.errors import DataCorruptError
from jaxnn.data.own.stream import Stream, from_source
from jaxnn.data.prepare import splits
from jaxnn.data.published.release import Published, at_hand, data_root, prepared_folder


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
    from jaxnn.data.published import prepared

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


def decode(published: Published, folder: Path) -> dict[str, np.ndarray]:
    """The arrays of a version folder, checked, without any cache.

    Raises:
      DataCorruptError: it does not hold what was published.
    """
    from jaxnn.data.published import prepared

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
        from jaxnn.data.published import builder

        folder = builder.prepare(published, root)
    return published, folder


def _scale(published: Published) -> float:
    return 255.0 if len(published.shape) == 3 else 1.0
