"""Parts of a data set, and what is made of them: fewer examples to train on, some held out, all of
them standardised, or each its own target.
"""

import dataclasses
import re
from collections.abc import Callable

import numpy as np

from jaxnn.data.dataset import Dataset, Examples
from jaxnn.data.prepare import splits
from jaxnn.data.prepare.standardize import standardizer

_SLICE = re.compile(r"train(?:\[(-?\d+%?)?:(-?\d+%?)?\])?")


def select(dataset: Dataset, split: str) -> Dataset:
    """Trains on a part of the training examples, named as in the splits API of TFDS.

        train    train[:10%]    train[5000:]    train[-100:]    train[:20%]+train[80%:]

    Percentages are rounded to whole examples; the order is that of dataset.train.

    Raises:
      ValueError: the split is no such name, is empty, or larger than the data.
    """
    n = len(dataset.train.labels)
    rows = [np.arange(*_bounds(part.strip(), n, split, dataset.name)) for part in split.split("+")]
    return _replace(dataset, train=_take(dataset.train, np.concatenate(rows)))


def hold_out(dataset: Dataset, validation: float | int, *, seed: int = 0) -> Dataset:
    """Moves a part of the training examples to dataset.validation, to choose hyperparameters on.

    Args:
      dataset: what `load` and its like give.
      validation: the fraction, rounded up, or the number of examples; each class has its share.
      seed: of the draw.

    Raises:
      ValueError: nothing is left to train on, or a class would not be; or there are validation
        examples already, which would be lost.
    """
    if dataset.validation is not None:
        raise ValueError(
            f"{dataset.name} has {len(dataset.validation.labels)} validation examples already,"
            " which would be lost: hold out once, as many as are needed"
        )
    rows = splits.split_rows(dataset.train.labels, validation=validation, seed=seed)
    return _replace(
        dataset,
        train=_take(dataset.train, rows.train),
        validation=_take(dataset.train, rows.validation) if len(rows.validation) else None,
    )


def standardized(dataset: Dataset) -> Dataset:
    """Every feature by the mean and the deviation of the training examples, in all parts alike.

    The inputs become float32, four times the memory of bytes, and the scale 1.
    """
    map_fn = standardizer(dataset.train.inputs)

    def part_fn(examples: Examples | None) -> Examples | None:
        if examples is None:
            return None
        inputs = map_fn(examples.inputs).astype(np.float32, copy=False)
        inputs.flags.writeable = False
        return Examples(inputs, examples.labels)

    parts = {name: part_fn(getattr(dataset, name)) for name in ("train", "validation", "test")}
    return _replace(dataset, **parts, scale=1.0)


def autoencoding(dataset: Dataset) -> Dataset:
    """Every example as its own target: what an autoencoder learns from, and no label.

    Args:
      dataset: inputs [n, *shape] of any number type.

    Returns:
      The same inputs; in place of labels, the inputs divided by the scale, float32
      [n, prod(shape)], so that the model ends in `layers.flatten`. Bytes take five times their
      memory.
    """

    def part_fn(examples: Examples | None) -> Examples | None:
        if examples is None:
            return None
        rows = examples.inputs.reshape(len(examples.inputs), -1)
        targets = rows.astype(np.float32) / np.float32(dataset.scale)
        targets.flags.writeable = False
        return Examples(examples.inputs, targets)

    parts = {name: part_fn(getattr(dataset, name)) for name in ("train", "validation", "test")}
    return _replace(dataset, **parts, classes=())


def pooled(dataset: Dataset) -> Dataset:
    """The examples for training and those for testing as one set, for `folds` to split by the seed.

    Args:
      dataset: what `load` and its like give.

    Returns:
      Training examples [n_train + n_test, ...], in that order, and none to test on.

    Raises:
      ValueError: there are validation examples, beside which no folds can be held out.
    """
    if dataset.validation is not None:
        raise ValueError(
            f"{dataset.name} has validation examples, and pooled examples have none: pool first,"
            " and hold out then"
        )
    if dataset.test is None:
        return dataset
    parts = zip(dataset.train, dataset.test, strict=True)
    train = Examples(*(np.concatenate(leaves) for leaves in parts))
    for leaf in train:
        leaf.flags.writeable = False
    return _replace(dataset, name=f"{dataset.name}, all", train=train, test=None)


_replace: Callable[..., Dataset] = dataclasses.replace


def _take(examples: Examples, rows: np.ndarray) -> Examples:
    taken = Examples(*(leaf[rows] for leaf in examples))
    for leaf in taken:
        leaf.flags.writeable = False
    return taken


def _bounds(part: str, n: int, split: str, name: str) -> tuple[int, int]:
    match = _SLICE.fullmatch(part)
    if match is None:
        raise ValueError(
            f"split={split!r}: {part!r} is no part of the training examples of {name}: give"
            " 'train', 'train[:10%]', 'train[5000:6000]', or several joined by +; the examples to"
            " test on are in .test"
        )
    low, high = (
        _place(text, n, default) for text, default in zip(match.groups(), (0, n), strict=True)
    )
    if not 0 <= low < high <= n:
        raise ValueError(
            f"split={split!r}: {part!r} are the examples from {low} to {high} of {n} in {name}:"
            f" give at least one, and none beyond {n}"
        )
    return low, high


def _place(text: str | None, n: int, default: int) -> int:
    if text is None:
        return default
    place = round(n * int(text[:-1]) / 100) if text.endswith("%") else int(text)
    return place + n if place < 0 or text == "-0" else place
