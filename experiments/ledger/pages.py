"""Every claim with its verdict, by whom it was judged: as a page, as a table of text, or alone."""

import json
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from experiments import registry, report, results, verdicts

_WIDTHS = {"claim": 32, "slide": 22, "printed": 26, "ours": 26}


class Row(NamedTuple):
    """One claim and what became of it.

    Attributes:
      status: one of verdicts.STATUSES, or "not run" where its experiment has no results.
      by: "ledger", or the name of the experiment that answers it.
    """

    claim: verdicts.Claim
    status: str
    ours: str
    by: str
    reason: str = ""


def rows(answers: Iterable[Mapping[str, Any]], reports: pathlib.Path) -> list[Row]:
    """A row per claim, of the ledger's answers and of the experiments' results in a folder."""
    found = {}
    for answer in answers:
        ours = shown(answer["measured"]) if answer["measured"] is not None else ""
        found[answer["claim"]] = (answer["status"], ours, "ledger", answer["reason"])
    for name in registry.NAMES:
        try:
            judged = results.load(reports / name)[1]["verdicts"]
        except results.NoResultsError:
            continue
        for verdict in judged:
            reason = verdict["evidence"]
            found[verdict["claim"]] = (verdict["status"], verdict["measured"], name, reason)
    missing = ("not run", "", "", "answered by an experiment that has not been run")
    return [Row(claim, *found.get(name, missing)) for name, claim in verdicts.claims().items()]


def shown(value: Any, form: str = ".9g") -> str:
    """Numbers in nine digits, or in another form; lists in brackets."""
    if isinstance(value, list):
        return f"[{', '.join(shown(item, form) for item in value)}]"
    return format(value, form) if isinstance(value, float) else str(value)


def table(chosen: Sequence[Row]) -> str:
    """A line per claim, for a terminal."""
    header = [name.ljust(width) for name, width in _WIDTHS.items()]
    lines = ["  ".join([*header, "verdict"])]
    for row in chosen:
        cells = (row.claim.id, row.claim.place, row.claim.printed, row.ours or "-")
        fitted = [_fit(c, w) for c, w in zip(cells, _WIDTHS.values(), strict=True)]
        lines.append("  ".join([*fitted, row.status]))
    return "\n".join([*lines, "", tally(chosen)])


def details(row: Row, answer: Mapping[str, Any] | None) -> str:
    """Everything about one claim; a ledger's answer to its last digit."""
    claim = row.claim
    ours = shown(answer["measured"], "") if answer and answer["measured"] is not None else row.ours
    answers = {
        "slide": f"{claim.place}: {claim.heading}",
        "says": claim.statement,
        "printed": claim.printed,
        "inputs": ", ".join(f"{name} = {value}" for name, value in claim.inputs.items()),
        "expected": claim.expect,
        "ours": ours,
        "verdict": row.status,
        "right": claim.correct,
        "why": claim.why,
        "evidence": row.reason,
        "judged by": row.by and f"{row.by}: python -m experiments run {row.by}",
    }
    lines = [f"  {name:<10} {text}" for name, text in answers.items() if text]
    return "\n".join([claim.id, *lines])


def page(chosen: Sequence[Row]) -> str:
    """The ledger as Markdown: the claims about numbers and tables, document by document."""
    escape = report.escape
    chosen = [row for row in chosen if row.claim.kind in ("number", "table")]
    chosen.sort(key=lambda row: (verdicts.DOCUMENTS.index(row.claim.document), row.claim.line))
    parts = [
        "<!-- Written by `python -m experiments run ledger`; changes here are lost. -->",
        "# The ledger",
        "[All reports](../README.md) · every number and table of the slides, recomputed by the "
        "functions of jaxnn. `python -m experiments claims ID` shows one of them in full, "
        "`python -m experiments verify ledger` computes all of them again.",
        f"**{escape(tally(chosen))}**",
        "## Errata",
        _markdown(
            ["Claim", "Slide", "Printed", "Right", "Why"],
            [
                [_code(row), escape(row.claim.place)]
                + [escape(text) for text in (row.claim.printed, row.claim.correct, row.claim.why)]
                for row in chosen
                if row.status == "erratum"
            ],
        ),
        "## Not judged",
        "\n".join(
            f"- {_code(row)} ({escape(row.claim.place)}): {escape(row.reason)}."
            for row in chosen
            if row.status not in ("reproduced", "erratum", "contradicted")
        )
        or "None.",
    ]
    for document in dict.fromkeys(row.claim.document for row in chosen):
        lines = [
            [
                _code(row),
                str(row.claim.line),
                escape(row.claim.statement),
                escape(row.claim.printed),
                escape(row.ours) or "–",
                row.status if row.status == "reproduced" else f"**{row.status}**",
            ]
            for row in chosen
            if row.claim.document == document
        ]
        header = ["Claim", "Line", "What it says", "Printed", "Ours", "Verdict"]
        parts += [f"## {escape(document)}", _markdown(header, lines)]
    return "\n\n".join(parts) + "\n"


def tally(chosen: Sequence[Row]) -> str:
    """Counts by status."""
    counts = {s: sum(r.status == s for r in chosen) for s in (*verdicts.STATUSES, "not run")}
    return f"{len(chosen)} claims: " + ", ".join(f"{n} {s}" for s, n in counts.items() if n)


def read(folder: pathlib.Path) -> dict[str, Any]:
    """The record that `run` wrote.

    Raises:
      NoResultsError: there is none, or only half of one.
    """
    try:
        record: dict[str, Any] = json.loads((folder / "results.json").read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError) as error:
        raise results.NoResultsError(f"no complete results in {folder}") from error
    return record


def write(folder: pathlib.Path, record: Mapping[str, Any]) -> list[Row]:
    """Writes record and page into the folder `ledger` of the reports; returns the page's rows."""
    folder.mkdir(parents=True, exist_ok=True)
    results.write(folder / "results.json", json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    found = rows(record["answers"], folder.parent)
    results.write(folder / "README.md", page(found))
    return found


def _code(row: Row) -> str:
    link = row.by and row.by != "ledger"
    return f"[`{row.claim.id}`](../{row.by}/README.md)" if link else f"`{row.claim.id}`"


def _markdown(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    return "\n".join(
        f"| {' | '.join(cells)} |" for cells in [header, ["---"] * len(header), *lines]
    )


def _fit(text: str, width: int) -> str:
    text = " ".join(text.split())
    return text.ljust(width) if len(text) <= width else f"{text[: width - 1]}…"
