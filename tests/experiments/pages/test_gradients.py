import pickle
import types

import numpy as np
import pytest

from experiments.__main__ import main
from experiments.commands import gradients_run
from experiments.pages import gradients
from experiments.record import results
from jaxnn import activations, gradcheck
from jaxnn.gradcheck.table import DTYPE_TOLERANCES, FAMILIES

REPORT = gradcheck.GradientReport((), 0)
ERRORS = {np.dtype(dtype).name: 0.0 for dtype in DTYPE_TOLERANCES}
SCALAR = [name for names in gradients.SHEETS.values() for name in names]


@pytest.fixture(scope="module")
def page():
    """The page without the judges, who take a minute."""
    return gradients.page(
        {f: [gradients.Judged(row, REPORT, ERRORS) for row in gradcheck.cases(f)] for f in FAMILIES}
    )


def test_every_gradient_appears_with_its_formula_from_the_docstring(page):
    for row in gradcheck.cases():
        assert f"| `{row.name}` |" in page
    assert "**f'(x) = Phi(x) + x phi(x), with Phi' = phi(x) = e^(-x^2 / 2) / sqrt(2 pi). By" in page
    assert r"h(r) = r^2 / 2 if \|r\| \<= delta" in page  # a formula that is set apart
    assert "dv = A^T dy; dA = dy v^T; dS" in page  # and formulas side by side
    assert "Raises" not in page
    assert page.count("| PASS |") == len(gradcheck.cases())


def test_every_row_shows_a_formula_and_the_gradient_derived_from_it():
    rows = gradcheck.cases()
    assert all(row.shown for row in rows)
    for function in {function for row in rows for function in row.shown}:
        for text in (gradients.summary(function), gradients.derivation(function)):
            assert " = " in text, function
            assert "Args:" not in text


