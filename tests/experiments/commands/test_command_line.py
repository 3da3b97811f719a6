import json
import re
import stat

import pytest

from experiments.__main__ import main
from experiments.commands import command_line
from experiments.course import registry
from experiments.pages import gradients
from experiments.record import results, store
from experiments.record.results import versions

pytestmark = pytest.mark.usefixtures("toy")


def runs():
    return registry.load("toy").module.RUNS


@pytest.mark.quick
def test_list_names_each_experiment_with_its_question_and_time(capsys):
    assert main(["list"]) == 0
    printed = capsys.readouterr().out
    assert "toy" in printed
    assert "Does a ramp rise?" in printed
    assert "no time" in printed


def test_run_writes_results_figures_and_pages(tmp_path, capsys):
    assert main(["run"]) == 0
    written = sorted(
        p.relative_to(tmp_path).as_posix()
        for p in (tmp_path / "reports").rglob("*.*")
        if p.suffix != ".html" and p.parent.name != "assets"
    )
    names = ["README.md", "figure.png", "figure.svg", "results.json", "results.nc", "run.json"]
    sheets = [f"gradients/{name}.{kind}" for name in gradients.SHEETS for kind in ("png", "svg")]
    others = ["gradients/README.md", *sorted(sheets), "ledger/README.md", "ledger/results.json"]
    toy = [f"toy/{name}" for name in names]
    assert written == [f"reports/{name}" for name in ["README.md", *others, *toy]]
    assert "2 claims: 1 reproduced, 1 erratum" in capsys.readouterr().out
    _, record = results.load(tmp_path / "reports" / "toy")
    assert record["config"]["learning_rates"] == [0.1, 1.0]
    assert record["data"]["digits"]["train"] > 1000


def test_a_second_run_computes_nothing_and_writes_the_same_bytes(tmp_path, capsys):
    main(["run", "toy"])
    before = {p: p.read_bytes() for p in (tmp_path / "reports").rglob("*.*")}
    assert main(["run", "toy"]) == 0
    assert len(runs()) == 1
    assert "unchanged since it ran here" in capsys.readouterr().out
    assert {p: p.read_bytes() for p in (tmp_path / "reports").rglob("*.*")} == before


def test_force_computes_again():
    main(["run"])
    main(["run", "--force"])
    assert len(runs()) == 2


def test_a_half_written_result_is_ignored_and_computed_again(tmp_path):
    main(["run"])
    (stored,) = (tmp_path / "store").iterdir()
    whole = (stored / "results.nc").read_bytes()
    (stored / "results.nc").write_bytes(whole[: len(whole) // 2])
    assert main(["run"]) == 0
    assert len(runs()) == 2
    assert (stored / "results.nc").read_bytes() == whole


def test_quick_and_other_settings_leave_the_reports_alone(tmp_path):
    main(["run", "--quick"])
    main(["run", "toy", "--learning-rates", "0.5,2", "--seeds", "1", "--no-shuffle"])
    assert not (tmp_path / "reports").exists()
    assert results.load(tmp_path / "build" / "quick" / "toy")[1]["config"]["epochs"] == 2
    custom = results.load(tmp_path / "build" / "custom" / "toy")[1]["config"]
    assert custom == {
        "learning_rates": [0.5, 2.0],
        "seeds": 1,
        "epochs": 4,
        "shuffle": False,
        "slope": 1.0,
    }


@pytest.mark.quick
def test_help_of_one_experiment_shows_its_settings(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["run", "toy", "--help"])
    printed = capsys.readouterr().out
    assert "--learning-rates" in printed
    assert "0.1,1.0" in printed


@pytest.mark.quick
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "toi"], "no experiment is called 'toi': did you mean toy?"),
        (["verify", "zebra"], "no experiment is called 'zebra': there are toy"),
        (["verify"], "`python -m experiments run toy` makes them"),
    ],
)
def test_what_cannot_be_done_is_said_before_any_work(arguments, message, capsys):
    assert main(arguments) == 2
    assert message in capsys.readouterr().err
    assert not runs()


