"""What of the committed results stands, and what is written, by a run into `reports`."""

import pytest

from experiments.__main__ import main
from experiments.course import registry
from experiments.record import results
from experiments.record.results import versions

FIGURE = ["figure.png", "figure.svg"]
ALL = ["README.md", *FIGURE, "results.json", "results.nc", "run.json"]
ANOTHER_ROUNDING = ("astype(np.float32)", "astype(np.float32) * np.float32(1 + 2e-7)")
NO_DATA = ("RUNS.append(config)", 'raise __import__("jaxnn").data.DataNotFoundError("no zoo: a")')


@pytest.fixture
def written(rewrite, tmp_path, capsys):
    """Runs the toy once; answers with the names of its files that were written since."""
    rewrite('"last": (("learning_rate", "seed"), loss[:, :, -1])', "")
    main(["run", "toy"])
    capsys.readouterr()
    folder = tmp_path / "reports" / "toy"
    before = {name: (folder / name).stat().st_ino for name in ALL}
    return lambda: [name for name in ALL if (folder / name).stat().st_ino != before[name]]


@pytest.fixture
def elsewhere(written, monkeypatch):
    here = {**results.platform_of_run(), "processor": "another"}
    monkeypatch.setattr(results, "platform_of_run", lambda: here)


def said(capsys):
    """The last line."""
    return capsys.readouterr().out.splitlines()[-1]


@pytest.mark.usefixtures("elsewhere")
def test_what_agrees_on_another_platform_leaves_every_file_alone(written, rewrite, capsys):
    rewrite(*ANOTHER_ROUNDING)
    assert main(["run", "toy"]) == 0
    assert len(registry.load("toy").module.RUNS) == 1
    assert said(capsys) == "as committed"
    assert written() == []


def test_other_bits_on_the_same_platform_are_written(written, rewrite, capsys):
    rewrite(*ANOTHER_ROUNDING)
    assert main(["run", "toy"]) == 0
    assert said(capsys) == "  toy: loss: not the same bits, with the same processor and versions"
    assert written() == ALL


@pytest.mark.usefixtures("elsewhere")
def test_rewrite_writes_what_agrees_too(written, tmp_path, capsys):
    assert main(["run", "toy", "--rewrite"]) == 0
    assert said(capsys) == "as committed"
    assert written() == ALL
    _, record = results.load(tmp_path / "reports" / "toy")
    assert record["platform"]["processor"] == "another"


@pytest.mark.usefixtures("elsewhere")
def test_what_differs_is_written_and_named(written, rewrite, capsys):
    rewrite("np.add.outer(rates, seeds)", "np.add.outer(1.001 * rates, seeds)")
    assert main(["run", "toy"]) == 0
    printed = capsys.readouterr().out
    assert printed.endswith("not as committed:\n  toy: loss\n")
    assert "DIFFERS: loss; again: made on another platform" in printed
    assert written() == ALL


def test_another_rule_changes_the_verdicts_and_leaves_the_numbers(written, rewrite, capsys):
    rewrite("(rise > 0).all()", "(rise < 0).all()")
    assert main(["run", "toy"]) == 0
    assert "toy: lr-too-big: reproduced as committed, contradicted here, page" in said(capsys)
    assert {"results.json", "README.md"} <= set(written())
    assert "run.json" not in written()


def test_another_look_changes_the_figure_alone(written, rewrite, capsys):
    rewrite('ylabel="loss"', 'ylabel="cost"')
    assert main(["run", "toy"]) == 0
    assert said(capsys) == "  toy: figure"
    assert written() == FIGURE


def test_another_matplotlib_leaves_the_figure_and_says_so(written, rewrite, monkeypatch, capsys):
    monkeypatch.setattr(results, "versions", lambda: {**versions(), "matplotlib": "9.0"})
    rewrite('ylabel="loss"', 'ylabel="cost"')
    assert main(["run", "toy"]) == 0
    assert f"the figure is that of matplotlib {versions()['matplotlib']}, here 9.0" in (
        capsys.readouterr().out
    )
    assert written() == []


@pytest.mark.usefixtures("elsewhere")
def test_what_cannot_run_without_its_data_stands(written, rewrite, capsys):
    rewrite(*NO_DATA)
    assert main(["run", "toy"]) == 3
    printed = capsys.readouterr().out
    assert "1 reproduced, 1 erratum; as committed; no zoo" in printed
    assert printed.endswith("as committed, but for what could not be computed here\n")
    assert written() == []
    assert main(["run", "toy", "--changed"]) == 3  # it is tried again


@pytest.mark.parametrize(
    ("epochs", "end"),
    [
        ("epochs[:2]", "as committed, but for what could not be computed here"),
        ("1 + epochs[:2]", "not as committed:\n  toy (in part): loss"),
    ],
)
def test_a_part_that_needs_no_data_is_compared_and_replaces_nothing(
    epochs, end, written, rewrite, monkeypatch, capsys
):
    monkeypatch.setattr(results, "identities", lambda names: dict.fromkeys(names))
    rewrite("config.slope * epochs)", f"config.slope * ({epochs}))")
    rewrite('"epoch": epochs}', '"epoch": epochs[:2]}')
    assert main(["run", "toy", "--rewrite"]) == 3
    printed = capsys.readouterr().out
    assert "not at hand: digits; what rests on them stands as committed" in printed
    assert printed.endswith(f"{end}\n")
    assert written() == []
