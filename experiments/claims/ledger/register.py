"""Who answers which claim, and the verdict that follows from the answer."""

import dataclasses
import importlib
import inspect
import math
import pathlib
import pkgutil
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.claims import verdicts
from jaxnn import data

_FRAME = ("record", "register")
_FUNCTIONS: dict[str, Callable[..., Any]] = {}


class NotJudgedError(Exception):
    """Why a claim cannot be judged by recomputing it."""


@dataclasses.dataclass(frozen=True)
class Answer:
    """What we make of one claim.

    Attributes:
      claim: its id.
      status: one of verdicts.STATUSES.
      measured: our number, text or (nested) list of them; None where it was not judged.
      reason: why it was not judged.
      lacks_data: it would have been, had the data been at hand.
    """

    claim: str
    status: str
    measured: Any = None
    reason: str = ""
    lacks_data: bool = False


def answers(*claims: str) -> Callable[[Callable], Callable]:
    """Registers a function of a claim's inputs as the answer to the claims.

    Inputs that are numbers with a decimal point, or lists of them, arrive as float64 arrays; whole
    numbers, texts and lists of these as they are.
    """

    for claim in claims:
        verdicts.check_known(claim)
        if claim in _FUNCTIONS:
            raise ValueError(f"claim {claim!r} is answered twice in the ledger")

    def register(function: Callable) -> Callable:
        _FUNCTIONS.update(dict.fromkeys(claims, function))
        return function

    return register


def answered() -> tuple[str, ...]:
    """The claims that the ledger answers, in the order of claims.toml."""
    functions = _functions()
    return tuple(claim for claim in verdicts.claims() if claim in functions)


def _functions() -> dict[str, Callable[..., Any]]:
    """What answers which claim, once every subject is imported."""
    for module in pkgutil.iter_modules([str(pathlib.Path(__file__).parent)]):
        if module.name not in _FRAME:
            importlib.import_module(f"{__package__}.{module.name}")
    return _FUNCTIONS


def answer(claim: str) -> Answer:
    """Recomputes one claim, in float64 and on one device."""
    entry, function = verdicts.claims()[claim], _functions()[claim]
    try:
        with jax.enable_x64(True):
            inputs = {name: _array(value) for name, value in entry.inputs.items()}
            measured = plain(function(**inputs))
    except NotJudgedError as error:
        return Answer(claim, "not judged", reason=str(error))
    except data.DataNotFoundError as error:
        what, _, _ = str(error).partition(":")  # what follows names folders of this machine
        return Answer(claim, "not judged", reason=what, lacks_data=True)
    return Answer(claim, status(entry, measured), measured)


def verdict(claim: str) -> verdicts.Verdict:
    """The ledger's answer as a verdict, for an experiment whose page shows the claim too."""
    entry, found = verdicts.claims()[claim], answer(claim)
    measured = "" if found.measured is None else shown(found.measured)
    evidence = found.reason or method(claim)
    return verdicts.Verdict(
        claim, entry.statement, found.status, measured, entry.expected, evidence
    )


def method(claim: str) -> str:
    """How the ledger answers it: the function, and the first line of its docstring."""
    function = _functions().get(claim)
    if function is None:
        return ""
    module = function.__module__.replace(".", "/")
    about = (inspect.getdoc(function) or "").partition("\n")[0]
    return f"recomputed by {function.__name__} of {module}.py{': ' if about else ''}{about}"


def status(claim: verdicts.Claim, measured: Any) -> str:
    """What the verdict is: we must find the right value, and the slide must print it.

    Where the slide has no number, `tolerance` is that of our own (of an estimate by chance).
    """
    printed = claim.printed_value
    if not agree(measured, plain(claim.value), claim.tolerance if printed is None else 0.0):
        return "contradicted"
    as_printed = printed is not None and agree(measured, printed, claim.tolerance)
    if claim.correct:
        return "reproduced" if as_printed else "erratum"
    return "reproduced" if as_printed or printed is None else "contradicted"


def agree(a: Any, b: Any, tolerance: Any = 0.0, *, relative: float = 1e-9) -> bool:
    """Whether two answers are the same, up to the tolerance and the rounding of float64."""
    if isinstance(a, list) or isinstance(b, list):
        if not (isinstance(a, list) and isinstance(b, list) and len(a) == len(b)):
            return False
        each: Iterable[Any] = tolerance if isinstance(tolerance, list) else [tolerance] * len(a)
        return all(agree(x, y, t, relative=relative) for x, y, t in zip(a, b, each, strict=True))
    if any(value is None or isinstance(value, str) for value in (a, b)):
        return bool(a == b)
    return math.isclose(a, b, rel_tol=relative, abs_tol=tolerance or 1e-12)


def shown(value: Any, form: str = ".9g") -> str:
    """Numbers in nine digits, or in another form; lists in brackets."""
    if isinstance(value, list):
        return f"[{', '.join(shown(item, form) for item in value)}]"
    return format(value, form) if isinstance(value, float) else str(value)


def plain(value: Any) -> Any:
    """Numbers, texts and lists of them, as JSON has them: inf is a text."""
    if isinstance(value, jax.Array | np.ndarray | np.generic):
        value = np.asarray(value).tolist()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _array(value: Any) -> Any:
    return jnp.asarray(value) if _holds_floats(value) else value


def _holds_floats(value: Any) -> bool:
    if isinstance(value, list):
        return any(_holds_floats(item) for item in value)
    return isinstance(value, float)
