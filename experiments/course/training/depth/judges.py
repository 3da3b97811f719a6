"""The verdicts of depth."""

import numpy as np
import xarray as xr

from experiments.claims.verdicts import Interval, Verdict, paired_difference, verdict_on
from experiments.course.training.depth.runs import LINEAR_BUDGET, PANELS, POINTS, PROBED, width_of

ROUNDING = 1e-5  # relative, in single precision
NO_BETTER = 1.0  # points of accuracy
STRAIGHT, BENT = "without activation", "ReLU"  # of PANELS, on the moons
DEPTH = PANELS[BENT][2]


def judge(results: xr.Dataset) -> list[Verdict]:
    return [
        _judge_the_boundary(results),
        _judge_the_activation(results),
        _judge_the_layers(results),
    ]


def _judge_the_boundary(results) -> Verdict:
    claim = "two-layer-boundary"
    if lacking := _lacking(results):
        return verdict_on(claim, None, measured="", evidence=lacking)
    left, gain = 100 * results.bend, _gain_of_relu(results)
    straight, bent = float(left.sel(panel=STRAIGHT).max()), float(left.sel(panel=BENT).min())
    return verdict_on(
        claim,
        straight < ROUNDING and bent > 1 and bool(gain.low > 0),
        measured=f"the best affine function leaves at most {straight:.0e} % of the variance of "
        f"the logits without activation, at least {bent:.0f} % with ReLU, whose accuracy on the "
        f"moons is {gain:.2f} points higher",
        evidence=f"{DEPTH} hidden layers, {LINEAR_BUDGET} parameters, {POINTS} points to train on "
        f"and as many fresh ones for each seed: without activation less than {ROUNDING:g} % must "
        "be left in every run, with ReLU more than 1 %, and the accuracy be higher, paired by "
        f"seed, 95 % interval. {_FIRST}",
        seeds=int(gain.runs),
    )


def _judge_the_activation(results) -> Verdict:
    claim = "activation-role"
    if lacking := _lacking(results):
        return verdict_on(claim, None, measured="", evidence=lacking)
    linear, gain = 100 * results.linear_accuracy.isel(epoch=-1), _gain_of_relu(results)
    one_neuron = linear.sel(linear_depth=0, drop=True)
    deeper = {
        int(depth): paired_difference(linear.sel(linear_depth=depth, drop=True), one_neuron)
        for depth in linear.linear_depth.values
        if depth > 0
    }
    error = float(results.collapse_error.sel(panel=STRAIGHT).max())
    return verdict_on(
        claim,
        error < ROUNDING
        and all(bool(more.high < NO_BETTER) for more in deeper.values())
        and bool(gain.low > 0),
        measured="accuracy on the moons without activation, in points above one neuron's: "
        + ", ".join(f"{more:+.2f} at depth {depth}" for depth, more in deeper.items())
        + f"; their product is the network to {error:.0e}; with ReLU {gain:+.2f} above without",
        evidence=f"{POINTS} fresh points for each seed, paired by seed, 95 % intervals: without "
        f"activation less than {NO_BETTER:g} point above one neuron at every depth, with ReLU "
        "above 0; the one affine map made of the layers' kernels and biases must give the "
        f"network's outputs within {ROUNDING:g} of the largest. {_FIRST}",
        seeds=min(int(gain.runs), *(int(more.runs) for more in deeper.values())),
    )


_FIRST = (
    "First we had compared three layers of 4 units: of ten such ReLU networks one died, its output "
    "a constant, and the interval of the gain held 0"
)


def _lacking(results) -> str:
    """What was not run and must be; empty where all is there."""
    if not {STRAIGHT, BENT} <= set(results.panel.values.tolist()):
        return "the two networks on the moons were not measured"
    if not {0, DEPTH} <= set(results.linear_depth.values.tolist()):
        return f"without activation 0 and {DEPTH} hidden layers were not both run"
    if DEPTH not in results.depth or LINEAR_BUDGET not in results.budget:
        return f"{DEPTH} hidden layers of {LINEAR_BUDGET} parameters were not run with ReLU"
    return ""


def _gain_of_relu(results) -> Interval:
    """In points, over the network without activation of the same depth and width."""
    final = 100 * results[["accuracy", "linear_accuracy"]].isel(epoch=-1)
    bent = final.accuracy.sel(task="moons", depth=DEPTH, budget=LINEAR_BUDGET, drop=True)
    return paired_difference(bent, final.linear_accuracy.sel(linear_depth=DEPTH, drop=True))


def _judge_the_layers(results) -> Verdict:
    claim = "deep-learning-definition"
    if "probe_accuracy" not in results:
        return verdict_on(claim, None, measured="", evidence="no layers were probed")
    probe = 100 * results.probe_accuracy.sel(network="trained", drop=True)
    untrained = 100 * results.probe_accuracy.sel(network="start", drop=True)
    means = probe.mean("seed").values
    first, last = (probe.sel(layer=layer, drop=True) for layer in (1, PROBED[0]))
    rise = paired_difference(last, first)
    learned = paired_difference(last, untrained.sel(layer=PROBED[0], drop=True))
    return verdict_on(
        claim,
        bool((np.diff(means) > 0).all()) and bool(rise.low > 0) and bool(learned.low > 0),
        measured="one neuron reads the class from the inputs and from the hidden layers with "
        f"{', '.join(f'{mean:.1f}' for mean in means)} %: from the first to the last {rise:+.1f} "
        f"points, and there {learned:+.1f} above the untrained network",
        evidence=f"spirals, {PROBED[0]} hidden layers of {width_of(*PROBED)} ReLUs, a logistic "
        f"regression on each layer's outputs, scored on {POINTS} fresh points, paired by seed: "
        "the mean must rise from each layer to the next, and both 95 % intervals be above 0",
        seeds=int(rise.runs),
    )
