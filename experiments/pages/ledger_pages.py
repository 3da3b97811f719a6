"""Every claim with its verdict: as a page, as a table of text, or alone."""

import collections
import pathlib
from collections.abc import Sequence

from experiments.claims import verdicts
from experiments.claims.ledger import record, register
from experiments.claims.ledger.record import Row
from experiments.claims.ledger.register import Answer
from experiments.pages import report
from experiments.record import results

_WIDTHS = {"claim": 36, "slide": 22, "printed": 26, "ours": 26}


def table(chosen: Sequence[Row]) -> str:
    """A line per claim, for a terminal."""
    header = [name.ljust(width) for name, width in _WIDTHS.items()]
    lines = ["  ".join([*header, "verdict"])]
    for row in chosen:
        cells = (row.id, row.place, row.printed, row.measured or "-")
        fitted = [_fit(c, w) for c, w in zip(cells, _WIDTHS.values(), strict=True)]
        lines.append("  ".join([*fitted, row.status]))
    return "\n".join([*lines, "", tally(chosen)])


def details(row: Row) -> str:
    """Everything about one claim; a ledger's answer to its last digit."""
    inputs = verdicts.claims()[row.id].inputs
    answers = {
        "slide": f"{row.place}: {row.heading}",
        "says": row.statement,
        "printed": row.printed,
        "inputs": ", ".join(f"{name} = {value}" for name, value in inputs.items()),
        "expected": row.expected,
        "ours": row.measured if row.answer is None else register.shown(row.answer, ""),
        "verdict": row.status,
        "right": row.correct,
        "why": row.why,
        "evidence": row.evidence,
        "seeds": "" if row.seeds is None else str(row.seeds),
        "judged by": f"{row.experiment}: python -m experiments run {row.experiment}",
        "also by": ", ".join(row.also),
    }
    lines = [f"  {name:<10} {text}" for name, text in answers.items() if text]
    return "\n".join([row.id, *lines])


def page(chosen: Sequence[Row]) -> str:
    """The ledger as Markdown: errata, what is not judged, and all claims by document."""
    escape = report.escape
    parts = [
        "<!-- Written by `python -m experiments run`; changes here are lost. -->",
        "# The ledger",
        "[All reports](../README.md) · every claim of the slides: what needs no training is "
        "recomputed by the functions of jaxnn, the rest is measured by the experiment that the "
        "claim leads to. `python -m experiments claims ID` shows one of them in full, "
        "`python -m experiments verify` computes all of them again.",
        f"**{escape(tally(chosen))}**",
        report.table(
            ["Document", "Claims", *(status.capitalize() for status in verdicts.STATUSES)],
            [_counts(d, [r for r in chosen if r.document == d]) for d in verdicts.DOCUMENTS]
            + [_counts("all", chosen)],
        ),
        "## Errata",
        report.table(
            ["Claim", "Slide", "Printed", "Right", "Why"],
            [
                [_code(row), escape(row.place)]
                + [escape(text) for text in (row.printed, row.correct, row.why)]
                for row in chosen
                if row.status == "erratum"
            ],
        ),
        "## Not judged",
        "\n".join(
            f"- {_code(row)} ({escape(row.place)}): {escape(row.evidence)}."
            for row in chosen
            if row.status == "not judged"
        )
        or "None.",
    ]
    for document in dict.fromkeys(row.document for row in chosen):
        lines = [
            [
                _code(row),
                str(row.line),
                escape(row.statement),
                escape(row.printed),
                escape(row.measured) or "–",
                "–" if row.seeds is None else str(row.seeds),
                row.status if row.status == "reproduced" else f"**{row.status}**",
            ]
            for row in chosen
            if row.document == document
        ]
        header = ["Claim", "Line", "What it says", "Printed", "Ours", "Seeds", "Verdict"]
        parts += [f"## {escape(document)}", report.table(header, lines)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _counts(name: str, chosen: Sequence[Row]) -> list[str]:
    counts = collections.Counter(row.status for row in chosen)
    numbers = [len(chosen), *(counts[status] for status in verdicts.STATUSES)]
    return [report.escape(name), *map(str, numbers)]


def tally(chosen: Sequence[Row]) -> str:
    """Counts by status: `4 claims: 3 reproduced, 1 erratum`."""
    return report.tally([{"status": row.status} for row in chosen])


def write(folder: pathlib.Path, answers: Sequence[Answer]) -> list[Row]:
    """Writes record and page into the folder `ledger` of the reports; returns the rows."""
    made_by = {"versions": results.versions(), "platform": results.platform_of_run()}
    folder.mkdir(parents=True, exist_ok=True)
    found = record.rows(answers, folder.parent)
    record.save(folder, found, made_by)
    results.write(folder / "README.md", page(found))
    return found


def refresh(folder: pathlib.Path) -> None:
    """Brings the page up to date with the experiments' results; the ledger's answers stay."""
    found, made_by = record.load(folder)
    found = record.rows(record.answers_of(found), folder.parent)
    record.save(folder, found, made_by)
    results.write(folder / "README.md", page(found))


def _code(row: Row) -> str:
    link = row.experiment != "ledger" and (row.measured or row.status != "not judged")
    return f"[`{row.id}`](../{row.experiment}/README.md)" if link else f"`{row.id}`"


def _fit(text: str, width: int) -> str:
    text = " ".join(text.split())
    return text.ljust(width) if len(text) <= width else f"{text[: width - 1]}…"
