"""What can be told of the pages without a browser."""

import html.parser
import json
import re
import urllib.parse

import pytest

from experiments.__main__ import main
from experiments.course import registry
from experiments.pages import site
from experiments.record import results

VOID = {"meta", "link", "img", "input", "br", "hr"}


class Page(html.parser.HTMLParser):
    """Ids, links, images, labels and headings of a page; its tags must be closed in turn."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.images, self.sources = [], [], [], []
        self.labelled, self.controls, self.headings, self.open = set(), [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag not in VOID:
            self.open.append(tag)
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag == "img":
            self.images.append(given)
        if tag in ("img", "script") and "src" in given:
            self.sources.append(given["src"])
        if tag == "link":
            self.sources.append(given["href"])
        if tag == "label":
            self.labelled.add(given["for"])
        if tag in ("input", "select"):
            self.controls.append(given["id"])
        if tag in ("h1", "h2", "h3"):
            self.headings.append(int(tag[1]))

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="session")
def pages(built):
    return {path: Page(path.read_text("utf-8")) for path in sorted(built.rglob("*.html"))}


def test_each_link_and_source_resolves(pages):
    for path, page in pages.items():
        for target in [*page.links, *page.sources]:
            parts = urllib.parse.urlsplit(target)
            if parts.scheme in ("data", "https"):
                continue
            there = (path.parent / parts.path).resolve() if parts.path else path
            assert there.exists(), (path, target)
            if parts.fragment and there in pages:
                known = {*pages[there].ids, *registry.NAMES}  # the explorer reads a name
                assert parts.fragment in known, (path, target)


@pytest.mark.quick
def test_nothing_is_fetched_from_elsewhere(pages):
    for path, page in pages.items():
        for source in page.sources:
            assert not re.match(r"https?:|//", source), (path, source)


@pytest.mark.quick
def test_ids_are_unique_and_headings_skip_no_level(pages):
    for path, page in pages.items():
        assert len(page.ids) == len(set(page.ids)), path
        assert page.headings[0] == 1, path
        assert page.headings.count(1) == 1, path
        pairs = zip(page.headings, page.headings[1:], strict=False)
        assert all(after <= before + 1 for before, after in pairs), path


@pytest.mark.quick
def test_each_image_has_a_text_and_each_control_a_label(pages):
    for path, page in pages.items():
        assert all(image.get("alt", "").strip() for image in page.images), path
        assert set(page.controls) <= page.labelled, path


@pytest.mark.quick
def test_every_experiment_has_its_page_with_slide_command_and_verdicts(built):
    for experiment in registry.select():
        page = (built / experiment.name / "index.html").read_text("utf-8")
        assert f"python -m experiments run {experiment.name}" in page
        record = json.loads((built / experiment.name / "results.json").read_text("utf-8"))
        for verdict in record["verdicts"]:
            assert verdict["claim"] in page


@pytest.mark.quick
def test_every_claim_is_in_the_ledger_two_clicks_from_the_index(built, pages):
    claims = json.loads((built / "ledger" / "results.json").read_text("utf-8"))["claims"]
    index, ledger = pages[built / "index.html"], pages[built / "ledger" / "index.html"]
    for claim in claims:
        assert f"ledger/index.html#{claim['id']}" in index.links
        assert claim["id"] in ledger.ids
    wrong = [claim["id"] for claim in claims if claim["status"] == "erratum"]
    assert set(wrong) <= set(pages[built / "errata" / "index.html"].ids)


def test_the_same_results_give_the_same_bytes(built):
    written = {path: path.read_bytes() for path in built.rglob("*.*") if path.is_file()}
    site.write(built, registry.select())
    assert {path: path.read_bytes() for path in built.rglob("*.*") if path.is_file()} == written


def test_the_committed_site_is_the_present_one(built):
    """`python -m experiments site` writes it."""
    reports = results.ROOT / "reports"
    for name in site.pages(built, registry.select()):
        assert (reports / name).exists(), name
        assert (reports / name).read_bytes() == (built / name).read_bytes(), name


@pytest.mark.usefixtures("toy")
def test_what_a_result_says_is_shown_and_not_obeyed(rewrite, tmp_path):
    rewrite('"see_loss"', '"<script>alert(1)</script> & <b>"')
    main(["run"])
    page = (tmp_path / "reports" / "toy" / "index.html").read_text("utf-8")
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &lt;b&gt;" in page
    assert "<script>alert" not in page


@pytest.mark.quick
@pytest.mark.usefixtures("toy")
def test_an_experiment_without_results_is_named_with_its_command(tmp_path):
    made = site.pages(tmp_path, registry.select())
    assert "Not run yet: <code>python -m experiments run toy</code>" in made["index.html"]
    assert "Not run yet" in made["toy/index.html"]
    assert "explorer/index.html" not in made
    assert "ledger/index.html" not in made
