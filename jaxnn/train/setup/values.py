"""Values of a data set that a run cannot take: found on the host, before anything compiles.

A compiled run cannot look at its labels; a target out of range would give some number there.
"""

import weakref
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn.data import Dataset, Examples, Stream
from jaxnn.layers import Layer
from jaxnn.layers.layer import keeps_integers, vocabulary_of
from jaxnn.losses import aligned

# by data set: it costs some passes over all labels, which the second of many fits need not wait for
_TELLING: weakref.WeakKeyDictionary[Dataset, dict[str, np.ndarray]] = weakref.WeakKeyDictionary()


def check_targets(
    loss: Callable, targets_of: Callable, dataset: Dataset, out_shape: tuple[int, ...]
) -> None:
    """Has the loss look at the labels of every split; those of a stream are met when fetched.

    A loss that refuses known values refuses them here. So that this costs little, it is shown the
    examples with the least and the greatest label, and with those nearest to 0 and farthest from
    it: of values that may lie in a range, or only at -1 and +1, one of these is wrong if any is.

    Raises:
      ValueError: naming the example, its label and what the loss says of it.
    """
    for split, (_, labels) in _known(dataset):
        rows = _telling_rows(dataset, split, labels)
        try:
            _show(loss, targets_of, labels[rows], out_shape)
        except ValueError:
            for row in rows:
                try:
                    _show(loss, targets_of, labels[row : row + 1], out_shape)
                except ValueError as error:
                    raise ValueError(
                        f"the loss cannot take the label of example {row} of {dataset.name}"
                        f"{'' if split == 'train' else f' ({split})'}: {error}{_remedy(error)}"
                    ) from error
            raise


def _known(dataset: Dataset) -> Iterator[tuple[str, Examples]]:
    """The splits that are in memory, by name."""
    train = None if isinstance(dataset, Stream) else dataset.train
    parts = {"train": train, "validation": dataset.validation, "test": dataset.test}
    yield from ((name, part) for name, part in parts.items() if part is not None)


def _telling_rows(dataset: Dataset, split: str, labels: np.ndarray) -> np.ndarray:
    of_splits = _TELLING.setdefault(dataset, {})
    if split not in of_splits:
        size = np.abs(labels)
        places = labels.argmin(), labels.argmax(), size.argmin(), size.argmax()
        of_splits[split] = np.unique([np.unravel_index(p, labels.shape)[0] for p in places])
    return of_splits[split]


def _show(loss: Callable, targets_of: Callable, labels: np.ndarray, out_shape: tuple) -> None:
    """Traces the loss of predictions that are not known, with targets that are."""
    targets = targets_of(jnp.asarray(labels))
    predictions = jax.ShapeDtypeStruct((len(labels), *out_shape), jnp.result_type(float))
    jax.eval_shape(lambda p: loss(p, aligned(loss, p, targets)), predictions)


def _remedy(error: ValueError) -> str:
    if "-1 or +1" in str(error):
        return "; targets=lambda labels: 2 * labels - 1 in the run makes them of 0 and 1"
    if "in [0, 1]" in str(error):
        return "; targets=... in the run may bring them there, or a loss of regression may be meant"
    return ""


def check_classes(dataset: Dataset, out_shape: tuple[int, ...], model: str) -> None:
    """Refuses class indices for which the model has no output.

    Raises:
      ValueError: naming the first example of such a class.
    """
    classes = max(out_shape[-1] if out_shape else 1, 2)  # one logit tells two classes apart
    stand_for = f"the {out_shape} outputs of {model} stand for the labels 0 to {classes - 1}"
    if isinstance(dataset, Stream) and len(dataset.classes) > classes:
        raise ValueError(f"{dataset.name} has {len(dataset.classes)} classes, but {stand_for}")
    for _, (_, labels) in _known(dataset):
        if not np.issubdtype(labels.dtype, np.integer):
            continue
        wrong = (labels < 0) | (labels >= classes)
        if wrong.any():
            where = int(np.flatnonzero(wrong.reshape(len(labels), -1).any(axis=1))[0])
            raise ValueError(
                f"label {labels[where]} of example {where} of {dataset.name} is out of range:"
                f" {stand_for}"
            )


def check_ids(model: Layer, dataset: Dataset) -> None:
    """Refuses inputs that are no ids of an embedding, where the model reads them by one.

    Raises:
      ValueError: naming the first such id, and what would be one.
    """
    vocabulary = vocabulary_of(model)
    dtype = dataset.train.inputs.dtype
    is_kept = keeps_integers(model) and np.issubdtype(dtype, np.integer) and dtype != np.uint8
    if dataset.scale != 1 and (vocabulary is not None or is_kept):
        raise ValueError(
            f"{model.name} reads integers, which are not scaled, but {dataset.name} has"
            f" scale={dataset.scale}: leave it out"
        )
    if vocabulary is None:
        return
    for split, part in _known(dataset):
        _check_ids_of(part, vocabulary, f"{dataset.name} ({split})")


def _check_ids_of(part: Examples, vocabulary: int, where: str) -> None:
    ids: Any = part.inputs
    wrong = (ids < 0) | (ids >= vocabulary)
    if np.issubdtype(ids.dtype, np.floating):
        wrong |= ids != np.floor(ids)
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise ValueError(
            f"the input {ids[place]} at {place} of {where} is no id: the embedding knows the whole"
            f" numbers from 0 to {vocabulary - 1}"
        )
