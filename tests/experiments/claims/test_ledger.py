"""The ledger as committed, and what makes a verdict."""

import collections
import dataclasses
import pathlib

import pytest

from experiments.__main__ import main
from experiments.claims import ledger, verdicts
from experiments.claims.ledger import record, register
from experiments.claims.ledger.register import Answer, NotJudgedError
from experiments.claims.verdicts import Claim
from experiments.course import registry
from experiments.pages import ledger_pages
from experiments.record import results
from jaxnn import activations

FOLDER = results.ROOT / "reports" / "ledger"
ANSWER = Answer("sigmoid-at-1", "reproduced", 0.731058)
CLAIMS = verdicts.claims().values()
IDS = pathlib.Path(__file__).with_name("claim_ids.txt").read_text("utf-8").split()


def a_claim(**fields):
    about = {"id": "x", "document": "basics", "line": 1, "heading": "h", "statement": "s"}
    return Claim(**about, printed="p", **fields)


@pytest.fixture(scope="module")
def present():
    return ledger.make()


@pytest.mark.quick
def test_all_claims_of_the_slides_are_there_once():
    assert len(IDS) == 364
    assert list(verdicts.claims()) == IDS
    documents = collections.Counter(claim.document for claim in CLAIMS)
    assert documents == {
        "r_tutorial": 66, "basics": 56, "chapter5": 81, "ann_session": 86, "cnn_session": 75
    }  # fmt: skip


@pytest.mark.quick
def test_every_claim_has_an_owner_of_a_known_name():
    names = ("ledger", *registry.NAMES)
    assert {claim.experiment for claim in CLAIMS} <= set(names)


@pytest.mark.quick
def test_every_erratum_has_the_right_value_and_a_reason():
    for claim in CLAIMS:
        assert bool(claim.correct) == bool(claim.why), claim.id
    assert sum(bool(claim.correct) for claim in CLAIMS) == 81


@pytest.mark.quick
def test_what_is_printed_and_right_follow_the_verdict():
    """From claims.toml alone: an erratum's printed number is off, any other one is not."""
    for claim in CLAIMS:
        if claim.printed_value is not None and claim.value is not None:
            near = register.agree(claim.value, claim.printed_value, claim.tolerance)
            assert near != bool(claim.correct), claim.id


@pytest.mark.data
def test_the_committed_answers_are_the_present_ones(present):
    committed = ledger.answers_of(ledger.load(FOLDER)[0])
    differences = [line for differs, line in ledger.changes(present, committed) if differs]
    assert differences == []


@pytest.mark.data
def test_no_claim_is_contradicted_and_none_is_unjudged_but_for_want_of_data_or_of_a_test(present):
    for answer in present:
        claim = verdicts.claims()[answer.claim]
        if answer.status != "not judged":
            expected = "erratum" if claim.correct else "reproduced"
            assert answer.status == expected, claim.id
    open_claims = {answer.claim for answer in present if answer.status == "not judged"}
    lost = {"mnist-shapes", "multilayer-partial-computation"}
    no_matter_of_computing = {"perceptron-history", "ann-applications", "cv-tasks"}
    of_others = {"dropout-citation", "cnn-code-rescaling-path"}
    assert open_claims <= lost | no_matter_of_computing | of_others


def test_the_committed_record_and_page_are_what_the_committed_reports_say():
    committed, _ = ledger.load(FOLDER)
    present = ledger.rows(ledger.answers_of(committed), FOLDER.parent)
    assert present == committed, "`python -m experiments run NAME` keeps the ledger in step"
    assert ledger_pages.page(committed) == (FOLDER / "README.md").read_text("utf-8")


@pytest.mark.quick
def test_the_record_and_the_page_have_every_claim_once():
    assert [row.id for row in ledger.load(FOLDER)[0]] == IDS
    page = (FOLDER / "README.md").read_text("utf-8")
    tables = page.partition("## r\\_tutorial")[2]
    for claim in IDS:
        assert tables.count(f"`{claim}`") == 1, claim


@pytest.mark.quick
def test_a_claim_that_nobody_judged_says_who_is_to():
    for row in ledger.load(FOLDER)[0]:
        assert row.status in verdicts.STATUSES
        assert row.evidence, row.id
        if row.experiment not in ("ledger", *registry.NAMES):
            reason = f"its experiment {row.experiment} has no results"
            assert (row.status, row.evidence) == ("not judged", reason)


def test_who_answers_a_claim_answers_all_that_name_it_and_nobody_disagrees():
    for row in ledger.load(FOLDER)[0]:
        assert row.experiment == verdicts.claims()[row.id].experiment, row.id
        assert not row.evidence.endswith("has no verdict on it"), row.id
        for name in row.also:
            given = results.load(FOLDER.parent / name)[1]["verdicts"]
            (status,) = (v["status"] for v in given if v["claim"] == row.id)
            assert status == row.status, (row.id, name)


@pytest.mark.quick
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


@pytest.mark.quick
def test_an_answer_is_a_plain_number_and_a_reason_where_there_is_none(monkeypatch):
    def refuse():
        raise NotJudgedError("the picture is lost")

    ledger.answered()  # all answers are registered before one of them is replaced
    monkeypatch.setitem(register._FUNCTIONS, "e-constant", refuse)
    assert ledger.answer("e-constant") == Answer(
        "e-constant", "not judged", None, "the picture is lost"
    )
    assert isinstance(ledger.answer("sigmoid-at-1").measured, float)


