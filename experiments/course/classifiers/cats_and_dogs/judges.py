"""What the classifier's slides claim, judged over draws of the training images."""

import numpy as np
import xarray as xr

from experiments.claims.verdicts import (
    Verdict,
    claims,
    mean_interval,
    not_at_hand,
    paired_difference,
    prediction_interval,
    verdict_on,
)
from experiments.course.classifiers.cats_and_dogs.runs import PRINTED_AT, SMALL_TEST

CLAIMS = (
    "dogs-vs-cats-labels",
    "dogs-vs-cats-gallery",
    "r-raw-array",
    "backprop-six-steps",
    "r-train-accuracy",
    "r-cost-curve",
    "r-train-costs",
    "r-lr-sweep",
    "r-lr-curves",
)
SLIDE_RATES = (0.01, 0.005, 0.002)  # from the lowest curve to the highest
FEW_POINTS = 3.0  # within which the accuracies at the slide's rates must stay
TOLERANCE = 0.1  # on the cost, at which training may stop


def judge(results: xr.Dataset) -> list[Verdict]:
    if not results:
        return not_at_hand("cats_vs_dogs", *CLAIMS)
    return [
        _judge_the_labels(results),
        _judge_the_gallery(results),
        _judge_the_array(results),
        _judge_the_steps(results),
        _judge_the_accuracy(results),
        _judge_the_curve(results),
        _judge_the_costs(results),
        _judge_the_sweep(results),
        _judge_the_curves(results),
    ]


def _judge_the_labels(results) -> Verdict:
    counts = {
        f"{split} {animal}": int(results.images.sel(split=split, animal=animal))
        for split in ("train", "test")
        for animal in ("cat", "dog")
    }
    names = results.animal.values.tolist()
    return verdict_on(
        "dogs-vs-cats-labels",
        names == ["cat", "dog"] and min(counts.values()) > 0,
        measured="labels 0 cat, 1 dog; " + ", ".join(f"{k}: {v}" for k, v in counts.items()),
        evidence="the labels come from the names of the files; both classes occur in both splits "
        "of the images at hand, whose test images keep their names, unlike Kaggle's",
    )


def _judge_the_gallery(results) -> Verdict:
    rows = results.thumbnails.values.tolist()
    return verdict_on(
        "dogs-vs-cats-gallery",
        rows == [[70, 350, 3]] * 2,
        measured=f"two rows of five: {rows[0][0]} x {rows[0][1]} pixels each",
        evidence="the first five cats and dogs, resized to 70x70 and put side by side; the images "
        "state no open licence, so they are not shown here",
    )


def _judge_the_array(results) -> Verdict:
    *shape, itemsize, low, high = results.pixels.values.tolist()
    return verdict_on(
        "r-raw-array",
        len(shape) == 3 and shape[2] == 3 and itemsize == 1 and 0 <= low < high <= 255,
        measured=f"{' x '.join(str(n) for n in shape)} integers of {8 * itemsize} bits, from "
        f"{low} to {high}",
        evidence="the decoded training images: height x width x channels, uint8",
    )


def _judge_the_steps(results) -> Verdict:
    claim = "backprop-six-steps"
    if lacking := _lacking(results):
        return verdict_on(claim, None, measured="", evidence=lacking)
    cost = results.cost.sel(learning_rate=0.01)
    below = cost < TOLERANCE
    within = bool(below.any("iteration").all())
    first = int(results.iteration[below.all(["size", "draw"]).argmax("iteration")])
    return verdict_on(
        claim,
        within and bool((cost.isel(iteration=-1) < cost.isel(iteration=0)).all()),
        measured=f"the cost is below {TOLERANCE:g} in every run after {first} iterations"
        if within
        else f"not every run reaches a cost of {TOLERANCE:g}",
        evidence="jaxnn.logistic_regression follows the six steps; every draw at rate 0.01 must "
        f"end below its first cost, and pass a tolerance of {TOLERANCE:g} on the way",
        seeds=results.sizes["draw"],
    )


