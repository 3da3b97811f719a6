import dataclasses

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from experiments.claims import verdicts
from experiments.claims.verdicts import Verdict, mean_interval, paired_difference, verdict_on

pytestmark = pytest.mark.quick


def test_every_claim_is_written_out_and_in_a_known_document():
    kinds = {"number", "table", "figure", "training", "qualitative"}
    for claim in verdicts.claims().values():
        assert claim.document in verdicts.DOCUMENTS
        assert claim.kind in kinds
        assert claim.line > 0
        for field in ("heading", "statement", "printed"):
            assert getattr(claim, field).strip(), (claim.id, field)
        assert claim.expected or claim.value is not None or claim.printed_value, claim.id


def test_the_recorded_values_follow_from_their_inputs():
    claims = verdicts.claims()
    x = np.array([1.0, 2.0, 3.0])
    for claim, rate in (("lr-too-big", 0.5), ("lr-too-small", 0.0001)):
        w = [0.0]
        for _ in range(10):
            w.append(w[-1] - rate * np.mean((w[-1] * x - x) * x))
        np.testing.assert_allclose(claims[claim].value, w, rtol=1e-12)
    assert claims["gd-linear-threshold"].value == pytest.approx(2 / np.mean(x**2))
    step, rate, steps = claims["poor-conditioning"].value
    assert step == pytest.approx(2 / 51)
    assert rate == pytest.approx(49 / 51)
    assert steps == np.ceil(np.log(1e-3) / np.log(49 / 51))


@pytest.mark.parametrize(
    ("claim", "holds", "status"),
    [
        ("lr-too-big", True, "reproduced"),
        ("lr-too-big", False, "contradicted"),
        ("lr-too-big", None, "not judged"),
        ("r-lr-sweep-no-improvement", False, "erratum"),
        ("r-lr-sweep-no-improvement", True, "reproduced"),
    ],
)
def test_the_status_follows_from_what_held(claim, holds, status):
    verdict = verdict_on(claim, holds, measured="1", evidence="2")
    assert verdict.status == status
    assert verdict.statement == verdicts.claims()[claim].statement


def test_an_erratum_states_the_right_value():
    verdict = verdict_on("r-lr-sweep-no-improvement", False, measured="1", evidence="2")
    assert "62, 60, 62 %: no improvement" in verdict.expected


def test_an_unknown_claim_or_status_is_refused():
    good = verdict_on("lr-too-big", True, measured="1", evidence="2")
    with pytest.raises(ValueError, match=r"'lr-to-big' is not in claims\.toml"):
        dataclasses.replace(good, claim="lr-to-big")
    with pytest.raises(ValueError, match="got 'true'"):
        dataclasses.replace(good, status="true")
    with pytest.raises(ValueError, match="'lr-to-big'"):
        verdict_on("lr-to-big", True, measured="1", evidence="2")


def test_a_verdict_is_a_plain_record():
    fields = [field.name for field in dataclasses.fields(Verdict)]
    assert fields == ["claim", "statement", "status", "measured", "expected", "evidence", "seeds"]


def test_the_interval_is_scipys():
    values = np.random.default_rng(0).normal(2.0, 3.0, 10)
    interval = mean_interval(values)
    reference = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    np.testing.assert_allclose([interval.low, interval.high], reference, rtol=1e-12)
    assert float(interval.mean) == pytest.approx(values.mean())


def test_a_diverged_run_is_counted_and_never_averaged():
    interval = mean_interval([1.0, 2.0, 3.0, np.nan, np.inf])
    assert float(interval.mean) == 2.0
    assert int(interval.runs) == 3
    assert int(interval.diverged) == 2
    assert f"{interval:.1f}" == "2.0 [-0.5, 4.5] (3 runs, 2 diverged)"


def test_the_interval_goes_over_one_dimension_and_keeps_the_others():
    values = xr.DataArray(np.arange(6.0).reshape(2, 3), dims=["seed", "rate"])
    interval = mean_interval(values, "seed")
    np.testing.assert_array_equal(interval.mean, [1.5, 2.5, 3.5])
    assert interval.low.dims == ("rate",)


@pytest.mark.parametrize(("values", "mean"), [([5.0], 5.0), ([np.nan, 5.0], 5.0), ([np.inf], None)])
def test_fewer_than_two_runs_have_no_interval(values, mean):
    interval = mean_interval(values)
    assert np.isnan(interval.low)
    assert np.isnan(interval.high)
    np.testing.assert_array_equal(interval.mean, np.nan if mean is None else mean)


def test_the_paired_interval_is_that_of_scipys_paired_test():
    rng = np.random.default_rng(1)
    a = rng.normal(0.0, 1.0, 12)
    b = a + rng.normal(0.3, 0.1, 12)
    interval = paired_difference(a, b)
    reference = stats.ttest_rel(a, b).confidence_interval(0.95)
    np.testing.assert_allclose([interval.low, interval.high], reference, rtol=1e-12)


def test_a_pair_with_one_diverged_run_counts_as_diverged():
    interval = paired_difference([1.0, np.inf, 3.0, np.nan], [0.0, np.inf, 1.0, 1.0])
    assert float(interval.mean) == 1.5
    assert int(interval.diverged) == 2


def test_runs_of_different_seeds_are_no_pairs():
    a = xr.DataArray([1.0, 2.0], {"seed": [0, 1]})
    with pytest.raises(ValueError, match="seed"):
        paired_difference(a, a.assign_coords(seed=[0, 2]))


def test_too_few_seeds_judge_nothing():
    few, enough = (
        verdicts.verdict_on("lr-too-big", True, measured="9", evidence="as seen", seeds=seeds)
        for seeds in (verdicts.MIN_SEEDS - 1, verdicts.MIN_SEEDS)
    )
    assert (few.status, enough.status) == ("not judged", "reproduced")
    assert few.evidence == "4 seeds are too few, at least 5 are needed; as seen"


def test_one_more_run_falls_into_the_prediction_interval_as_often_as_it_says():
    rng = np.random.default_rng(0)
    runs = rng.normal(3.0, 2.0, (4000, 11))
    values = xr.DataArray(runs[:, :10], dims=["try", "seed"])
    one_more = verdicts.prediction_interval(values, level=0.9)
    inside = (one_more.low.values < runs[:, 10]) & (runs[:, 10] < one_more.high.values)
    assert inside.mean() == pytest.approx(0.9, abs=0.015)


def test_data_that_are_not_at_hand_judge_nothing_and_the_remedy_is_named():
    (verdict,) = verdicts.not_at_hand("mnist", "lr-too-big")
    assert verdict.status == "not judged"
    assert "data prepare mnist" in verdict.evidence