@pytest.mark.quick
def test_a_wrong_function_of_the_library_is_found_out(monkeypatch):
    right = activations.sigmoid
    assert ledger.answer("sigmoid-at-2").status == "erratum"
    monkeypatch.setattr(activations, "sigmoid", lambda x: right(x) * (1 + 1e-6))
    for claim in ("sigmoid-at-1", "sigmoid-at-2"):  # off by less than half a printed digit
        assert ledger.answer(claim).status == "contradicted"


@pytest.mark.quick
def test_a_claim_is_answered_once_and_exists():
    ledger.answered()
    with pytest.raises(ValueError, match="'sigmoid-at-1' is answered twice"):
        ledger.answers("sigmoid-at-1")(lambda x: x)
    with pytest.raises(ValueError, match=r"'sigmoid-at-11'.*did you mean sigmoid-at-1"):
        ledger.answers("sigmoid-at-11")


@pytest.mark.quick
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
        ({"reason": "another"}, True, "not judged for another reason"),
    ],
)
def test_changes_name_what_is_not_as_committed(now, differs, line):
    after = dataclasses.replace(ANSWER, **now)
    found = list(ledger.changes([after], [ANSWER]))
    assert bool(found) == (line is not None)
    if line is not None:
        assert found[0][0] == differs
        assert line in found[0][1]


def test_verify_fails_where_a_verdict_of_the_ledger_changed(toy, monkeypatch, capsys):
    assert main(["run", "ledger"]) == 0
    assert registry.load("toy").module.RUNS == []
    assert main(["verify", "ledger"]) == 0
    changed = dataclasses.replace(ANSWER, status="contradicted")
    monkeypatch.setattr(ledger, "make", lambda: [changed])
    assert main(["verify", "ledger", "--quick"]) == 1
    printed = capsys.readouterr().out
    assert "DIFFERS: sigmoid-at-1: reproduced as committed, contradicted here" in printed
    assert "differs: ledger" in printed


@pytest.mark.quick
@pytest.mark.usefixtures("toy")
def test_a_ledger_that_was_never_written_is_said_before_any_work(capsys):
    assert main(["verify", "ledger"]) == 2
    assert "`python -m experiments run ledger` makes them" in capsys.readouterr().err


@pytest.mark.quick
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
    assert lines["sigmoid-at-2"].endswith("not judged")


@pytest.mark.quick
def test_an_unknown_claim_is_refused_with_the_nearest_names(capsys):
    assert main(["claims", "sigmoid-at-3"]) == 2
    message = capsys.readouterr().err
    assert "claim 'sigmoid-at-3' is not in claims.toml: did you mean sigmoid-at-" in message


@pytest.mark.quick
def test_numbers_are_shown_to_nine_digits_and_lists_in_brackets():
    shown = register.shown([1 / 3, [2, 0.0], "inf"])
    assert shown == "[0.333333333, [2, 0], inf]"


@pytest.mark.quick
def test_answers_are_plain_records():
    fields = [field.name for field in dataclasses.fields(Answer)]
    assert fields == ["claim", "status", "measured", "reason", "lacks_data"]


@pytest.mark.quick
def test_a_record_that_is_cut_off_or_of_another_form_is_no_record(tmp_path):
    for text in ('{"claims": [', '{"answers": []}', '{"claims": [{"id": "e-constant"}]}'):
        (tmp_path / "results.json").write_text(text, "utf-8")
        with pytest.raises(results.NoResultsError, match="no complete results"):
            ledger.load(tmp_path)


@pytest.mark.quick
def test_of_several_who_judged_it_the_one_that_the_claim_names_is_believed(tmp_path, monkeypatch):
    def loaded(folder):
        status = {"momentum": "contradicted", "learning_rate": "reproduced"}.get(folder.name)
        if status is None:
            raise results.NoResultsError
        verdict = {"claim": "lr-too-big", "status": status, "measured": "", "evidence": "e"}
        return None, {"verdicts": [verdict]}

    monkeypatch.setattr(results, "load", loaded)
    (row,) = (row for row in record.rows([], tmp_path) if row.id == "lr-too-big")
    assert (row.experiment, row.status, row.also) == ("learning_rate", "reproduced", ["momentum"])
    (row,) = (row for row in record.rows([], tmp_path) if row.id == "lr-too-small")
    assert row.evidence == "its experiment learning_rate has no verdict on it"
    (row,) = (row for row in record.rows([], tmp_path) if row.id == "l2-penalty")
    assert row.evidence == "its experiment l2 has no results"


@pytest.mark.quick
def test_what_nobody_answered_is_no_answer_of_the_ledger(tmp_path):
    rows = record.rows([ANSWER], tmp_path)
    assert record.answers_of(rows) == [ANSWER]
    assert record.answers_of(record.rows([], tmp_path)) == []


@pytest.mark.quick
def test_an_experiment_can_show_a_claim_of_the_ledger():
    verdict = ledger.verdict("sigmoid-at-2")
    assert (verdict.status, verdict.measured[:6]) == ("erratum", "0.8807")
    assert "Right: 0.881" in verdict.expected
    assert verdict.evidence == "recomputed by sigmoid of experiments/claims/ledger/activations.py"
