import pathlib
import re

README = pathlib.Path(__file__).parents[1] / "README.md"


def test_the_example_runs_and_learns():
    (example,) = re.findall(r"^```python\n(.*?)^```", README.read_text("utf-8"), re.M | re.S)
    names: dict = {}
    exec(example.replace("print(", "result = ("), names)  # the page shows it, we keep it
    assert list(names["result"].learning_rate) == [0.01, 0.1, 1.0]
    assert (names["result"] > 0.8).all()


def test_every_file_that_it_links_is_there():
    root = README.parent
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README.read_text("utf-8"))
    assert links
    assert [link for link in links if not (root / link).exists()] == []
