"""The pages: Markdown from saved results alone, for reading on a code host."""

import collections
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.claims import verdicts
from experiments.record import results
from experiments.record.experiment import Experiment

DO_NOT_EDIT = "<!-- Written by `python -m experiments run`; changes here are lost. -->"
_OTHER_PAGES = {
    "ledger": "The ledger: every claim of the slides, and what became of it",
    "gradients": "The gradients, each before its judges",
    "benchmarks": "The benchmarks: beside plain JAX, Flax, PyTorch, Keras and scikit-learn",
    "survival": "Survival: a sweep that is killed 200 times",
}  # beside those of the experiments


def page(experiment: Experiment, record: Mapping[str, Any]) -> str:
    """The page of one experiment: question, figure, verdicts, set-up, data, versions."""
    name = experiment.name
    answers = record["verdicts"]
    parts = [
        DO_NOT_EDIT,
        f"# {escape(experiment.question)}",
        f"[All reports](../README.md) · {escape(tally(answers))}",
        _figure(experiment, ""),
        f"*{escape(experiment.caption)}*",
        "## Verdicts",
        *(_judged(answers) if answers else [escape(experiment.why_unjudged)]),
        "## Set-up",
        _expectation(experiment),
        table(
            ["Setting", "Value"],
            [[f"`{key}`", escape(value(setting))] for key, setting in record["config"].items()],
        ),
        "## Run it alone",
        f"```\npython -m experiments run {name}\npython -m experiments verify {name}\n```",
        _takes(experiment),
        "## Slides",
        _bullets(_headings(answers)) or escape(experiment.about.get("slides", "")),
        "## Data",
        _bullets({escape(key): _data(value) for key, value in record["data"].items()}) or "None.",
        "## Made with",
        _made_with(record),
        "The numbers behind the figure are in [results.nc](results.nc) (netCDF: "
        '`xarray.load_dataset("results.nc", engine="scipy")`), the settings and verdicts in '
        "[results.json](results.json).",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _judged(answers: Sequence[Mapping[str, Any]]) -> list[str]:
    """The table of verdicts, and how we know."""
    rows = [
        [
            f"`{answer['claim']}`",
            _place(answer["claim"]),
            escape(answer["statement"]),
            escape(answer["expected"]),
            escape(answer["measured"]) or "–",
            _status(answer["status"]),
        ]
        for answer in answers
    ]
    return [
        table(["Claim", "Slide", "What it says", "Expected", "Measured", "Verdict"], rows),
        "### How we know",
        _bullets({f"`{answer['claim']}`": escape(answer["evidence"]) for answer in answers}),
    ]


def index(folder: pathlib.Path, experiments: Sequence[Experiment]) -> str:
    """The page that leads to all others, over whatever results the folder holds."""
    records = {}
    for experiment in experiments:
        try:
            records[experiment.name] = results.load(folder / experiment.name)[1]
        except results.NoResultsError:
            continue
    answers = [(name, answer) for name, record in records.items() for answer in record["verdicts"]]
    parts = [
        DO_NOT_EDIT,
        "# Reports",
        "What the slides claim, what we measured, and whether the two agree. "
        "`python -m experiments run` writes these pages; what comes out the same within its "
        "tolerance elsewhere, or cannot be computed there for lack of data, stands as it is: each "
        "page says under *Made with* where its numbers are from. `python -m experiments verify` "
        "computes everything again and compares. As a site, with a search through all claims and "
        "an explorer of the sweeps: open [index.html](index.html) of a clone in a browser.",
        f"**{escape(tally([answer for _, answer in answers]))}**, in {len(records)} "
        f"{'experiment' if len(records) == 1 else 'experiments'}.",
        *(_line(folder, name, text) for name, text in _OTHER_PAGES.items()),
        *(_section(experiment, records.get(experiment.name)) for experiment in experiments),
        "## All verdicts",
        table(
            ["Claim", "Slide", "What it says", "Measured", "Verdict"],
            [
                [
                    f"[`{answer['claim']}`]({name}/README.md)",
                    _place(answer["claim"]),
                    escape(answer["statement"]),
                    escape(answer["measured"]) or "–",
                    _status(answer["status"]),
                ]
                for name, answer in answers
            ],
        ),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _line(folder: pathlib.Path, name: str, text: str) -> str:
    is_there = (folder / name / "README.md").exists()
    return f"See also: [{escape(text)}]({name}/README.md)." if is_there else ""


def tally(answers: Sequence[Mapping[str, Any]]) -> str:
    """Counts by status: `4 claims: 3 reproduced, 1 erratum`."""
    counts = collections.Counter(answer["status"] for answer in answers)
    named = ", ".join(f"{counts[s]} {s}" for s in verdicts.STATUSES if counts[s])
    claims = f"{len(answers)} {'claim' if len(answers) == 1 else 'claims'}"
    return f"{claims}: {named}" if named else claims


def escape(text: str) -> str:
    """One line of plain text as Markdown that reads the same, in a table cell too."""
    return re.sub(r"([\\`*_\[\]<>|~$&])", r"\\\1", " ".join(str(text).split()))


def _section(experiment: Experiment, record: Mapping[str, Any] | None) -> str:
    name = experiment.name
    title = f"## [{escape(experiment.question)}]({name}/README.md)"
    if record is None:
        return (
            f"## {escape(experiment.question)}\n\nNot run yet: `python -m experiments run {name}`"
        )
    answers = record["verdicts"]
    slides = "; ".join(f"{where}: {what}" for where, what in _headings(answers).items())
    return "\n\n".join(
        [
            title,
            _figure(experiment, f"{name}/"),
            f"{escape(experiment.caption)}",
            f"{escape(tally(answers))}. Slides: {slides}.",
        ]
    )


def _figure(experiment: Experiment, folder: str) -> str:
    return f"[![{escape(experiment.caption)}]({folder}figure.png)]({folder}figure.svg)"


def _place(claim: str) -> str:
    entry = verdicts.claims()[claim]
    return f"{escape(entry.document)}, line {entry.line}"


def _headings(answers: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Document -> the headings of its slides that the claims stand under."""
    found: dict[str, list[str]] = {}
    for answer in answers:
        claim = verdicts.claims()[answer["claim"]]
        headings = found.setdefault(escape(claim.document), [])
        if escape(claim.heading) not in headings:
            headings.append(escape(claim.heading))
    return {document: " / ".join(headings) for document, headings in found.items()}


def _status(status: str) -> str:
    return status if status == "reproduced" else f"**{status}**"


def _expectation(experiment: Experiment) -> str:
    expects = experiment.about.get("expects", "")
    return f"Expected: {escape(expects)}" if expects else ""


def _takes(experiment: Experiment) -> str:
    takes = experiment.about.get("takes", "")
    return f"Takes {escape(takes)}; `--quick` runs a small part of it." if takes else ""


def _data(identity: Mapping[str, Any] | None) -> str:
    if identity is None:
        return "was not at hand"
    return f"{identity['train'] + identity['test']:,} examples, SHA-256 `{identity['sha256'][:16]}`"


def _made_with(record: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{escape(name)} {number}" for name, number in record["versions"].items())
    where = record["platform"]
    return (
        f"{versions}; {escape(where['processor'])} ({where['system']}, {escape(where['machine'])})."
    )


def value(setting: Any) -> str:
    """A setting of an experiment, for reading."""
    if isinstance(setting, list):
        return ", ".join(map(value, setting))
    if isinstance(setting, float):
        return f"{setting:.6g}"
    is_whole = isinstance(setting, int) and not isinstance(setting, bool)
    return f"{setting:,}" if is_whole else str(setting)


def _bullets(items: Mapping[str, str]) -> str:
    return "\n".join(f"- {name}: {text}" for name, text in items.items())


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
