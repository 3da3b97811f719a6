"""Templates filled with facts: every file of the site."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2

from experiments.claims import verdicts
from experiments.pages import report
from experiments.pages.site import facts, markdown, sweeps
from experiments.record import provenance, results
from experiments.record.experiment import Experiment

_HERE = pathlib.Path(__file__).parent
_ASSETS = ("style.css", "ledger.js", "explorer.js")
_MARKDOWN = {  # folders whose pages are written elsewhere: their place in the navigation
    "gradients": "Gradients",
    "benchmarks": "Benchmarks",
    "survival": "Survival",
}


def write(reports: pathlib.Path, experiments: Sequence[Experiment]) -> int:
    """Writes the site over the results in a folder; returns the number of files."""
    made = pages(reports, experiments)
    for name, content in made.items():
        path = reports / name
        path.parent.mkdir(parents=True, exist_ok=True)
        results.write(path, content)
    return len(made)


def pages(reports: pathlib.Path, experiments: Sequence[Experiment]) -> dict[str, str]:
    """Path within the reports -> content."""
    studies = facts.studies(reports, experiments)
    claims = facts.claims(reports, studies)
    explored = sweeps.explorer(studies)
    written = {
        name: path
        for folder in _MARKDOWN
        for path in sorted((reports / folder).glob("*.md"))
        for name in [markdown.html_name(path.relative_to(reports).as_posix())]
    }
    navigation = _navigation(claims, explored, written)
    environment = _environment()
    common = {"navigation": navigation, "claims": claims, "studies": studies}

    def render(template: str, path: str, **context: Any) -> str:
        root = "../" * path.count("/")
        page = environment.get_template(template)
        return page.render(common, path=path, root=root, **context) + "\n"

    made = {"index.html": render("index.html", "index.html", extras=_extras(navigation))}
    for study in studies:
        path = f"{study.name}/index.html"
        mine = [claim for claim in claims if claim.page == study.name]
        made[path] = render("experiment.html", path, study=study, mine=mine)
    if claims:
        choices = {
            "document": [d for d in verdicts.DOCUMENTS if any(c.document == d for c in claims)],
            "status": [s for s in verdicts.STATUSES if any(c.status == s for c in claims)],
            "kind": sorted({claim.kind for claim in claims}),
        }
        made["ledger/index.html"] = render("ledger.html", "ledger/index.html", choices=choices)
        errata = [claim for claim in claims if claim.status == "erratum"]
        made["errata/index.html"] = render("errata.html", "errata/index.html", errata=errata)
    if explored:
        made["explorer/index.html"] = render(
            "explorer.html", "explorer/index.html", explored=explored
        )
    for path, source in written.items():
        title, body = markdown.html(source.read_text("utf-8"))
        made[path] = render("written.html", path, title=title, body=body)
    for asset in _ASSETS:
        made[f"assets/{asset}"] = (_HERE / "assets" / asset).read_text("utf-8")
    return made


def _navigation(claims: Sequence[Any], explored: Any, written: Mapping[str, Any]) -> dict[str, str]:
    """Path -> name, in the order of the bar."""
    links = {"index.html": "Experiments"}
    if claims:
        links |= {"ledger/index.html": "Ledger", "errata/index.html": "Errata"}
    if explored:
        links["explorer/index.html"] = "Explorer"
    links |= {f"{n}/index.html": t for n, t in _MARKDOWN.items() if f"{n}/index.html" in written}
    return links


def _extras(navigation: Mapping[str, str]) -> dict[str, str]:
    """Path -> what the page is, for the index."""
    texts = {
        "ledger/index.html": "Every claim of the slides, searched and filtered",
        "errata/index.html": "Where the slides are wrong, what is right, and why",
        "explorer/index.html": "The stored sweeps, curve by curve",
        "gradients/index.html": "Every gradient derived by hand, before its judges",
        "benchmarks/index.html": "Beside plain JAX, Flax, PyTorch, Keras and scikit-learn",
        "survival/index.html": "A sweep that is killed again and again",
    }
    return {path: text for path, text in texts.items() if path in navigation}


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "ensure_ascii": False}
    environment.globals |= {"STATUSES": verdicts.STATUSES, "count": facts.count}
    environment.filters |= {
        "value": report.value,
        "told": provenance.told,
        "korean": facts.korean,
        "by_document": lambda claims: facts.grouped(claims, "document"),
        "by_heading": lambda claims: facts.grouped(claims, "heading"),
    }
    return environment