def _lacking(results, rates: tuple[float, ...] = SLIDE_RATES[:1]) -> str:
    there = set(rates) <= set(results.learning_rate.values.tolist())
    if not there or not {50, 200} <= set(results["size"].values.tolist()):
        which = ", ".join(f"{rate:g}" for rate in rates)
        return f"the rates {which} or the sizes 50 and 200 were not run"
    return "" if results.iteration[-1] >= 5000 else "fewer than 5,000 iterations were run"


def nearest_size(results) -> int:
    """The size whose mean logarithm of the costs is nearest to that of the printed ones."""
    printed = np.log(claims()["r-train-costs"].printed_value)
    costs = results.cost.sel(learning_rate=0.01, iteration=PRINTED_AT)
    off = np.abs(np.log(costs) - printed).mean(["draw", "iteration"])
    return int(results["size"][int(off.argmin("size"))])


def _judge_the_accuracy(results) -> Verdict:
    claim = "r-train-accuracy"
    if lacking := _lacking(results):
        return verdict_on(claim, None, measured="", evidence=lacking)
    size = nearest_size(results)
    chosen = results.sel(size=size, learning_rate=0.01)
    all_learned = bool((chosen.train_accuracy == 1.0).all())
    few = prediction_interval(100 * chosen.small_test_accuracy, "draw")
    many = mean_interval(100 * chosen.test_accuracy, "draw")
    by_size = ", ".join(
        f"{int(s)} images: {100 * float(mean):.1f} %"
        for s, mean in zip(
            results["size"].values,
            results.test_accuracy.sel(learning_rate=0.01).mean("draw"),
            strict=True,
        )
    )
    return verdict_on(
        claim,
        all_learned and bool(few.low <= 62.0 <= few.high),
        measured=f"{size} images: training {float(100 * chosen.train_accuracy.mean()):.2f} %, of "
        f"800 unseen ones in % {many:.1f}, of {SMALL_TEST} {float(few.mean):.1f} with one more "
        f"draw within [{float(few.low):.0f}, {float(few.high):.0f}]; by size of the training set, "
        f"of the 800: {by_size}",
        evidence="the slide does not say how many images it had; of our sizes the one with the "
        "costs nearest to the printed ones is taken. Every draw must learn all its training "
        f"images, and 62 % lie in the 95 % prediction interval of a test of {SMALL_TEST} images. "
        "So small a test could not tell 62 % from 50 %",
        seeds=int(many.runs),
    )


def _judge_the_curve(results) -> Verdict:
    claim = "r-cost-curve"
    if lacking := _lacking(results):
        return verdict_on(claim, None, measured="", evidence=lacking)
    size = nearest_size(results)
    costs = results.cost.sel(size=size, learning_rate=0.01)
    first, at_500, at_end = (costs.sel(iteration=i) for i in (1, 500, 5000))
    starts = bool(np.allclose(first, np.log(2), atol=1e-5))
    steep = paired_difference(first - at_500, at_500 - at_end, "draw")
    printed = claims()["r-train-costs"].printed_value
    ratio = mean_interval(np.log(at_500 / printed[0]), "draw")
    means = ", ".join(
        f"{int(s)}: {float(results.cost.sel(size=s, learning_rate=0.01, iteration=500).mean()):.4f}"
        for s in results["size"].values
    )
    return verdict_on(
        claim,
        starts and bool(steep.low > 0) and bool((at_end < 0.1 * np.log(2)).all()),
        measured=f"{size} images: from {float(first.mean()):.4f} to {float(at_500.mean()):.4f} at "
        f"500 and {float(at_end.mean()):.5f} at 5,000; the slide's {printed[0]:g} at 500 is "
        f"{float(np.exp(-ratio.mean)):.2f} times ours; at 500 by size {means}",
        evidence="from log 2, the first 500 iterations must lower the cost by more than all later "
        "ones (paired by draw, 95 % interval), to below a tenth of log 2 in every draw; the size "
        "is that with the costs nearest to the printed ones",
        seeds=int(steep.runs),
    )


