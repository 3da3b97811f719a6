"""The ledger as committed, and what makes a verdict."""

import dataclasses

import pytest

from experiments import ledger, registry, results, verdicts
from experiments.__main__ import main
from experiments.ledger import pages, record, register
from experiments.ledger.register import Answer, NotJudgedError
from experiments.verdicts import Claim
from jaxnn import activations

FOLDER = results.ROOT / "reports" / "ledger"
ANSWER = Answer("sigmoid-at-1", "reproduced", 0.731058)
NUMBERS = [claim for claim in verdicts.claims().values() if claim.kind in ("number", "table")]


def a_claim(**fields):
    about = {"id": "x", "document": "basics", "line": 1, "heading": "h", "statement": "s"}
    return Claim(**about, printed="p", **fields)


@pytest.fixture(scope="module")
def present():
    return ledger.make()


def test_all_numbers_and_tables_of_the_slides_are_there():
    assert len(NUMBERS) == 192
    assert len({claim.id for claim in NUMBERS}) == 192


def test_every_erratum_has_the_right_value_and_a_reason():
    for claim in NUMBERS:
        assert bool(claim.correct) == bool(claim.why), claim.id
    assert sum(bool(claim.correct) for claim in NUMBERS) == 32


def test_what_is_printed_and_right_follow_the_verdict():
    """From claims.toml alone: an erratum's printed number is off, any other one is not."""
    for claim in NUMBERS:
        if claim.printed_value is not None and claim.value is not None:
            near = register.agree(claim.value, claim.printed_value, claim.tolerance)
            assert near != bool(claim.correct), claim.id


def test_the_committed_answers_are_the_present_ones(present):
    differences = [
        line for differs, line in ledger.changes(present, ledger.read(FOLDER)) if differs
    ]
    assert differences == []


def test_no_claim_is_contradicted_and_only_missing_data_go_unjudged(present):
    for answer in present["answers"]:
        claim = verdicts.claims()[answer["claim"]]
        if answer["status"] != "not judged":
            expected = "erratum" if claim.correct else "reproduced"
            assert answer["status"] == expected, claim.id
    open_claims = {a["claim"] for a in present["answers"] if a["status"] == "not judged"}
    assert open_claims <= {"r-train-costs", "mnist-shapes"}


def test_the_committed_page_is_the_present_one():
    rows = ledger.rows(ledger.read(FOLDER)["answers"], FOLDER.parent)
    assert ledger.page(rows) == (FOLDER / "README.md").read_text("utf-8")


def test_the_page_has_every_number_and_table_once():
    page = (FOLDER / "README.md").read_text("utf-8")
    tables = page.partition("## r\\_tutorial")[2]
    for claim in NUMBERS:
        assert tables.count(f"`{claim.id}`") == 1, claim.id


@pytest.mark.parametrize(
    ("fields", "measured", "status"),
    [
        ({"printed_value": 0.731, "tolerance": 5e-4, "value": 0.7310586}, 0.7310586, "reproduced"),
        ({"printed_value": 0.731, "tolerance": 5e-4, "value": 0.7310586}, 0.7312, "contradicted"),
        (
            {"printed_value": 0.731, "tolerance": 5e-5, "value": 0.7310586},
            0.7310586,
            "contradicted",
        ),
        ({"printed_value": 0.4, "value": 0.5, "correct": "0.5"}, 0.5, "erratum"),
        ({"printed_value": 0.5, "value": 0.5, "correct": "0.5"}, 0.5, "reproduced"),
        ({"printed_value": 0.4, "value": 0.5, "correct": "0.5"}, 0.4, "contradicted"),
        ({"value": [1.0, 2.0]}, [1.0, 2.0], "reproduced"),
        ({"value": [1.0, 2.0]}, [1.0, 2.1], "contradicted"),
        ({"value": [1.0, 2.0]}, [1.0], "contradicted"),
        ({"value": [1.0, 2.0], "correct": "[1, 2]"}, [1.0, 2.0], "erratum"),
        ({"value": 0.5, "tolerance": 0.01}, 0.505, "reproduced"),
        ({"value": float("inf")}, "inf", "reproduced"),
        ({"value": "Friday"}, "Friday", "reproduced"),
        ({"value": "Friday"}, "Sunday", "contradicted"),
        ({"value": 1.0}, float("nan"), "contradicted"),
    ],
)
def test_the_verdict_follows_from_right_and_printed_value(fields, measured, status):
    assert register.status(a_claim(**fields), measured) == status


def test_an_answer_is_a_plain_number_and_a_reason_where_there_is_none(monkeypatch):
    def refuse():
        raise NotJudgedError("the picture is lost")

    monkeypatch.setitem(register._FUNCTIONS, "e-constant", refuse)
    assert ledger.answer("e-constant") == Answer(
        "e-constant", "not judged", None, "the picture is lost"
    )
    assert isinstance(ledger.answer("sigmoid-at-1").measured, float)


