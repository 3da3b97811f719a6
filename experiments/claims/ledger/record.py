"""What became of every claim, by whomever it was judged; and what has changed since."""

import collections
import dataclasses
import json
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from experiments.claims import verdicts
from experiments.claims.ledger import register
from experiments.claims.ledger.register import Answer
from experiments.record import results

_NO_VERDICT, _NO_RESULTS = "no verdict on it", "no results"


@dataclasses.dataclass(frozen=True)
class Row:
    """One claim and what became of it; as JSON, one record of results.json.

    Attributes:
      expected: what a faithful experiment shows; correct: what is right where the slide is wrong.
      experiment: who judged it or, where nobody did, who is to.
      also: other experiments that judged it too.
      status: one of verdicts.STATUSES.
      measured: our number, with its interval where chance plays a part, for reading.
      evidence: how we know, or why it was not judged.
      seeds: how many runs it rests on, where chance plays a part.
      answer: what the ledger computed, to the last digit.
      lacks_data: the ledger would have computed it, had the data been at hand.
    """

    id: str
    document: str
    line: int
    heading: str
    kind: str
    statement: str
    printed: str
    expected: str
    correct: str
    why: str
    experiment: str
    also: Sequence[str]
    status: str
    measured: str
    evidence: str
    seeds: int | None = None
    answer: Any = None
    lacks_data: bool = False

    @property
    def place(self) -> str:
        return f"{self.document}, line {self.line}"


def make() -> list[Answer]:
    """Recomputes every claim of the ledger."""
    return [register.answer(claim) for claim in register.answered()]


def rows(answers: Iterable[Answer], reports: pathlib.Path) -> list[Row]:
    """A row per claim, of the ledger's answers and of the experiments' results in a folder."""
    found: dict[str, dict[str, dict[str, Any]]] = collections.defaultdict(dict)
    for answer in answers:
        found[answer.claim]["ledger"] = {
            "status": answer.status,
            "measured": "" if answer.measured is None else register.shown(answer.measured),
            "evidence": answer.reason or register.method(answer.claim),
            "answer": answer.measured,
            "lacks_data": answer.lacks_data,
        }
    judged = {"ledger"} if found else set()
    for path in sorted(reports.glob("*/results.nc")):
        name = path.parent.name
        try:
            given = results.load(path.parent)[1]["verdicts"]
        except results.NoResultsError:
            continue
        judged.add(name)
        for verdict in given:
            kept = ("status", "measured", "evidence", "seeds")
            found[verdict["claim"]][name] = {key: verdict.get(key) for key in kept}
    return [_row(claim, found[claim.id], judged) for claim in verdicts.claims().values()]


def _row(claim: verdicts.Claim, found: Mapping[str, Mapping[str, Any]], judged: set[str]) -> Row:
    """Of several who judged it, the one that the claim names is believed."""
    by = claim.experiment if claim.experiment in found else next(iter(found), claim.experiment)
    nothing = _NO_VERDICT if by in judged else _NO_RESULTS
    outcome = found.get(by) or {
        "status": "not judged",
        "measured": "",
        "evidence": f"its experiment {by} has {nothing}",
    }
    return Row(
        id=claim.id,
        document=claim.document,
        line=claim.line,
        heading=claim.heading,
        kind=claim.kind,
        statement=claim.statement,
        printed=claim.printed,
        expected=claim.expect,
        correct=claim.correct,
        why=claim.why,
        experiment=by,
        also=[name for name in found if name != by],
        **outcome,
    )


def answers_of(found: Iterable[Row]) -> list[Answer]:
    """The ledger's own answers, read back from the rows."""
    return [
        Answer(
            row.id,
            row.status,
            row.answer,
            row.evidence if row.status == "not judged" else "",
            row.lacks_data,
        )
        for row in found
        if row.experiment == "ledger" and not row.evidence.endswith((_NO_VERDICT, _NO_RESULTS))
    ]


def save(folder: pathlib.Path, found: Sequence[Row], made_by: Mapping[str, Any]) -> None:
    """Writes results.json: what computed the ledger's answers, and a record per claim."""
    record = {**made_by, "claims": [dataclasses.asdict(row) for row in found]}
    results.write(folder / "results.json", json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def load(folder: pathlib.Path) -> tuple[list[Row], dict[str, Any]]:
    """The rows that save wrote, and what computed them.

    Raises:
      NoResultsError: there are none, or only half of them.
    """
    try:
        record: dict[str, Any] = json.loads((folder / "results.json").read_text("utf-8"))
        found = [Row(**row) for row in record.pop("claims")]
    except (
        FileNotFoundError,
        NotADirectoryError,
        json.JSONDecodeError,
        KeyError,
        TypeError,
    ) as error:
        raise results.NoResultsError(f"no complete results in {folder}") from error
    return found, record


def changes(fresh: Iterable[Answer], committed: Iterable[Answer]) -> Iterator[tuple[bool, str]]:
    """One line per claim that is not as committed, and whether that is a difference.

    It is none where data are not at hand here.
    """
    ours = {answer.claim: answer for answer in fresh}
    theirs = {answer.claim: answer for answer in committed}
    for claim in sorted(ours.keys() | theirs.keys()):
        if claim not in ours or claim not in theirs:
            yield True, f"{claim}: answered {'as committed' if claim in theirs else 'here'} only"
        elif ours[claim].lacks_data:
            yield False, f"{claim}: not judged here: {ours[claim].reason}"
        elif ours[claim].status != theirs[claim].status:
            before, now = theirs[claim].status, ours[claim].status
            yield True, f"{claim}: {before} as committed, {now} here"
        elif not register.agree(ours[claim].measured, theirs[claim].measured):
            yield True, f"{claim}: another number than committed"
        elif ours[claim].reason != theirs[claim].reason:
            yield True, f"{claim}: not judged for another reason than committed"
