"""A claim of the slides, what was measured, and whether the two agree."""

import dataclasses
import difflib
import functools
import pathlib
import tomllib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import special

MIN_SEEDS = 5
STATUSES = ("reproduced", "contradicted", "erratum", "not judged")
DOCUMENTS = ("r_tutorial", "basics", "chapter5", "ann_session", "cnn_session")
_LEDGER = pathlib.Path(__file__).with_name("claims.toml")


@dataclasses.dataclass(frozen=True)
class Claim:
    """One entry of claims.toml: what a slide says, and where.

    Attributes:
      document: the slide document, and line the line of its text that makes the claim.
      heading: the slide's own heading.
      kind: number, table, figure, training or qualitative.
      experiment: who answers it: "ledger", or the name of an experiment.
      printed: what the slide prints; printed_value: the same as a number or list.
      tolerance: half a unit of the last printed digit, or one for each number of a list.
      expect: what a faithful experiment shows, or how to read value.
      inputs: what value is computed from.
      value: the right number or list, where there is one.
      correct: the right statement, where the slide's is known to be wrong; why: the reason.
    """

    id: str
    document: str
    line: int
    heading: str
    statement: str
    printed: str
    kind: str = "qualitative"
    experiment: str = "ledger"
    expect: str = ""
    printed_value: Any = None
    tolerance: Any = 0.0
    inputs: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    value: Any = None
    correct: str = ""
    why: str = ""

    @property
    def place(self) -> str:
        return f"{self.document}, line {self.line}"

    @property
    def expected(self) -> str:
        """What a faithful experiment shows, and what is right where the slide is wrong."""
        return f"{self.expect} Right: {self.correct}".lstrip() if self.correct else self.expect


@functools.cache
def claims() -> Mapping[str, Claim]:
    """Every claim of claims.toml by its id."""
    entries = [Claim(**entry) for entry in tomllib.loads(ledger_text())["claim"]]
    return MappingProxyType({claim.id: claim for claim in entries})


def ledger_text() -> str:
    """claims.toml as it stands."""
    return _LEDGER.read_text("utf-8")


class UnknownClaimError(ValueError):
    """No claim has this id."""


def check_known(claim: str) -> None:
    """Refuses an id that is not in claims.toml, and names the nearest ones."""
    if claim not in claims():
        near = difflib.get_close_matches(claim, claims(), n=3, cutoff=0.4)
        hint = f": did you mean {' or '.join(near)}?" if near else ""
        raise UnknownClaimError(f"claim {claim!r} is not in claims.toml{hint}")


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What an experiment found out about one claim.

    Attributes:
      claim: its id in claims.toml.
      status: one of STATUSES; "erratum" where the slide is wrong and we show the right value.
      measured: the number, with its interval where chance plays a part.
      evidence: how it was measured, or why it was not.
      seeds: how many runs it rests on, where chance plays a part.
    """

    claim: str
    statement: str
    status: str
    measured: str
    expected: str
    evidence: str
    seeds: int | None = None

    def __post_init__(self) -> None:
        check_known(self.claim)
        if self.status not in STATUSES:
            raise ValueError(f"status must be one of {', '.join(STATUSES)}, got {self.status!r}")


def verdict_on(
    claim: str,
    holds: bool | np.bool_ | None,
    *,
    measured: str,
    evidence: str,
    seeds: int | None = None,
) -> Verdict:
    """The verdict that follows from whether the slide's statement held in the measurement.

    Args:
      claim: its id; statement and expectation come from claims.toml.
      holds: None is "not judged"; False is "erratum" where the slide is known to be wrong (it
        has a `correct`), "contradicted" otherwise.
      seeds: how many runs it rests on, where chance plays a part; fewer than MIN_SEEDS judge
        nothing.
    """
    if seeds is not None and seeds < MIN_SEEDS:
        holds = None
        evidence = f"{seeds} seeds are too few, at least {MIN_SEEDS} are needed; {evidence}"
    check_known(claim)
    entry = claims()[claim]
    if holds is None:
        status = "not judged"
    elif holds:
        status = "reproduced"
    else:
        status = "erratum" if entry.correct else "contradicted"
    return Verdict(claim, entry.statement, status, measured, entry.expected, evidence, seeds)


def not_at_hand(dataset: str, *claim_ids: str) -> list[Verdict]:
    """What is said of claims that rest on a data set which is not here."""
    remedy = f"{dataset} is not at hand; `python -m experiments data prepare {dataset}` gets it"
    return [verdict_on(claim, None, measured="", evidence=remedy) for claim in claim_ids]


class Interval(NamedTuple):
    """A mean over runs and its confidence interval; f"{interval:.3f}" writes one of a single mean.

    Attributes:
      runs: how many finite values the mean is of; the interval is NaN for fewer than two.
      diverged: how many were not finite, and so are in no mean.
    """

    mean: xr.DataArray
    low: xr.DataArray
    high: xr.DataArray
    runs: xr.DataArray
    diverged: xr.DataArray

    def __format__(self, spec: str) -> str:
        runs, diverged = int(self.runs), int(self.diverged)
        lost = f", {diverged} diverged" if diverged else ""
        mean, low, high = (format(float(x), spec) for x in (self.mean, self.low, self.high))
        return f"{mean} [{low}, {high}] ({runs} runs{lost})"


def mean_interval(
    values: xr.DataArray | npt.ArrayLike, dim: str = "seed", level: float = 0.95
) -> Interval:
    """Mean over `dim` with Student's t-interval [Student 1908, Biometrika 6].

        mean -+ t(1/2 + level/2, n - 1) s / sqrt(n)

    Args:
      values: an array with the dimension dim, or a plain sequence over it; NaN and infinite values
        are counted as diverged and left out.
    """
    values = _over(values, dim)
    finite = values.where(np.isfinite(values))
    n = finite.count(dim)
    mean = finite.sum(dim) / n.where(n > 0)
    variance = ((finite - mean) ** 2).sum(dim) / (n - 1).where(n > 1)
    half = special.stdtrit(n - 1, 0.5 + level / 2) * np.sqrt(variance / n.where(n > 0))
    return Interval(mean, mean - half, mean + half, n, values.sizes[dim] - n)


def prediction_interval(
    values: xr.DataArray | npt.ArrayLike, dim: str = "seed", level: float = 0.95
) -> Interval:
    """Where one more run would fall, if runs are normal: mean -+ t s sqrt(1 + 1/n).

    A slide that shows a single run is held against this; the interval of the mean is narrower by
    sqrt(n + 1) [Hahn and Meeker 1991, section 4.4].
    """
    mean, low, high, n, diverged = mean_interval(values, dim, level)
    wider = np.sqrt(n + 1.0)
    return Interval(mean, mean - wider * (mean - low), mean + wider * (high - mean), n, diverged)


def paired_difference(
    a: xr.DataArray | npt.ArrayLike,
    b: xr.DataArray | npt.ArrayLike,
    dim: str = "seed",
    level: float = 0.95,
) -> Interval:
    """Mean and t-interval of a - b, run by run with common random numbers.

    A pair of which either run diverged counts as diverged.
    """
    a, b = xr.align(_over(a, dim), _over(b, dim), join="exact")
    return mean_interval(a - b, dim, level)


def _over(values: xr.DataArray | npt.ArrayLike, dim: str) -> xr.DataArray:
    """The values in float64, with dim as the dimension of a plain sequence."""
    if not isinstance(values, xr.DataArray):
        values = xr.DataArray(np.asarray(values), dims=[dim])
    return values.astype(np.float64)
