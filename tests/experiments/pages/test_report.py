import re

import pytest

from experiments.__main__ import main
from experiments.course import registry
from experiments.pages import report


@pytest.fixture
def reports(toy, tmp_path):
    assert main(["run"]) == 0
    return tmp_path / "reports"


def cells(page):
    rows = [line for line in page.splitlines() if line.startswith("|")]
    return [len(re.findall(r"(?<!\\)\|", row)) - 1 for row in rows]


def test_the_page_shows_question_figure_verdicts_settings_and_command(reports):
    page = (reports / "toy" / "README.md").read_text("utf-8")
    assert "# Does a ramp rise?" in page
    assert "[![Loss by epoch, one band per learning rate.](figure.png)](figure.svg)" in page
    assert "| `learning_rates` | 0.1, 1 |" in page
    assert "python -m experiments run toy" in page
    assert "Expected: it rises \\| always, at 50 %" in page
    assert "학습률 Learning Rate" in page
    assert re.search(r"digits: [\d,]+ examples, SHA-256", page)
    assert re.search(r"jax \d", page)


def test_a_page_without_claims_says_why_and_names_its_slides(rewrite, tmp_path):
    empty = 'def judge(results):\n    """The slides print <nothing>."""\n    return []\n\n\n'
    rewrite("def judge(results", empty + "def _unused(results")
    rewrite("Slides:   none", "Slides:   r_tutorial 3.5 <RNN>")
    assert main(["run"]) == 0
    folder = tmp_path / "reports" / "toy"
    page = (folder / "README.md").read_text("utf-8")
    site = (folder / "index.html").read_text("utf-8")
    assert "## Verdicts\n\nThe slides print \\<nothing\\>.\n\n## Set-up" in page
    assert "<p>The slides print &lt;nothing&gt;.</p>" in site
    assert "How we know" not in page + site
    assert '<p class="slide">r_tutorial 3.5 &lt;RNN&gt;</p>' in site
    assert "## Slides\n\nr\\_tutorial 3.5 \\<RNN\\>\n" in page


def test_special_characters_break_no_table(reports):
    page = (reports / "toy" / "README.md").read_text("utf-8")
    assert "3.00 \\| up" in page
    assert "every run, \\*all\\* seeds" in page
    assert "see\\_loss" in page
    assert set(cells(page)) == {6, 2}
    assert set(cells((reports / "README.md").read_text("utf-8"))) == {5}


def test_the_index_links_each_page_and_counts_the_verdicts(reports):
    index = (reports / "README.md").read_text("utf-8")
    assert "**2 claims: 1 reproduced, 1 erratum**, in 1 experiment." in index
    assert "## [Does a ramp rise?](toy/README.md)" in index
    assert (
        "[![Loss by epoch, one band per learning rate.](toy/figure.png)](toy/figure.svg)" in index
    )
    assert "| [`lr-too-big`](toy/README.md) | chapter5, line 237 |" in index
    assert "| **erratum** |" in index


def test_every_link_leads_somewhere(reports):
    for page in reports.rglob("*.md"):
        for target in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), (page, target)


@pytest.mark.quick
def test_an_experiment_that_has_not_run_is_named_with_its_command(toy, tmp_path):
    index = report.index(tmp_path, registry.select())
    assert "Not run yet: `python -m experiments run toy`" in index
    assert "0 claims" in index


@pytest.mark.quick
@pytest.mark.parametrize("special", list("\\`*_[]<>|~$&"))
def test_each_special_character_is_escaped_once(special):
    assert report.escape(f"a{special}b") == f"a\\{special}b"


@pytest.mark.quick
def test_text_becomes_one_line():
    assert report.escape("a\n  b\tc") == "a b c"
