"""Does a regulariser lower the error on images that were not seen?"""

import numpy as np
import xarray as xr

from experiments.claims.verdicts import Interval, Verdict, paired_difference, verdict_on
from experiments.course.generalization import strengths
from experiments.course.generalization.regularization import checks
from experiments.course.generalization.regularization.runs import NONE

LEARNED = 0.9  # the training accuracy at which a rate counts as usable
EARLY = 5  # epochs, after which the speed is compared

_HOW = (
    "a residual network on 100 digits, 900 to test on; each seed at the strength that was best for "
    "the other seeds on 300 validation images, against no method from the same initial weights on "
    "the same images; 95 % intervals"
)


def judge(results: xr.Dataset) -> list[Verdict]:
    at_chosen = with_gaps(strengths.chosen(results))
    strongest = with_gaps(results.isel(epoch=-1, level=-1))
    return [
        _judge_normalisation(results),
        _judge_the_gap("topic-dropout-r", at_chosen, strongest),
        _judge_fewer_units(at_chosen),
        _judge_drop_connect(at_chosen, strongest),
        _judge_batch_norm(results, at_chosen),
        _judge_by_accuracy(
            "regulariser-fractional-max-pooling",
            "fractional pooling",
            at_chosen,
            checks.fractional_pooling_shrinks_by_any_ratio(),
            "the output has floor(n / ratio) rows and the regions are drawn anew",
        ),
        _judge_by_accuracy(
            "regulariser-stochastic-depth",
            "stochastic depth",
            at_chosen,
            checks.stochastic_depth_skips(),
            "blocks are skipped as often as they should be, and scaled in evaluation",
        ),
        _judge_confidence(at_chosen),
        _judge_the_gap("dropout-experiment", at_chosen, strongest),
    ]


def with_gaps(at_chosen: xr.Dataset) -> xr.Dataset:
    """Also the gap of the losses, and how much surer than right the network is on test images."""
    return at_chosen.assign(
        gap=at_chosen.test_loss - at_chosen.seen_loss,
        over_confidence=at_chosen.test_confidence - at_chosen.test_accuracy,
    )


def points(at_chosen: xr.Dataset, method: str) -> Interval:
    """What a method adds to the test accuracy, in points."""
    return strengths.gain(100 * at_chosen.test_accuracy, method)


def _judge_the_gap(claim: str, at_chosen: xr.Dataset, strongest: xr.Dataset) -> Verdict:
    if lacking := _lacking(at_chosen, "dropout"):
        return lacking(claim)
    narrower = strengths.gain(at_chosen.gap, "dropout")
    gain = points(at_chosen, "dropout")
    keeps = checks.dropout_keeps_the_mean()
    return verdict_on(
        claim,
        keeps and bool(narrower.high < 0),
        measured=f"dropout changes the gap of test and training loss by {narrower:.3f} nats, the "
        f"test accuracy by {gain:+.2f} points (rate {strengths.told(at_chosen, 'dropout')}); "
        f"{_at_the_strongest(at_chosen, strongest, 'dropout')}; the "
        f"mean over masks {'is' if keeps else 'is not'} the input, and evaluation "
        f"{'leaves' if keeps else 'does not leave'} it alone",
        evidence=f"{_HOW}; that of the gap must be below 0, the training loss taken with no unit "
        "dropped; layers.dropout over 4,000 masks",
        seeds=int(narrower.runs),
    )


def _at_the_strongest(at_chosen: xr.Dataset, strongest: xr.Dataset, method: str) -> str:
    """The same of the largest rate, in words; it is told, and judges nothing."""
    of_method, without = strongest.sel(kind=method), at_chosen.sel(kind=NONE)
    narrower = paired_difference(of_method.gap, without.gap)
    gain = paired_difference(100 * of_method.test_accuracy, 100 * without.test_accuracy)
    rate = float(of_method.strength)
    return f"at rate {rate:g} the gap by {narrower:.3f} nats, the accuracy by {gain:+.2f} points"