def _judge_the_costs(results) -> Verdict:
    claim = "r-train-costs"
    if lacking := _lacking(results):
        return verdict_on(claim, None, measured="", evidence=lacking)
    printed = xr.DataArray(claims()[claim].printed_value, {"iteration": PRINTED_AT})
    size = nearest_size(results)
    costs = results.cost.sel(size=size, learning_rate=0.01, iteration=PRINTED_AT)
    later = {"iteration": slice(1, None)}
    course = np.log((costs / costs.isel(iteration=0)).isel(later))
    stated = np.log((printed / printed.isel(iteration=0)).isel(later))
    one_more = prediction_interval(course, "draw")
    inside = int(((one_more.low <= stated) & (stated <= one_more.high)).sum())
    ratio = costs.isel(iteration=-1) / costs.isel(iteration=0)
    end = float(np.exp(np.log(ratio).mean()))
    return verdict_on(
        claim,
        None,
        measured=f"{size} images: the last cost is {end:.4f} of the first, the slide's "
        f"{float(printed[-1] / printed[0]):.4f}; {inside} of the slide's other nine, each over its "
        f"first, are in the 95 % prediction interval of one more draw; all ten are "
        f"{float((printed / costs.mean('draw')).min()):.2f} to "
        f"{float((printed / costs.mean('draw')).max()):.2f} times ours",
        evidence="the six digits rest on the tutorial's own photographs, neither published nor "
        "counted, and the level of the costs on their number; only the course can be compared",
        seeds=results.sizes["draw"],
    )


def _judge_the_sweep(results) -> Verdict:
    claim = "r-lr-sweep"
    if lacking := _lacking(results, SLIDE_RATES):
        return verdict_on(claim, None, measured="", evidence=lacking)
    chosen = results.sel(size=(size := nearest_size(results)))
    told, near = [], []
    for rate, (_, stated) in zip((0.01, 0.002, 0.005), claims()[claim].value, strict=True):
        at = chosen.sel(learning_rate=rate, drop=True)
        few = prediction_interval(100 * at.small_test_accuracy, "draw")
        near.append(bool(few.low <= stated <= few.high))
        told.append(f"{rate:g}: {float(100 * at.train_accuracy.mean()):.2f} / "
                    f"{float(100 * at.test_accuracy.mean()):.1f} %")  # fmt: skip
    first = 100 * chosen.test_accuracy.sel(learning_rate=0.01, drop=True)
    apart = {
        rate: paired_difference(
            100 * chosen.test_accuracy.sel(learning_rate=rate, drop=True), first, "draw"
        )
        for rate in (0.002, 0.005)
    }
    close = all(gain.low > -FEW_POINTS and gain.high < FEW_POINTS for gain in apart.values())
    return verdict_on(
        claim,
        bool((chosen.train_accuracy == 1.0).all()) and all(near) and bool(close),
        measured=f"{size} images, training / 800 unseen ones: {'; '.join(told)}; beside 0.01, "
        + "; ".join(f"{rate:g} brings {gain:+.2f} points" for rate, gain in apart.items()),
        evidence="every draw must learn all its training images at each rate; each of the slide's "
        f"62, 60 and 62 % lie in the 95 % prediction interval of a test of {SMALL_TEST} images; "
        f"and the rates differ by under {FEW_POINTS} points, paired by draw, 95 % intervals. One "
        f"image of {SMALL_TEST} is 2 points: the slide's 60 against 62 % is a single image",
        seeds=results.sizes["draw"],
    )


def _judge_the_curves(results) -> Verdict:
    claim = "r-lr-curves"
    if lacking := _lacking(results, SLIDE_RATES):
        return verdict_on(claim, None, measured="", evidence=lacking)
    costs = results.cost.sel(learning_rate=list(SLIDE_RATES))
    ordered = costs.diff("learning_rate") > 0
    plotted, falling = (x.sel(iteration=PRINTED_AT) for x in (ordered, costs))
    early = ordered.sel(iteration=slice(2, 100))
    return verdict_on(
        claim,
        bool(plotted.all()) and bool((falling.diff("iteration") < 0).all()),
        measured=f"from 500 iterations on the curves of 0.01, 0.005 and 0.002 lie in this order, "
        f"from below, in {float(plotted.mean()):.1%} of sizes, draws and points; before 100 in "
        f"{float(early.mean()):.1%}, for there the larger rate overshoots",
        evidence="at each of the ten iterations that the slide prints, in every draw of every "
        "size, all three costs must fall and lie in the expected order",
        seeds=results.sizes["draw"],
    )
