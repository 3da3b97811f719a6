"""Which training examples a run sees, in which order: drawn on the host, from the seed alone."""

from typing import NamedTuple

import numpy as np

from jaxnn.data import Dataset, fold_rows, subset_rows
from jaxnn.train.setup.axes import DataSettings
from jaxnn.train.setup.run import Run


class Rows(NamedTuple):
    """Rows of the training set; None is all of them, or, for validation, none."""

    train: np.ndarray | None
    validation: np.ndarray | None


def order_of_examples(seed: int, epoch: int, num_examples: int) -> np.ndarray:
    """The order in which a run with this seed sees the examples in this epoch.

    NumPy's permutation takes 0.7 ms for 48,000 examples where JAX's takes about 20 ms.
    """
    return np.random.default_rng((seed, epoch)).permutation(num_examples).astype(np.int32)


def rows(run: Run, settings: DataSettings, dataset: Dataset) -> Rows:
    """The examples that a run trains on, and those held out.

    The same seed deals the same folds under every hyperparameter, and a smaller training set is
    part of every larger one.

    Raises:
      ValueError: there is no such fold, or there are not so many examples.
    """
    labels = dataset.train.labels
    train = np.arange(len(labels), dtype=np.int32)
    validation = None
    if run.folds is None and settings.fold is not None:
        raise ValueError(
            f"fold={settings.fold}, but the run has no folds: say how many, train.Run(folds=5)"
        )
    if run.folds is not None:
        fold = settings.fold or 0
        if fold >= run.folds:
            raise ValueError(f"fold must be in [0, {run.folds}), got {fold}")
        validation = fold_rows(labels, folds=run.folds, seed=settings.seed, equal=True)[fold]
        train = np.setdiff1d(train, validation)
    if settings.train_size is not None:
        if settings.train_size > len(train):
            raise ValueError(
                f"train_size={settings.train_size}, but there are only {len(train)} examples to"
                f" train on in {dataset.name}"
            )
        train = train[subset_rows(len(train), size=settings.train_size, seed=settings.seed)]
    is_all = run.folds is None and settings.train_size is None
    return Rows(None if is_all else train, validation)
