"""What the pages show, read from the folder of the reports."""

import collections
import dataclasses
import json
import pathlib
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import markupsafe
import xarray as xr

from experiments.claims import verdicts
from experiments.record import provenance, results
from experiments.record.experiment import Experiment


@dataclasses.dataclass(frozen=True)
class Study:
    """One experiment with what it found; without results, only what it asks.

    Attributes:
      headings: document -> the headings of its slides, in the slides' own words.
      size: of figure.png, in pixels.
      run: its provenance.
    """

    experiment: Experiment
    dataset: xr.Dataset | None = None
    record: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    headings: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)
    size: tuple[int, int] = (0, 0)
    run: Mapping[str, Any] | None = None

    @property
    def name(self) -> str:
        return self.experiment.name

    @property
    def title(self) -> str:
        return self.experiment.question

    @property
    def verdicts(self) -> Sequence[Mapping[str, Any]]:
        verdicts: Sequence[Mapping[str, Any]] = self.record.get("verdicts", ())
        return verdicts

    @property
    def is_heavy(self) -> bool:
        return bool(getattr(self.experiment.module, "HEAVY", False))


@dataclasses.dataclass(frozen=True)
class Claim:
    """One claim and what became of it.

    Attributes:
      judge: "ledger", or the experiment that judged it or is to.
      page: the judge, where it has a page of its own; else empty.
      command: what shows it.
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
    status: str
    measured: str
    evidence: str
    seeds: int | None
    judge: str
    page: str

    @property
    def command(self) -> str:
        return f"python -m experiments claims {self.id}"

    @property
    def words(self) -> str:
        """All that a search looks through."""
        parts = (self.id, self.heading, self.statement, self.printed, self.measured, self.correct)
        return " ".join(" ".join(parts).casefold().split())


def studies(reports: pathlib.Path, experiments: Iterable[Experiment]) -> list[Study]:
    """The experiments with whatever results the folder holds."""
    found = []
    for experiment in experiments:
        folder = reports / experiment.name
        try:
            dataset, record = results.load(folder)
        except results.NoResultsError:
            found.append(Study(experiment))
            continue
        headings = _headings(verdict["claim"] for verdict in record["verdicts"])
        size = _png_size(folder / "figure.png")
        run = provenance.read(folder)
        found.append(Study(experiment, dataset, record, headings, size, run))
    return found


def claims(reports: pathlib.Path, found: Sequence[Study]) -> list[Claim]:
    """Every claim of the ledger's record, in the order of the documents; none without a record."""
    try:
        record = json.loads((reports / "ledger" / "results.json").read_text("utf-8"))
        rows = record["claims"]
    except (OSError, ValueError, KeyError):
        return []
    with_page = {study.name for study in found if study.verdicts}
    fields = {field.name for field in dataclasses.fields(Claim)} - {"judge", "page"}
    listed = [
        Claim(
            **{name: row.get(name) for name in fields},
            judge=row["experiment"],
            page=row["experiment"] if row["experiment"] in with_page else "",
        )
        for row in rows
    ]
    return sorted(listed, key=lambda c: (verdicts.DOCUMENTS.index(c.document), c.line, c.id))


def count(claims: Iterable[Any]) -> dict[str, int]:
    """Status -> how many, of claims or of an experiment's verdicts; none that is 0."""
    counts = collections.Counter(
        claim["status"] if isinstance(claim, Mapping) else claim.status for claim in claims
    )
    return {status: counts[status] for status in verdicts.STATUSES if counts[status]}


def grouped(claims: Iterable[Claim], field: str) -> list[tuple[str, list[Claim]]]:
    """The claims by document or heading, in the order in which these come first."""
    groups: dict[str, list[Claim]] = {}
    for claim in claims:
        groups.setdefault(getattr(claim, field), []).append(claim)
    return list(groups.items())


def korean(text: str) -> markupsafe.Markup:
    """The text, marked as Korean where it holds Hangul, for screen readers and fonts."""
    is_korean = any("\u1100" <= character <= "\ud7ff" for character in text)
    tag = "<span lang=ko>{}</span>" if is_korean else "{}"
    return markupsafe.Markup(tag).format(text)


def _headings(answered: Iterable[str]) -> dict[str, list[str]]:
    headings: dict[str, dict[str, None]] = {}
    for claim in answered:
        entry = verdicts.claims()[claim]
        headings.setdefault(entry.document, {})[entry.heading] = None
    return {d: list(headings[d]) for d in verdicts.DOCUMENTS if d in headings}


def _png_size(path: pathlib.Path) -> tuple[int, int]:
    """Width and height, from the header."""
    try:
        width, height = struct.unpack(">II", path.read_bytes()[16:24])
    except (OSError, struct.error):
        return 0, 0
    return width, height
