"""The verdicts, from the results alone."""

import numpy as np
import xarray as xr

from experiments.claims.verdicts import Verdict, claims, mean_interval, verdict_on
from experiments.course.training.learning_rate.runs import GUESSING, LINE

TOO_SMALL, TOO_BIG = 1e-4, 100.0  # the rates that chapter5's two claims are judged at


def judge(results: xr.Dataset) -> list[Verdict]:
    results = results.sortby("learning_rate")
    return [
        _judge_the_line(results),
        _judge_a_step(results),
        _judge_too_big(results),
        _judge_too_small(results),
        *_judge_the_sweep_of_r_tutorial(results),
    ]


def _judge_the_line(results) -> Verdict:
    """The largest rate below which the error still shrinks is 2 / mean(x^2) = 3/7."""
    claim = "gd-linear-threshold"
    threshold, rates = claims()[claim].value, results.line_rate.values
    below = rates < threshold - 1e-9
    if below.all() or not below.any():
        return verdict_on(
            claim, None, measured="", evidence="the line was not run on both sides of the limit"
        )
    error = np.abs(results.line_w.transpose("line_rate", "step").values - 1.0)
    factor = np.abs(1 - rates * float((LINE**2).mean()))
    follows = np.allclose(error[:, 1:], factor[:, None] * error[:, :-1], rtol=1e-9, atol=1e-15)
    ratio = error[:, -1] / error[:, 0]
    splits = (ratio[below] < 1).all() and (ratio[~below] > 1 - 1e-9).all()
    measured = ", ".join(f"{e[1] / e[0]:.4f} at {r:.4g}" for e, r in zip(error, rates, strict=True))
    return verdict_on(
        claim,
        bool(follows and splits),
        measured=f"factor per step: {measured}",
        evidence="ten steps of optimizers.gradient_descent on the cost of W for x = y = (1, 2, 3), "
        "in float64; the error must change by |1 - rate mean(x²)| in each step, and shrink exactly "
        "for the rates below 3/7",
    )


def _judge_a_step(results) -> Verdict:
    claim = "lr-update-rule"
    if TOO_SMALL not in results.learning_rate:
        return _not_run(claim, TOO_SMALL)
    delivered = results.delivered.sel(learning_rate=TOO_SMALL)
    return verdict_on(
        claim,
        bool((np.abs(delivered - 1) < 0.05).all()),
        measured=f"a step of {TOO_SMALL:g} delivers {mean_interval(delivered):.4f} of h|∇L|²",
        evidence="one step of the whole digits training set from each seed's initial params; the "
        "decrease must be within 5 % of h|∇L|² for every seed",
        seeds=results.sizes["seed"],
    )


def _judge_too_big(results) -> Verdict:
    claim, line_rate = "lr-too-big", 0.5
    if TOO_BIG not in results.learning_rate or line_rate not in results.line_rate:
        return _not_run(claim, TOO_BIG, line_rate)
    w = results.line_w.sel(line_rate=line_rate).values
    growth = np.abs((w[1:] - 1) / (w[:-1] - 1))
    on_the_line = np.allclose(w, claims()[claim].value, rtol=1e-9) and np.allclose(growth, 4 / 3)
    fates = _fates(results)
    learned = fates["learned"].sum("seed")
    seeds = results.sizes["seed"]
    big = [
        r for r in results.learning_rate.values if r >= 1 and learned.sel(learning_rate=r) < seeds
    ]
    at_big = "; ".join(_what_happened(results, fates, rate) for rate in big)
    return verdict_on(
        claim,
        bool(on_the_line and learned.sel(learning_rate=TOO_BIG) == 0),
        measured=f"line: the error grows at least {growth.min():.4f}-fold in each step at "
        f"{line_rate:g}. Digits: {at_big or 'some seeds learn at every rate'}",
        evidence="the loss grows without bound on the slides' line, where the W of each step must "
        f"be the expected one. Digits: at {TOO_BIG:g} no seed may learn; each must be not finite, "
        "end above its own initial loss, or end no better than guessing (log 10 = "
        f"{GUESSING:.3f} nats). There the mean loss of an epoch need not grow on: it rises, and "
        "then stays where nothing is learned",
        seeds=results.sizes["seed"],
    )


