import dataclasses

import pytest

from experiments.__main__ import main
from experiments.claims import ledger
from experiments.claims.ledger.register import Answer
from tests.experiments.conftest import TOY_ANSWER

pytestmark = pytest.mark.usefixtures("toy")

LACKING = Answer("sigmoid-at-1", "not judged", reason="no zoo", lacks_data=True)
OTHER = Answer("e-constant", "reproduced", 0.268941)


@pytest.fixture
def answer_with(monkeypatch):
    def answer_with_fn(*answers):
        monkeypatch.setattr(ledger, "make", lambda: list(answers))

    return answer_with_fn


def run(*flags):
    return main(["run", "ledger", "--force", *flags])


def test_answers_that_agree_leave_the_committed_ones(answer_with, tmp_path, capsys):
    run()
    before = (tmp_path / "reports" / "ledger" / "results.json").read_bytes()
    answer_with(dataclasses.replace(TOY_ANSWER, measured=0.731058 * (1 + 1e-12)))
    assert run() == 0
    assert capsys.readouterr().out.endswith("as committed\n")
    assert (tmp_path / "reports" / "ledger" / "results.json").read_bytes() == before
    assert run("--rewrite") == 0
    assert (tmp_path / "reports" / "ledger" / "results.json").read_bytes() != before


def test_what_lacks_its_data_keeps_its_answer_also_beside_others_that_differ(
    answer_with, tmp_path, capsys
):
    answer_with(TOY_ANSWER, OTHER)
    run()
    answer_with(LACKING, dataclasses.replace(OTHER, measured=0.5))
    assert run() == 3
    assert "ledger (in part): e-constant: another number" in capsys.readouterr().out
    answers = ledger.answers_of(ledger.load(tmp_path / "reports" / "ledger")[0])
    assert {answer.claim: answer.measured for answer in answers} == {
        "sigmoid-at-1": 0.731058,
        "e-constant": 0.5,
    }


def test_elsewhere_what_lacks_its_data_is_not_judged(answer_with, tmp_path):
    answer_with(LACKING)
    assert run("--out", str(tmp_path / "elsewhere")) == 3
    (answer,) = ledger.answers_of(ledger.load(tmp_path / "elsewhere" / "ledger")[0])
    assert answer == LACKING
