"""Every data set that has a name."""

import difflib
import os
from collections.abc import Callable

from jaxnn.data import embedded, published
from jaxnn.data.dataset import Dataset

_DIGITS = tuple(str(digit) for digit in range(10))

_SPLIT_HERE: dict[str, Callable[..., Dataset]] = {
    "digits": embedded.digits,
    "iris": embedded.iris,
    "breast_cancer": embedded.breast_cancer,
}

PUBLISHED = {
    "mnist": published.Published(  # LeCun, Cortes and Burges 1998
        name="mnist",
        version="3.0.1",
        shape=(28, 28, 1),
        sizes={"train": 60_000, "test": 10_000},
        classes=_DIGITS,
        sha256={
            "train_inputs": "d0f59fc101b64e446984f8164f08f102c5bf8546ce55cf9196e1fbefcbefacfa",
            "train_labels": "575f4badc1d286aaef3e88f3278247989c953ea60dbf13282961151e1a6d7d48",
            "test_inputs": "339a7cc6afff166f3b907890b133e7594db02962329d39a2d42437b85497dc94",
            "test_labels": "5c6c3c501400c53d2c927810fd736fe58a7d17d53cd639d402c473d4da370eec",
        },
    ),
    "fashion_mnist": published.Published(  # Xiao, Rasul and Vollgraf 2017
        name="fashion_mnist",
        version="3.0.1",
        shape=(28, 28, 1),
        sizes={"train": 60_000, "test": 10_000},
        classes=(
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
        sha256={
            "train_inputs": "9a29b170bf262fed3d922f633e91cbb1dc1c6a996b42705316a877c940f08b19",
            "train_labels": "ff21b5beb87afe07f05c5b4ae079240528d806729721dfbb9570f20340ad5e74",
            "test_inputs": "643bcd9e72e50507688a6d20945619ba8ac6300f1d13b53f87c3d824208d40f9",
            "test_labels": "3f1f2774b0b818afc0c3d28658f06135509461b0d2f2add5eadced4d8fb40fa2",
        },
    ),
}


def load(
    name: str,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    test_size: float | int | None = None,
    seed: int | None = None,
) -> Dataset:
    """The data set of that name, as read-only arrays, verified where it was published as files.

    Args:
      name: "digits", 8x8 images inside scikit-learn, or "mnist", 28x28, from a folder that
        tensorflow-datasets prepared, or else from the internet.
      data_dir: the folder of tensorflow-datasets; None for the environment variable TFDS_DATA_DIR,
        or else ~/tensorflow_datasets.
      test_size: where no split was published, the fraction (or, as an int, the number) of examples
        to test on; None for 0.1.
      seed: of that random split; None for 0.

    Raises:
      ValueError: there is no such name, or its split was published and cannot be chosen.
      DataNotFoundError: the data are not at hand and could not be fetched.
      DataCorruptError: they are not the published ones.
    """
    names = sorted([*_SPLIT_HERE, *PUBLISHED])
    if name not in names:
        close = difflib.get_close_matches(str(name).lower(), names)
        hint = f"did you mean {' or '.join(map(repr, close))}? " if close else ""
        raise ValueError(f"no data set is called {name!r}: {hint}there are {', '.join(names)}")
    settings = {"test_size": test_size, "seed": seed}
    given = {key: value for key, value in settings.items() if value is not None}
    if name in _SPLIT_HERE:
        return _SPLIT_HERE[name](**given)
    if given:
        raise ValueError(
            f"{name} has a published split, so {' and '.join(given)} cannot be chosen: leave it out"
        )
    return published.load(PUBLISHED[name], data_dir)
