import pytest

from experiments.__main__ import main
from experiments.course import registry
from experiments.record import results

pytestmark = pytest.mark.usefixtures("toy")


def runs():
    return registry.load("toy").module.RUNS


def test_verify_accepts_the_same_numbers(capsys):
    main(["run"])
    assert main(["verify"]) == 0
    assert "identical" in capsys.readouterr().out
    assert len(runs()) == 2  # it does not take them from the store


@pytest.mark.quick
def test_verify_quick_holds_a_part_against_the_whole(capsys):
    main(["run"])
    assert main(["verify", "--quick"]) == 0
    printed = capsys.readouterr().out
    assert "8 " in printed.split("loss")[1]  # 2 rates, 2 of 3 seeds, 2 of 4 epochs
    assert "left out: depends on the whole run" in printed


@pytest.mark.parametrize("arguments", [["verify"], ["verify", "--quick"]])
def test_verify_fails_where_a_number_differs(arguments, rewrite, capsys):
    main(["run"])
    rewrite("np.add.outer(rates, seeds)", "np.add.outer(1.001 * rates, seeds)")
    assert main(arguments) == 1
    assert "DIFFERS" in capsys.readouterr().out


def test_another_rounding_passes_on_another_platform_alone(rewrite, capsys, monkeypatch):
    main(["run"])
    rewrite('"last": (("learning_rate", "seed"), loss[:, :, -1])', "")
    rewrite("astype(np.float32)", "astype(np.float32) * np.float32(1 + 2e-7)")
    assert main(["verify", "--quick"]) == 1
    assert "not the same bits, with the same processor" in capsys.readouterr().out
    monkeypatch.setattr(results, "platform_of_run", lambda: {"processor": "another"})
    assert main(["verify", "--quick"]) == 0
    assert "within tolerance" in capsys.readouterr().out


def test_verify_fails_where_a_verdict_or_a_setting_changed(rewrite, capsys):
    main(["run"])
    rewrite("(rise > 0).all()", "(rise < 0).all()")
    assert main(["verify"]) == 1
    assert "lr-too-big: reproduced as committed, contradicted here" in capsys.readouterr().out
    rewrite("(rise < 0).all()", "(rise > 0).all()")
    rewrite("shuffle: bool = True", "shuffle: bool = False")
    assert main(["verify"]) == 1
    assert "settings are not the committed ones" in capsys.readouterr().out


def test_above_its_steady_range_a_run_is_compared_on_the_same_platform_alone(
    rewrite, capsys, monkeypatch
):
    rewrite("WHOLE_RUN", 'STEADY = {"learning_rate": 0.5}\nWHOLE_RUN')
    main(["run"])
    rewrite("np.add.outer(rates, seeds)", "np.add.outer(rates + (rates > 0.5), seeds)")
    assert main(["verify"]) == 1
    monkeypatch.setattr(results, "platform_of_run", lambda: {"processor": "another"})
    capsys.readouterr()
    assert main(["verify"]) == 0
    printed = capsys.readouterr().out
    assert "learning_rate above 0.5 not compared" in printed
    assert "12 " in printed.split("loss")[1]  # 1 of 2 rates, 3 seeds, 4 epochs
    rewrite("rates + (rates > 0.5)", "rates + 1")
    assert main(["verify"]) == 1  # below it, a difference counts everywhere