def test_layer_is_explained_by_its_functions(page):
    lines = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `")}
    assert "dx = dy W^T, dW = x^T dy" in lines["dense (square)"]
    assert "`lstm_cell`: c' = f c + i g" in lines["lstm (sequences, square)"]
    assert "**dx = dy + (d f / d x)^T dy" in lines["residual"]


def test_every_row_of_the_tables_has_as_many_cells(page):
    rows = [line.replace(r"\|", "") for line in page.splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {10}


def test_a_wrong_gradient_fails():
    right = next(row for row in gradcheck.cases("activations") if row.name == "sigmoid")
    parts = gradcheck.Parts(right.function, activations.tanh_vjp, right.inputs)
    wrong = gradcheck.Case("wrong", lambda: parts)
    judged = [gradients.judge(row) for row in (right, wrong)]
    assert [row.passed for row in judged] == [True, False]
    page = gradients.page({"activations": judged})
    assert "2 gradients derived by hand: 1 PASS, FAIL: wrong." in page
    assert page.count("**FAIL**") == 1


@pytest.mark.quick
def test_a_gradient_that_loses_digits_in_float32_fails():
    row = gradcheck.cases("activations")[0]
    judged = gradients.Judged(row, REPORT, {**ERRORS, "float32": 2e-5})
    assert not judged.passed


@pytest.mark.quick
@pytest.mark.parametrize(
    ("error", "text"),
    [(0.0, "0"), (2.1e-16, "3e-16"), (9.5e-4, "1e-3"), (0.03, "3e-2"), (np.inf, "inf")],
)
def test_an_error_is_rounded_up_to_one_digit(error, text):
    assert gradients.bound(error) == text


@pytest.mark.quick
def test_every_scalar_activation_is_drawn_once():
    vector = {"softmax", "log_softmax", "maxout"}
    rules = {name for name in vars(activations) if f"{name}_vjp" in vars(activations)}
    assert sorted(SCALAR) == sorted(rules - vector)


# e^x is only known to |x| rounding errors, e^(-x^2 / 2) to x^2 of them
TOLERANCES = {"gelu": 1e-12, "gelu_tanh": 1e-12}


@pytest.mark.parametrize("name", SCALAR)
def test_gradient_is_that_of_exact_arithmetic_far_into_the_tails(name):
    points = np.array([-300.3, -37.4, -21.1, -9.3, -1.7, -0.6, 0.4, 1.3, 9.3, 21.1, 37.4, 300.3])
    error = gradients.relative_error(
        gradients.by_hand(name, points), gradients.exact_slopes(name, points)
    )
    assert np.nanmax(error) < TOLERANCES.get(name, 1e-13)
    assert np.isfinite(error).sum() > len(points) / 2


@pytest.mark.parametrize(("name", "point"), [("tanh", 60.0), ("elu", -60.0), ("selu", -60.0)])
def test_gradient_is_right_where_autodiff_gives_nothing(name, point):
    points = np.array([point])
    exact = gradients.exact_slopes(name, points)
    assert exact > 0
    assert gradients.by_autodiff(name, points) == 0
    assert gradients.relative_error(gradients.by_hand(name, points), exact) < 1e-13


def test_autodiff_of_sigmoid_is_right_in_the_tail_as_it_is_written():
    points = np.array([-60.0, 60.0])
    error = gradients.relative_error(
        gradients.by_autodiff("sigmoid", points), gradients.exact_slopes("sigmoid", points)
    )
    assert (error < 1e-14).all()


def test_figures_show_every_function_of_the_sheet(monkeypatch):
    monkeypatch.setattr(gradients, "POINTS", np.array([-2.0, 2.0]))
    monkeypatch.setattr(
        gradients, "exact_slopes", lambda name: gradients.by_hand(name, gradients.POINTS)
    )
    figure = gradients.draw("other")
    assert [ax.get_title() for ax in figure.axes[:4]] == ["identity", "step", "softplus", ""]


@pytest.mark.quick
def test_the_command_writes_the_report_and_the_index(toy, tmp_path, capsys, monkeypatch):
    assert main(["gradients"]) == 0
    assert "all PASS" in capsys.readouterr().out
    index = (tmp_path / "reports" / "README.md").read_text("utf-8")
    assert "[The gradients, each before its judges](gradients/README.md)" in index
    failed = types.SimpleNamespace(passed=False, row=types.SimpleNamespace(name="relu"))
    monkeypatch.setattr(gradients, "judge_all", lambda result_of: {"activations": [failed]})
    monkeypatch.setattr(gradients, "page", lambda families: "page")
    assert main(["gradients"]) == 1


def test_a_run_of_everything_writes_the_gradients_too(toy, monkeypatch):
    written = []
    monkeypatch.setattr(gradients, "write", lambda folder, rows: written.append(folder.name))
    main(["run", "toy"])
    main(["run", "--quick"])
    assert written == []
    main(["run"])
    assert written == ["gradients"]


def test_the_committed_report_is_of_the_present_gradients(page):
    committed = (results.ROOT / "reports" / "gradients" / "README.md").read_text("utf-8")
    present = {line.split(" | ")[0]: line.split(" | ")[1] for line in _rows(page)}
    assert {line.split(" | ")[0]: line.split(" | ")[1] for line in _rows(committed)} == present
    assert "FAIL" not in committed


def test_a_report_of_another_machine_says_the_same_with_other_errors(page):
    other = page.replace("| 0 |", "| 3e-16 |").replace("| linear |", "| 2.0 |")
    assert other != page
    assert not gradients_run.says_the_same(other, page)
    other = other.replace("## Made with", "## Made with\n\nanother machine")
    assert gradients_run.says_the_same(other, page)
    assert not gradients_run.says_the_same(other.replace("| PASS |", "| **FAIL** |", 1), page)
    assert not gradients_run.says_the_same(other.replace("sigmoid", "logistic", 1), page)


def _rows(page):
    return [line for line in page.splitlines() if line.startswith("| `")]


def test_a_verdict_comes_back_from_another_process_as_it_was():
    family, index = "activations", 2
    report, errors = pickle.loads(pickle.dumps(gradients._verdict(family, index)))
    judged = gradients.judge(gradcheck.cases(family)[index])
    assert errors == judged.errors
    assert repr(report) == repr(judged.report)