def test_a_wrong_function_of_the_library_is_found_out(monkeypatch):
    right = activations.sigmoid
    assert ledger.answer("sigmoid-at-2").status == "erratum"
    monkeypatch.setattr(activations, "sigmoid", lambda x: right(x) * (1 + 1e-6))
    for claim in ("sigmoid-at-1", "sigmoid-at-2"):  # off by less than half a printed digit
        assert ledger.answer(claim).status == "contradicted"


def test_a_claim_is_answered_once_and_exists():
    ledger.answered()
    with pytest.raises(ValueError, match="'sigmoid-at-1' is answered twice"):
        ledger.answers("sigmoid-at-1")(lambda x: x)
    with pytest.raises(ValueError, match=r"'sigmoid-at-11'.*did you mean sigmoid-at-1"):
        ledger.answers("sigmoid-at-11")


@pytest.mark.parametrize(
    ("now", "differs", "line"),
    [
        ({}, None, None),
        ({"measured": 0.731058 * (1 + 1e-12)}, None, None),
        ({"measured": 0.7311}, True, "sigmoid-at-1: another number than committed"),
        ({"status": "contradicted"}, True, "sigmoid-at-1: reproduced as committed, contradicted"),
        ({"claim": "sigmoid-at-2"}, True, "sigmoid-at-1: answered as committed only"),
        (
            {"status": "not judged", "measured": None, "lacks_data": True, "reason": "no zoo"},
            False,
            "sigmoid-at-1: not judged here: no zoo",
        ),
        ({"status": "not judged", "measured": None}, True, "not judged here"),
    ],
)
def test_changes_name_what_is_not_as_committed(now, differs, line):
    after = dataclasses.replace(ANSWER, **now)
    found = list(ledger.changes(record.of([after]), record.of([ANSWER])))
    assert bool(found) == (line is not None)
    if line is not None:
        assert found[0][0] == differs
        assert line in found[0][1]


def test_verify_fails_where_a_verdict_of_the_ledger_changed(toy, monkeypatch, capsys):
    assert main(["run", "ledger"]) == 0
    assert registry.load("toy").module.RUNS == []
    assert main(["verify", "ledger"]) == 0
    changed = dataclasses.replace(ANSWER, status="contradicted")
    monkeypatch.setattr(ledger, "make", lambda: record.of([changed]))
    assert main(["verify", "ledger", "--quick"]) == 1
    printed = capsys.readouterr().out
    assert "DIFFERS: sigmoid-at-1: reproduced as committed, contradicted here" in printed
    assert "differs: ledger" in printed


@pytest.mark.usefixtures("toy")
def test_a_ledger_that_was_never_written_is_said_before_any_work(capsys):
    assert main(["verify", "ledger"]) == 2
    assert "`python -m experiments run ledger` makes them" in capsys.readouterr().err


@pytest.mark.usefixtures("toy")
def test_claims_shows_everything_about_one(capsys):
    assert main(["claims", "slope-3667-decimal", "purenet-initial-weights"]) == 0
    printed = capsys.readouterr().out
    for part in ("ann_session, line 119", "3.667", "erratum", "0.3667", "decimal point slipped"):
        assert part in printed
    assert "0.13436424411240122" in printed  # to the last digit, as Python's random has it


@pytest.mark.usefixtures("toy")
def test_claims_shows_a_line_for_each(monkeypatch, capsys):
    monkeypatch.setattr(ledger, "answered", lambda: ("sigmoid-at-1",))
    assert main(["run", "toy"]) == 0
    assert main(["claims"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    assert set(verdicts.claims()) <= set(lines)
    assert lines["sigmoid-at-1"].endswith("reproduced")
    assert lines["lr-too-big"].endswith("reproduced")  # of the toy experiment
    assert lines["sigmoid-at-2"].endswith("not run")


def test_an_unknown_claim_is_refused_with_the_nearest_names(capsys):
    assert main(["claims", "sigmoid-at-3"]) == 2
    message = capsys.readouterr().err
    assert "claim 'sigmoid-at-3' is not in claims.toml: did you mean sigmoid-at-" in message


def test_numbers_are_shown_to_nine_digits_and_lists_in_brackets():
    shown = pages.shown([1 / 3, [2, 0.0], "inf"])
    assert shown == "[0.333333333, [2, 0], inf]"


def test_answers_are_plain_records():
    fields = [field.name for field in dataclasses.fields(Answer)]
    assert fields == ["claim", "status", "measured", "reason", "lacks_data"]
