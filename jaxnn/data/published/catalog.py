"""Every data set that has a name."""

import difflib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jaxnn.data.dataset import Dataset
from jaxnn.data.own.stream import Stream
from jaxnn.data.prepare import parts
from jaxnn.data.published import embedded, loading, release

_CHECKSUMS = Path(__file__).parent / "checksums"
_SIMPSONS = (
    *("bart_simpson", "charles_montgomery_burns", "homer_simpson", "krusty_the_clown"),
    *("lisa_simpson", "marge_simpson", "milhouse_van_houten", "moe_szyslak"),
    *("ned_flanders", "principal_skinner"),
)
_DIGITS = tuple(str(digit) for digit in range(10))

_SPLIT_HERE: dict[str, Callable[..., Dataset]] = {
    "digits": embedded.digits,
    "iris": embedded.iris,
    "breast_cancer": embedded.breast_cancer,
}

PUBLISHED = {
    "mnist": release.Published(  # LeCun, Cortes and Burges 1998
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
        home="http://yann.lecun.com/exdb/mnist/",
        licence="CC BY-SA 3.0",
    ),
    "fashion_mnist": release.Published(  # Xiao, Rasul and Vollgraf 2017
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
        home="https://github.com/zalandoresearch/fashion-mnist",
        licence="MIT",
    ),
    "cifar10": release.Published(  # Krizhevsky 2009; no array was at hand for a digest
        name="cifar10",
        version="3.0.2",
        shape=(32, 32, 3),
        sizes={"train": 50_000, "test": 10_000},
        classes=(
            *("airplane", "automobile", "bird", "cat", "deer"),
            *("dog", "frog", "horse", "ship", "truck"),
        ),
        sha256={},
        form="cifar",
        per_class={"train": 5_000, "test": 1_000},
        home="https://www.cs.toronto.edu/~kriz/cifar.html",
        licence="none is stated",
    ),
    "zoo": release.Published(  # Forsyth 1990, UCI 111; the slides' "Animals"
        name="zoo",
        version="1.0.0",
        shape=(16,),
        sizes={"train": 101},
        classes=("mammal", "bird", "reptile", "fish", "amphibian", "insect", "invertebrate"),
        sha256={
            "train_inputs": "670fab39ab63eab5088457e9f9c588fb596d5376018e63846a7508c30935589a",
            "train_labels": "04bca4037f014f70b5d9010752739c5e04da0a766ba1a278250bcb5d6f435f11",
        },
        form="zoo",
        checksums=_CHECKSUMS / "zoo.tsv",
        home="https://archive.ics.uci.edu/dataset/111/zoo",
        licence="CC BY 4.0",
    ),
    "cats_vs_dogs": release.Published(  # Elson, Douceur, Howell and Saul 2007: 2,800 of 25,000
        name="cats_vs_dogs",
        version="1.0.0",  # not that of TFDS, which holds all, in their own sizes
        shape=(64, 64, 3),
        sizes={"train": 2_000, "test": 800},
        classes=("cat", "dog"),
        sha256={
            "train_inputs": "d712ad37b7eba2ec5abe8fbb5f85a466434fee0d931243530d71bf1f91136acc",
            "train_labels": "73218901041ea14d5e83814282ade3b2289044b50c905824645e9574430074fa",
            "test_inputs": "7624cfd0a23b9c8933c8019c1136ae64f7e667997be4ba047d40d63be5ffa1b2",
            "test_labels": "57dc56c28e3e4a941154fdd4105612fb4ebb3f95c279c5ac11ffca9a7ea1e685",
        },
        form="folder",
        listing=_CHECKSUMS / "cats_vs_dogs.txt",
        resize=True,
        otherwise=release.Published(  # the archive was not at hand for a digest of the arrays
            name="cats_vs_dogs",
            version="2.0.0",  # of the same numbers, in their own sizes
            shape=(64, 64, 3),
            sizes={"train": 2_000, "test": 800},
            classes=("cat", "dog"),
            sha256={},
            form="pets",
            resize=True,
            per_class={"train": 1_000, "test": 400},
            home="https://www.microsoft.com/en-us/download/details.aspx?id=54765",
            licence="none is stated; research and teaching",
        ),
        home="https://www.kaggle.com/c/dogs-vs-cats",
        licence="none is stated; research and teaching",
    ),
    "simpsons": release.Published(  # "The Simpsons Characters Data": 150 of each of ten
        name="simpsons",
        version="1.0.0",
        shape=(64, 64, 1),
        sizes={"train": 1_500},
        classes=_SIMPSONS,
        sha256={
            "train_inputs": "8b5171ae4f28e9b15c55e74e97af1b9064776246e36aa287ebba30f8efb86ff1",
            "train_labels": "9a27a0775a680112a6f24ca369b477146decc4467acdd3f10f920eba7b6e4965",
        },
        form="folder",
        listing=_CHECKSUMS / "simpsons.txt",
        home="https://www.kaggle.com/datasets/alexattia/the-simpsons-characters-dataset",
        licence="CC BY-NC-SA 4.0",
    ),
    "simpsons_mnist": release.Published(
        name="simpsons_mnist",
        version="1.0.0",
        shape=(28, 28, 3),
        sizes={"train": 8_000, "test": 2_000},
        classes=_SIMPSONS,
        sha256={
            "train_inputs": "918b86cc01a60bc0b1592ca995fba679ea42031e16b53114c85e58d1368ecb80",
            "train_labels": "f47c293631abb026c019ae45464796135952836668c54685deae92972b39e5ff",
            "test_inputs": "c0da5ed4952740053f4622928cb9b55b08cf225aef535825c1dfdd6991c308c1",
            "test_labels": "a575216f9458f7f3ff7399ddb38d466cb7c21211871f7c8cac219531b48013e2",
        },
        form="zip",
        listing=_CHECKSUMS / "simpsons_mnist.txt",
        home="https://github.com/alvarobartt/simpsons-mnist",
        licence="CC BY-NC-SA 4.0",
    ),
}

