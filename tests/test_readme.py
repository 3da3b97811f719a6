import pathlib
import re
import shlex

import pytest

from experiments.train import axes, command

README = pathlib.Path(__file__).parents[1] / "README.md"
PAGES = [README, README.with_name("CONTRIBUTING.md"), *README.parent.glob("docs/*.md")]


def test_the_example_runs_and_learns():
    (example,) = re.findall(r"^```python\n(.*?)^```", README.read_text("utf-8"), re.M | re.S)
    names: dict = {}
    exec(example.replace("print(", "result = ("), names)  # the page shows it, we keep it
    assert list(names["result"].learning_rate) == [0.01, 0.1, 1.0]
    assert (names["result"] > 0.8).all()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_links_is_there(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_training_command_that_it_shows_can_be_read():
    text = README.read_text("utf-8")
    commands = re.findall(r"^python -m experiments\.train(.*)$", text, re.M)
    assert len(commands) > 2
    for typed in commands:
        flags, _ = command.parse(shlex.split(typed, comments=True), "")
        axes.names_of(flags)
