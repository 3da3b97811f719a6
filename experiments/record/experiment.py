"""One experiment: what its module must offer, and what its docstring says."""

import dataclasses
import inspect
import re
from typing import Any

_MUST_OFFER = {
    "Config": "a frozen dataclass whose defaults are the full run",
    "QUICK": "a smaller Config: fewer seeds, axis values or epochs, nothing else",
    "DATA": "the names of the data sets, () for none",
    "TOLERANCES": "variable -> (rtol, atol) on another platform",
    "run": "run(config) -> xarray.Dataset",
    "draw": "draw(results) -> matplotlib Figure",
    "judge": "judge(results) -> list of Verdict",
}


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


def of_module(name: str, module: Any) -> Experiment:
    """The experiment that a module is.

    Raises:
      TypeError: it lacks something that every experiment offers.
    """
    missing = [f"{what} ({why})" for what, why in _MUST_OFFER.items() if not hasattr(module, what)]
    if missing:
        raise TypeError(f"{module.__name__} must define {'; '.join(missing)}")
    question, about = _parse(inspect.getdoc(module) or "")
    return Experiment(name, module, question, about)


def _parse(docstring: str) -> tuple[str, dict[str, str]]:
    """The question (first paragraph), and the fields `Name: text`, indented where they go on."""
    question, _, rest = docstring.partition("\n\n")
    fields = re.findall(r"^(\w+):[ \t]*(.*(?:\n[ \t]+.*)*)", rest, flags=re.MULTILINE)
    return " ".join(question.split()), {k.lower(): " ".join(v.split()) for k, v in fields}