def _judge_drop_connect(at_chosen: xr.Dataset, strongest: xr.Dataset) -> Verdict:
    claim = "regulariser-dropconnect"
    if lacking := _lacking(at_chosen, "DropConnect", "dropout"):
        return lacking(claim)
    narrower = strengths.gain(at_chosen.gap, "DropConnect")
    by_dropout = strengths.gain(at_chosen.gap, "dropout")
    gain = points(at_chosen, "DropConnect")
    ratio = float(narrower.mean / by_dropout.mean)
    thins = checks.drop_connect_drops_single_weights()
    return verdict_on(
        claim,
        thins and bool(narrower.high < 0) and 0.5 <= ratio <= 2,
        measured=f"DropConnect changes the gap of test and training loss by {narrower:.3f} nats, "
        f"{ratio:.2f} times what dropout does, and the test accuracy by {gain:+.2f} points (rate "
        f"{strengths.told(at_chosen, 'DropConnect')}); "
        f"{_at_the_strongest(at_chosen, strongest, 'DropConnect')}; single weights "
        f"{'are' if thins else 'are not'} what it drops",
        evidence=f"{_HOW}; that of the gap must be below 0, and its mean between a half and twice "
        "that of dropout; layers.drop_connect by one-hot inputs",
        seeds=int(narrower.runs),
    )


def _judge_fewer_units(at_chosen: xr.Dataset) -> Verdict:
    claim, method = "regulariser-model-simplification", "fewer units"
    if lacking := _lacking(at_chosen, method):
        return lacking(claim)
    harder = strengths.gain(at_chosen.seen_loss, method)
    gain = points(at_chosen, method)
    return verdict_on(
        claim,
        bool(harder.low > 0) and bool(gain.low > 0),
        measured=f"with fewer units the training loss changes by {harder:.5f} nats, the test "
        f"accuracy by {gain:+.2f} points (widths divided by {strengths.told(at_chosen, method)})",
        evidence=f"{_HOW}; both must be above 0",
        seeds=int(gain.runs),
    )


def _judge_by_accuracy(
    claim: str, method: str, at_chosen: xr.Dataset, does: bool, what: str
) -> Verdict:
    """The method does what it says, and raises the test accuracy."""
    if lacking := _lacking(at_chosen, method):
        return lacking(claim)
    gain, narrower = points(at_chosen, method), strengths.gain(at_chosen.gap, method)
    seen = float(at_chosen.seen_accuracy.sel(kind=method).mean("seed"))
    return verdict_on(
        claim,
        does and bool(gain.low > 0),
        measured=f"{method} changes the test accuracy by {gain:+.2f} points, the gap of test and "
        f"training loss by {narrower:.3f} nats; {100 * seen:.1f} % of the training images are told "
        f"right in the end; that {what}: {'yes' if does else 'no'}",
        evidence=f"{_HOW}; that of the accuracy must be above 0; the layer itself asked",
        seeds=int(gain.runs),
    )


def _judge_confidence(at_chosen: xr.Dataset) -> Verdict:
    claim, methods = "regulariser-cutout-mixup", ("Cutout", "Mixup")
    if lacking := _lacking(at_chosen, *methods):
        return lacking(claim)
    less = [strengths.gain(100 * at_chosen.over_confidence, method) for method in methods]
    gains = [points(at_chosen, method) for method in methods]
    does = checks.cutout_blanks_a_square() and checks.mixup_mixes_labels_as_images()
    told = [
        f"{method} changes the over-confidence by {lower:+.2f} points, the test accuracy by "
        f"{gain:+.2f}"
        for method, lower, gain in zip(methods, less, gains, strict=True)
    ]
    return verdict_on(
        claim,
        does and all(bool(lower.high < 0) for lower in less),
        measured=f"{'; '.join(told)}; a square is blanked, and labels are mixed as images are: "
        f"{'yes' if does else 'no'}",
        evidence=f"{_HOW}; over-confidence is the mean probability of the class that is named "
        "minus the accuracy, on test images; its change must be below 0 for both",
        seeds=min(int(lower.runs) for lower in less),
    )