def _fates(results) -> dict[str, xr.DataArray]:
    """Which runs on digits ended how; each run is in exactly one of the four."""
    final, initial = results.digits_train_loss.isel(epoch=-1), results.digits_initial_loss
    bad = (results.digits_first_bad_step >= 0) | ~np.isfinite(final)
    above, guessing = ~bad & (final > initial), ~bad & (final <= initial) & (final >= GUESSING)
    return {
        "not finite": bad,
        "above their initial loss": above,
        "no better than guessing": guessing,
        "learned": ~(bad | above | guessing),
    }


def _what_happened(results, fates, rate: float) -> str:
    loss = results.digits_train_loss.sel(learning_rate=rate)
    peak = (loss.max("epoch") / results.digits_initial_loss).median("seed")
    counts = ", ".join(
        f"{int(count)} {name}"
        for name, runs in fates.items()
        if (count := runs.sel(learning_rate=rate).sum())
    )
    return (
        f"at {rate:g} the loss peaks at {float(peak):.3g} times the initial one and ends at "
        f"{float(loss.isel(epoch=-1).median('seed')):.4g} nats (medians; of "
        f"{loss.sizes['seed']} seeds {counts})"
    )


def _judge_too_small(results) -> Verdict:
    claim = "lr-too-small"
    if TOO_SMALL not in results.learning_rate or TOO_SMALL not in results.line_rate:
        return _not_run(claim, TOO_SMALL)
    w = results.line_w.sel(line_rate=TOO_SMALL).values
    final = results.digits_train_loss.sel(learning_rate=TOO_SMALL).isel(epoch=-1)
    fallen = mean_interval(100 * (1 - final / results.digits_initial_loss))
    return verdict_on(
        claim,
        np.allclose(w, claims()[claim].value, rtol=1e-9)
        and bool(0 < fallen.low < fallen.high < 10),
        measured=f"fall of the loss at {TOO_SMALL:g} in {results.sizes['epoch']} epochs, in %: "
        f"{fallen:.1f}; W on the line after ten steps: {w[-1]:.4f}",
        evidence="digits: the fall from the initial training loss must be above 0 and under 10 %, "
        "with its 95 % interval over seeds; and on the slides' line at 0.0001 the W of each step "
        "must be the expected one",
        seeds=int(fallen.runs),
    )


def _not_run(claim: str, *rates: float) -> Verdict:
    which = " and ".join(f"{rate:g}" for rate in rates)
    return verdict_on(
        claim, None, measured="", evidence=f"needs the rates {which} on digits and the line"
    )


def _judge_the_sweep_of_r_tutorial(results) -> list[Verdict]:
    first, *others = claims()["r-lr-sweep-no-improvement"].value  # printed test accuracies, %
    gain = max(others) - first
    return [
        verdict_on(
            "r-lr-sweep-no-improvement",
            bool(gain > 0),
            measured="arithmetic on the slide's numbers: best printed test accuracy at the other "
            f"rates minus the first: {gain:+.0f} points",
            evidence="the slide's own three test accuracies, compared; nothing was trained",
        ),
        _judge_the_rescaling(results),
    ]


def _judge_the_rescaling(results) -> Verdict:
    claim = "r-lr-time-rescaling"
    epochs = {0.01: 10, 0.005: 20, 0.002: 50}  # equal products
    there = set(epochs) <= set(results.learning_rate.values)
    if not there or max(epochs.values()) > results.sizes["epoch"]:
        return verdict_on(claim, None, measured="", evidence="too few rates or epochs were run")
    cost = {
        rate: results.digits_test_loss.sel(learning_rate=rate, epoch=epoch)
        for rate, epoch in epochs.items()
    }
    ratios = {rate: mean_interval(cost[rate] / cost[0.01]) for rate in (0.005, 0.002)}
    return verdict_on(
        claim,
        all(abs(float(bound) - 1) < 0.05 for r in ratios.values() for bound in (r.low, r.high)),
        measured="; ".join(f"{rate:g}: {ratio:.4f}" for rate, ratio in ratios.items()),
        evidence="digits: the test loss after equal products of rate and epochs, as a multiple of "
        "that at 0.01 after 10 epochs, paired by seed; the 95 % intervals must lie within 5 % of 1",
        seeds=min(int(ratio.runs) for ratio in ratios.values()),
    )