EMBEDDED = {
    "digits": "1,797 images 8x8 of ten digits [Alpaydin and Kaynak 1998, UCI 80], CC BY 4.0",
    "iris": "150 flowers, 4 lengths, 3 species [Fisher 1936, UCI 53], CC BY 4.0",
    "breast_cancer": "569 tumours, 30 measures, 2 classes [Wolberg et al. 1995, UCI 17], CC BY 4.0",
}


def names() -> list[str]:
    """Of every data set that `load` knows."""
    return sorted([*_SPLIT_HERE, *PUBLISHED])


def load(
    name: str,
    *,
    split: str = "train",
    validation: float | int = 0,
    standardize: bool = False,
    data_dir: str | os.PathLike[str] | None = None,
    test_size: float | int | None = None,
    seed: int | None = None,
) -> Dataset:
    """The data set of that name, as read-only arrays, verified where it was published as files.

    "digits", "iris" and "breast_cancer" are inside scikit-learn. "mnist", "fashion_mnist",
    "cifar10", "zoo", "cats_vs_dogs", "simpsons" and "simpsons_mnist" come from a folder that
    tensorflow-datasets prepared, or from the publisher's files in data_dir/../raw, or else, the
    first five, from the internet; all of them also from the address of a copy of that raw folder in
    JAXNN_DATA_MIRROR. `python -m experiments data list` tells what is at hand.

    Args:
      name: of the data set.
      split: the training examples, as in the splits API of TFDS: "train[:10%]" (`select`).
      validation: the fraction or number of the training examples to hold out (`hold_out`).
      standardize: every feature by the statistics of the examples trained on (`standardized`).
      data_dir: the folder of tensorflow-datasets; None for the environment variable TFDS_DATA_DIR,
        or else ~/tensorflow_datasets.
      test_size: where no split was published, the fraction (or, as an int, the number) of examples
        to test on, with the share of each class but for the digits; None for 0.1.
      seed: of the random split, and of what is held out; None for 0.

    Raises:
      ValueError: there is no such name, no such split, or it was published and cannot be chosen.
      DataNotFoundError: the data are not at hand and could not be fetched.
      DataCorruptError: they are not the published ones.
    """
    known = names()
    if name not in known:
        close = difflib.get_close_matches(str(name).lower(), known)
        hint = f"did you mean {' or '.join(map(repr, close))}? " if close else ""
        raise ValueError(f"no data set is called {name!r}: {hint}there are {', '.join(known)}")
    dataset = _load(name, data_dir, test_size, seed, has_use=bool(validation))
    if split != "train":
        dataset = parts.select(dataset, split)
    if validation:
        dataset = parts.hold_out(dataset, validation, seed=seed or 0)
    return parts.standardized(dataset) if standardize else dataset


def load_stream(
    name: str, *, data_dir: str | os.PathLike[str] | None = None, threads: int = 4
) -> Stream:
    """The data set of that name, for a run that fetches its training examples batch by batch.

    They are read from the folder that tensorflow-datasets prepared, by each process its own part of
    a batch, in an order that depends on the seed of the run alone; the test examples are in memory.

    Args:
      name: of a data set with a published split.
      data_dir: as in `load`.
      threads: how many parts are fetched at the same time.

    Raises:
      ValueError: there is no such name, or it has no published split.
      DataNotFoundError, DataCorruptError: as in `load`.
    """
    record = PUBLISHED.get(name)
    if record is None or not record.is_split:
        there = ", ".join(name for name, record in PUBLISHED.items() if record.is_split)
        raise ValueError(f"{name!r} cannot be streamed, only {there}: load it, it is small")
    return loading.stream(record, data_dir, threads=threads)


def _load(
    name: str,
    data_dir: str | os.PathLike[str] | None,
    test_size: float | int | None,
    seed: int | None,
    *,
    has_use: bool,
) -> Dataset:
    settings = {"test_size": test_size, "seed": seed}
    given: dict[str, Any] = {key: value for key, value in settings.items() if value is not None}
    if name in _SPLIT_HERE:
        return _SPLIT_HERE[name](**given)
    if PUBLISHED[name].is_split:
        if has_use:
            given.pop("seed", None)  # of the examples that are held out
        if given:
            raise ValueError(
                f"{name} has a published split, so {' and '.join(given)} cannot be chosen: leave it"
                " out"
            )
    return loading.load(PUBLISHED[name], data_dir, **given)
