"""The experiments in the order of the course, and what each module must offer."""

import dataclasses
import difflib
import importlib
import inspect
import re
from collections.abc import Iterable
from typing import Any

NAMES: tuple[str, ...] = (
    "activations",
    "losses",
    "perceptron",
    "linear_function",
    "cost_of_w",
    "computational_graph",
    "worked_network",
    "backprop_equations",
    "pure_python_network",
    "depth",
    "learning_rate",
    "batch_size",
    "momentum",
    "optimizers",
    "initialization",
    "learning_curves",
    "l2",
    "penalties",
    "regularization",
    "augmentation",
    "digits_sklearn",
    "keras_lab",
    "animals",
    "cats_and_dogs",
    "cnn",
    "cnn_mnist",
    "cnn_regularization",
    "cnn_simpsons",
    "softmax_vs_sigmoid",
    "autoencoder",
    "recurrent",
    "characters",
    "attention",
    "tensors",
)

_MUST_OFFER = {
    "Config": "a frozen dataclass whose defaults are the full run",
    "QUICK": "a smaller Config: fewer seeds, axis values or epochs, nothing else",
    "DATA": "the names of the data sets, () for none",
    "TOLERANCES": "variable -> (rtol, atol) on another platform",
    "run": "run(config) -> xarray.Dataset",
    "draw": "draw(results) -> matplotlib Figure",
    "judge": "judge(results) -> list of Verdict",
}


class UnknownExperimentError(ValueError):
    """No experiment has this name."""


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One experiment module and what its docstring says.

    Attributes:
      module: offers Config, QUICK, DATA, TOLERANCES, run, draw and judge; and, where needed,
        WHOLE_RUN: the variables that depend on how long a run was (a final weight norm), which
        `verify --quick` therefore leaves out; UNREPEATED: those that no run repeats (seconds),
        which are never compared; and STEADY: dimension -> the largest value that is
        compared with results of another platform.
      about: the docstring's fields by their lower-case names: slides, takes, expects.
    """

    name: str
    module: Any
    question: str
    about: dict[str, str]

    @property
    def caption(self) -> str:
        """What the figure shows: the first paragraph of draw's docstring."""
        text = inspect.getdoc(self.module.draw) or f"Figure: {self.question}"
        return " ".join(text.split("\n\n")[0].split())

    @property
    def why_unjudged(self) -> str:
        """What its judge says, in its docstring, where it judges no claim."""
        return " ".join((inspect.getdoc(self.module.judge) or "No claim is judged.").split())


def load(name: str) -> Experiment:
    """The experiment of that name, its module imported and checked."""
    module = importlib.import_module(f"experiments.{name}")
    missing = [f"{what} ({why})" for what, why in _MUST_OFFER.items() if not hasattr(module, what)]
    if missing:
        raise TypeError(f"experiments.{name} must define {'; '.join(missing)}")
    question, about = _parse(inspect.getdoc(module) or "")
    return Experiment(name, module, question, about)


def select(names: Iterable[str] = ()) -> list[Experiment]:
    """The named experiments in the order of the course; all of them where none is named."""
    names = tuple(names)
    for name in names:
        if name not in NAMES:
            near = difflib.get_close_matches(name, NAMES, n=3, cutoff=0.4)
            hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(NAMES)}"
            raise UnknownExperimentError(f"no experiment is called {name!r}: {hint}")
    return [load(name) for name in NAMES if not names or name in names]


def _parse(docstring: str) -> tuple[str, dict[str, str]]:
    """The question (first paragraph), and the fields `Name: text`, indented where they go on."""
    question, _, rest = docstring.partition("\n\n")
    fields = re.findall(r"^(\w+):[ \t]*(.*(?:\n[ \t]+.*)*)", rest, flags=re.MULTILINE)
    return " ".join(question.split()), {k.lower(): " ".join(v.split()) for k, v in fields}
