"""The experiments in the order of the course, by the chapters in which one learns them."""

import difflib
import importlib
from collections.abc import Iterable

from experiments.record import experiment
from experiments.record.experiment import Experiment

CHAPTERS: dict[str, tuple[str, ...]] = {
    "neurons": (
        "activations",
        "losses",
        "perceptron",
        "linear_function",
        "cost_of_w",
        "tensors",
    ),
    "backprop": (
        "computational_graph",
        "worked_network",
        "backprop_equations",
        "pure_python_network",
    ),
    "training": (
        "depth",
        "learning_rate",
        "batch_size",
        "momentum",
        "optimizers",
        "initialization",
        "learning_curves",
    ),
    "generalization": (
        "l2",
        "penalties",
        "regularization",
        "augmentation",
    ),
    "classifiers": (
        "digits_sklearn",
        "keras_lab",
        "animals",
        "cats_and_dogs",
        "softmax_vs_sigmoid",
    ),
    "images": (
        "cnn",
        "cnn_mnist",
        "cnn_regularization",
        "cnn_simpsons",
        "autoencoder",
    ),
    "sequences": (
        "recurrent",
        "characters",
        "attention",
    ),
}
NAMES = tuple(name for chapter in CHAPTERS.values() for name in chapter)


class UnknownExperimentError(ValueError):
    """No experiment has this name."""


def load(name: str) -> Experiment:
    """The experiment of that name, its module imported and checked."""
    chapter = next(chapter for chapter, names in CHAPTERS.items() if name in names)
    return experiment.of_module(name, importlib.import_module(f"{__package__}.{chapter}.{name}"))


def select(names: Iterable[str] = ()) -> list[Experiment]:
    """The named experiments in the order of the course; all of them where none is named."""
    names = tuple(names)
    for name in names:
        if name not in NAMES:
            near = difflib.get_close_matches(name, NAMES, n=3, cutoff=0.4)
            hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(NAMES)}"
            raise UnknownExperimentError(f"no experiment is called {name!r}: {hint}")
    return [load(name) for name in NAMES if not names or name in names]