def _judge_batch_norm(results: xr.Dataset, at_chosen: xr.Dataset) -> Verdict:
    claim, method = "regulariser-batch-normalisation", "batch norm"
    if lacking := _lacking(at_chosen, method):
        return lacking(claim)
    gain, narrower = points(at_chosen, method), strengths.gain(at_chosen.gap, method)
    without, with_norm = (largest_usable(results, name) for name in (NONE, method))
    return verdict_on(
        claim,
        checks.batch_norm_normalises() and bool(gain.low > 0) and with_norm > without,
        measured=f"batch norm changes the test accuracy by {gain:+.2f} points, the gap of test and "
        f"training loss by {narrower:.3f} nats; the largest usable rate is {with_norm:g} with it, "
        f"{without:g} without",
        evidence=f"{_HOW}; that of the accuracy must be above 0; a rate is usable at which every "
        f"seed ends above {LEARNED:g} in training accuracy",
        seeds=int(gain.runs),
    )


def _judge_normalisation(results: xr.Dataset) -> Verdict:
    claim = "topic-batch-norm-r"
    if list(results.norm.values) != [NONE, "batch norm"]:
        return verdict_on(claim, None, measured="", evidence="batch norm was not run")
    if results.sizes["seed"] < 2:
        return verdict_on(claim, None, measured="", evidence="one seed cannot be halved")
    half = results.sizes["seed"] // 2
    chosen_on, judged_on = results.isel(seed=slice(half)), results.isel(seed=slice(half, None))
    best = best_rates(chosen_on)
    early = {
        name: judged_on.rate_loss.sel(norm=name, learning_rate=rate, rate_epoch=EARLY, drop=True)
        for name, rate in best.items()
    }
    faster = paired_difference(early[NONE], early["batch norm"])
    without, with_norm = (largest_usable(results, name) for name in (NONE, "batch norm"))
    does = checks.batch_norm_normalises()
    return verdict_on(
        claim,
        does and bool(faster.low > 0) and with_norm > without,
        measured=f"after {EARLY} epochs, each at its best rate ({best['batch norm']:g} with, "
        f"{best[NONE]:g} without), the training loss is {faster:.3f} nats lower with batch norm; "
        f"the largest usable rate is {with_norm:g} with it, {without:g} without; mean 0, variance "
        f"1 in training and running statistics in evaluation: {'yes' if does else 'no'}",
        evidence="a residual network on 100 digits; the rates are chosen on one half of the seeds, "
        "the difference is measured on the other, paired by seed: its 95 % interval must be above "
        f"0; a rate is usable at which every seed ends above {LEARNED:g} in training accuracy; "
        "layers.batch_norm itself asked",
        seeds=int(faster.runs),
    )


def best_rates(results: xr.Dataset) -> dict[str, float]:
    """Without and with batch norm, the rate of the lowest mean training loss early on."""
    early = results.rate_loss.sel(rate_epoch=EARLY).mean("seed", skipna=False)
    best = early.fillna(np.inf).argmin("learning_rate")
    return {
        str(name): float(results.learning_rate[int(best.sel(norm=name))])
        for name in results.norm.values
    }


def largest_usable(results: xr.Dataset, norm: str) -> float:
    """The largest rate at which every seed learns its training images; 0 where none is."""
    final = results.rate_accuracy.sel(norm=norm).isel(rate_epoch=-1)
    usable = (final.fillna(0) > LEARNED).all("seed")
    return float(results.learning_rate.where(usable, 0.0).max())


def _lacking(at_chosen: xr.Dataset, *methods: str):
    """What says that a claim is not judged, where a method was not run; None where all were."""
    absent = [method for method in methods if method not in at_chosen.kind]
    if not absent:
        return None
    return lambda claim: verdict_on(
        claim, None, measured="", evidence=f"{' and '.join(absent)} was not run"
    )
