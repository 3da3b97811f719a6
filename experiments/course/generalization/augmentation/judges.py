"""Does the network generalise better from images that are changed anew each time?"""

import xarray as xr

from experiments.claims.verdicts import Interval, Verdict, not_at_hand, verdict_on
from experiments.course.generalization import strengths
from experiments.course.generalization.augmentation import checks
from experiments.course.generalization.augmentation.runs import KINDS

_HOW = (
    "a convolutional network on 200 faces of 14x14 pixels in colour, 2,000 to test on; each seed "
    "at the strength that was best for the other seeds on 500 validation images, against no "
    "augmentation from the same initial weights on the same images; the loss of the seen images is "
    "that of the images as they are; 95 % intervals: that of the gap must be below 0, and that of "
    "the accuracy not below it as a whole; the image function itself asked"
)


def judge(results: xr.Dataset) -> list[Verdict]:
    if not results.data_vars:
        return not_at_hand("simpsons_mnist", *(kind.claim for kind in KINDS.values()))
    at_chosen = with_gap(strengths.chosen(results))
    return [_judge_a_kind(name, at_chosen) for name in KINDS]


def with_gap(at_chosen: xr.Dataset) -> xr.Dataset:
    return at_chosen.assign(gap=at_chosen.test_loss - at_chosen.seen_loss)


def points(at_chosen: xr.Dataset, name: str) -> Interval:
    """What a kind adds to the test accuracy, in points."""
    return strengths.gain(100 * at_chosen.test_accuracy, name)


def _judge_a_kind(name: str, at_chosen: xr.Dataset) -> Verdict:
    claim = KINDS[name].claim
    if name not in at_chosen.kind:
        return verdict_on(claim, None, measured="", evidence=f"{name} was not run")
    narrower, gain = strengths.gain(at_chosen.gap, name), points(at_chosen, name)
    does = checks.DOES[name]()
    what = " ".join((checks.DOES[name].__doc__ or "").split()).rstrip(".")
    return verdict_on(
        claim,
        does and bool(narrower.high < 0) and bool(gain.high >= 0),
        measured=f"{name} changes the gap of test and training loss by {narrower:.3f} nats, the "
        f"test accuracy by {gain:+.2f} points (strength {strengths.told(at_chosen, name)}). "
        f"{what}: {'yes' if does else 'no'}",
        evidence=_HOW,
        seeds=int(narrower.runs),
    )