@pytest.mark.quick
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--seeds", "3"], "settings need the name of exactly one experiment"),
        (["run", "toy", "--seeds", "many"], "invalid int value: 'many'"),
        (["run", "toy", "--learning-rates", "0.1,x"], "invalid float,... value: '0.1,x'"),
    ],
)
def test_a_wrong_setting_is_refused(arguments, message, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert message in capsys.readouterr().err
    assert not runs()


@pytest.mark.quick
def test_a_folder_that_cannot_be_written_is_refused_before_any_work(tmp_path, capsys):
    (tmp_path / "file").write_text("here already")
    assert main(["run", "--out", str(tmp_path / "file")]) == 2
    assert "cannot write to" in capsys.readouterr().err
    assert not runs()


def test_without_its_data_an_experiment_names_its_claims_and_the_rest_go_on(
    rewrite, tmp_path, capsys
):
    rewrite(
        "RUNS.append(config)", 'raise __import__("jaxnn").data.DataNotFoundError("no zoo here")'
    )
    assert main(["run"]) == 3
    out, err = capsys.readouterr()
    assert "toy: no zoo here" in err
    assert "2 claims stay unjudged: r-lr-sweep-no-improvement, lr-too-big" in out
    assert (tmp_path / "reports" / "ledger" / "results.json").exists()


def test_data_that_were_missed_are_named_in_the_summary(rewrite, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "none"))
    rewrite('DATA = ("digits",)', 'DATA = ("cifar10",)')
    assert main(["run"]) == 3
    assert "`python -m experiments data prepare cifar10` gets them" in capsys.readouterr().out


def test_with_changed_what_is_as_it_was_written_is_left_alone(tmp_path, rewrite, capsys):
    main(["run", "toy"])
    figure = tmp_path / "reports" / "toy" / "figure.svg"
    before = figure.stat().st_mtime_ns
    assert main(["run", "toy", "--changed"]) == 0
    assert re.search("^1/1 +toy +0.0 s  unchanged$", capsys.readouterr().out, re.MULTILINE)
    assert figure.stat().st_mtime_ns == before
    rewrite('ylabel="loss"', 'ylabel="cost"')
    main(["run", "toy", "--changed"])
    assert figure.stat().st_mtime_ns != before
    assert not runs()  # drawn anew, from what ran before


def test_with_changed_committed_results_of_this_state_count_as_run(tmp_path, monkeypatch):
    main(["run", "toy"])
    monkeypatch.setattr(store, "FOLDER", tmp_path / "another" / "store")  # as in a fresh clone
    assert main(["run", "toy", "--changed"]) == 0
    assert len(runs()) == 1
    main(["run", "toy", "--changed", "--seeds", "2", "--out", str(tmp_path / "reports")])
    assert len(runs()) == 2


def test_after_a_whole_run_changed_asks_nothing_but_the_files(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    assert main(["run"]) == 0
    monkeypatch.setattr(command_line, "main", None)
    monkeypatch.delenv("XLA_FLAGS", raising=False)  # as a process begins
    assert main(["run", "--changed"]) == 0
    assert "nothing changed since the whole run of" in capsys.readouterr().out


def test_results_of_other_versions_are_made_again_and_it_is_said_why(tmp_path, monkeypatch, capsys):
    elsewhere = ["run", "toy", "--out", str(tmp_path / "elsewhere")]
    main(elsewhere)
    monkeypatch.setattr(results, "versions", lambda: {**versions(), "jax": "0.0.1"})
    assert main(elsewhere) == 0
    assert f"again: made with jax {versions()['jax']}, here 0.0.1" in capsys.readouterr().out
    assert len(runs()) == 2


def test_a_heavy_experiment_is_redrawn_and_says_when_and_where_it_ran(rewrite, capsys):
    rewrite("RUNS = []", "RUNS = []\nHEAVY = True")
    assert main(["run", "toy"]) == 1
    assert "`python -m experiments run toy --full` makes them" in capsys.readouterr().err
    assert main(["run", "toy", "--full"]) == 0
    assert main(["run", "toy"]) == 0
    assert re.search(r"redrawn from \d{4}-\d\d-\d\d, in .* on \d+ cores", capsys.readouterr().out)
    assert len(runs()) == 1
    assert main(["verify", "toy"]) == 0
    assert len(runs()) == 1
    assert main(["verify", "toy", "--full"]) == 0
    assert main(["run", "--quick"]) == 0
    assert "redrawn from" in capsys.readouterr().out
    assert len(runs()) == 2
    assert main(["run", "toy", "--quick"]) == 0
    assert len(runs()) == 3
    assert main(["verify", "toy", "--quick"]) == 0
    assert len(runs()) == 4


def test_written_files_hold_no_path_and_can_be_read_by_others(tmp_path):
    main(["run"])
    for path in (tmp_path / "reports").rglob("*.*"):
        assert str(tmp_path).encode() not in path.read_bytes()
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
    record = json.loads((tmp_path / "reports" / "toy" / "results.json").read_text("utf-8"))
    assert "seconds" not in json.dumps(record)
