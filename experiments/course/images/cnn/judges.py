"""What the slides say of convolutional networks, judged."""

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from experiments.claims.verdicts import (
    Interval,
    Verdict,
    not_at_hand,
    paired_difference,
    verdict_on,
)
from experiments.course.images.cnn.runs import (
    DENSE_UNITS,
    FILTERS,
    REACHES,
    SHAPE,
    STAGES,
    VARIANTS,
    network,
)
from jaxnn import layers, models

CLAIMS = (
    "topic-cnn-r",
    "flattening-loses-shape",
    "cnn-code-training",
    "cnn-local-patterns",
    "cnn-hierarchy",
    "cnn-dropout-batchnorm",
)
SAME = 1.0  # points of accuracy within which shuffled pixels count as no change
PRINTED_REACH = (3, 5, 6, 10, 14)
SOBEL = np.array([[1.0, 2, 1], [0, 0, 0], [-1, -2, -1]])


def judge(results: xr.Dataset) -> list[Verdict]:
    if not results:
        return [_judge_the_windows(), *not_at_hand("mnist", *CLAIMS)]
    final = results.isel(epoch=-1)
    return [
        _judge_the_windows(),
        _judge_the_cnn(final),
        _judge_the_shape(final),
        _judge_the_code(final),
        _judge_the_filters(results),
        _judge_the_hierarchy(results),
        _judge_both_layers(results),
    ]


def _judge_the_windows() -> Verdict:
    inputs = 28 * 28
    image = jnp.zeros(SHAPE)
    dense, convolution = layers.dense(DENSE_UNITS), layers.conv2d(FILTERS[0], 3)
    seen, weights = [], []
    for layer, x in ((dense, image.ravel()), (convolution, image)):
        params, state, _ = layer.init(jax.random.key(0), x.shape)

        def one_unit(x, layer=layer, params=params, state=state):
            y = layer.forward(params, state, x[None], None, False)[0]
            return y[(0, *(size // 2 for size in y.shape[1:-1]), 0)]  # in the middle

        seen.append(int((jax.jit(jax.grad(one_unit))(x) != 0).sum()))
        weights.append(params["kernel"].size)
    return verdict_on(
        "cnn-versus-dense",
        seen == [inputs, 9] and weights == [inputs * DENSE_UNITS, 9 * FILTERS[0]],
        measured=f"a dense unit sees {seen[0]} pixels, one of the convolution {seen[1]}; "
        f"{weights[0]:,} weights against {weights[1]}",
        evidence="the pixels along which the gradient of one unit is not 0, and the weights of "
        f"dense({DENSE_UNITS}) and of a convolution of {FILTERS[0]} kernels over 28 x 28 pixels",
    )


def _judge_the_cnn(final) -> Verdict:
    claim = "topic-cnn-r"
    if lacking := _lacking(final, "cnn", "dense", "dense, dropout"):
        return verdict_on(claim, None, measured="", evidence=lacking)
    gains = [_points(final, "cnn", other) for other in ("dense", "dense, dropout")]
    work = [
        sum(row.flops for row in models.rows(network(kind), SHAPE)) for kind in ("cnn", "dense")
    ]
    sizes = [
        sum(row.params for row in models.rows(network(kind), SHAPE)) for kind in ("cnn", "dense")
    ]
    first = (
        28 * 28 * 28 * 28 * FILTERS[0] * 2
    )  # FLOP of a dense layer that makes as much as the first
    return verdict_on(
        claim,
        all(bool(gain.low > 0) for gain in gains),
        measured=f"{gains[0]:.2f} points of test accuracy above the dense network, {gains[1]:.2f} "
        f"above it with dropout; {sizes[0]:,} against {sizes[1]:,} parameters, but "
        f"{work[0] / work[1]:.0f} times the FLOP",
        evidence="after the last epoch, paired by seed (images, start and order), 95 % intervals "
        "above 0. The computation that is cut is that of a dense layer making the same features: "
        f"{first / models.rows(network('cnn'), SHAPE)[0].flops:.0f} times that of the "
        "first convolution",
        seeds=_fewest(*gains),
    )


def _judge_the_shape(final) -> Verdict:
    claim = "flattening-loses-shape"
    names = "cnn", "cnn, shuffled", "dense", "dense, shuffled"
    if lacking := _lacking(final, *names):
        return verdict_on(claim, None, measured="", evidence=lacking)
    loss = _points(final, "cnn", "cnn, shuffled")
    same = _points(final, "dense", "dense, shuffled")
    return verdict_on(
        claim,
        bool(loss.low > 0) and bool(same.low > -SAME) and bool(same.high < SAME),
        measured=f"shuffled pixels cost the CNN {loss:.2f} points of test accuracy and the dense "
        f"network {same:.2f}",
        evidence="one order of the pixels for all images, paired by seed; the CNN's 95 % interval "
        f"must be above 0 and the dense one within {SAME:g} point of 0",
        seeds=_fewest(loss, same),
    )


def _judge_the_code(final) -> Verdict:
    claim = "cnn-code-training"
    if lacking := _lacking(final, "cnn", "neither", "dense"):
        return verdict_on(claim, None, measured="", evidence=lacking)
    gain = _points(final, "cnn", "dense")
    gap = final.test_loss - final.validation_loss
    wider = paired_difference(gap.sel(variant="neither"), gap.sel(variant="cnn"))
    return verdict_on(
        claim,
        bool(gain.low > 0) and bool(wider.low > 0),
        measured=f"{gain:.2f} points of test accuracy above the dense network of the same size; "
        f"without dropout and batch norm the gap between seen and unseen images is {wider:.3f} "
        "nats wider",
        evidence="after the last epoch, paired by seed, 95 % intervals of both above 0; the gap is "
        "the loss of unseen images less that of the training images, both without dropout",
        seeds=_fewest(gain, wider),
    )


def share_of_patterns(filters: xr.DataArray) -> xr.DataArray:
    """The share of each filter's squares that edges and blobs make up, its mean over filters.

    Edges are what the two Sobel kernels span, blobs the constant and a middle unlike its
    surroundings: 4 of 9 directions, so that a random filter has 4/9.
    """
    middle = np.zeros((3, 3))
    middle[1, 1] = 1
    span = np.stack([SOBEL, SOBEL.T, np.ones((3, 3)), middle]).reshape(4, 9)
    basis, _ = np.linalg.qr(span.T)
    vectors = filters.stack(pixel=("row", "column"), create_index=False)
    vectors = vectors.transpose("seed", "filter", "pixel")
    parts = np.square(vectors.values @ basis).sum(-1) / np.square(vectors.values).sum(-1)
    return xr.DataArray(parts.mean(-1), dims="seed")


def _judge_the_filters(results) -> Verdict:
    claim = "cnn-local-patterns"
    if lacking := _lacking(results, "cnn"):
        return verdict_on(claim, None, measured="", evidence=lacking)
    before, after = map(share_of_patterns, (results.filters_before, results.filters))
    rise = paired_difference(100 * after, 100 * before)
    step = jnp.zeros((1, 8, 8, 1)).at[:, 4:].set(1.0)
    kernel = jnp.asarray(SOBEL[:, :, None, None], jnp.float32)
    found = np.asarray(layers.convolve2d(step, kernel, padding="VALID"))[0, :, :, 0]
    is_edge = (found[2:4] != 0).all() and (found[:2] == 0).all() and (found[4:] == 0).all()
    return verdict_on(
        claim,
        bool(rise.low > 0) and bool(is_edge),
        measured=f"edges and blobs make up {100 * float(after.mean()):.1f} % of the first layer's "
        f"filters, {rise:.2f} points more than at the start; a Sobel kernel answers at a step and "
        "nowhere else",
        evidence="the share of the squares of the 3 x 3 weights that lies in the span of both "
        "Sobel kernels, the constant and the middle pixel (a random filter: 44 %), mean over all "
        "filters; the rise during training paired by seed, 95 % interval above 0",
        seeds=_fewest(rise),
    )


def _judge_the_hierarchy(results) -> Verdict:
    claim = "cnn-hierarchy"
    if lacking := _lacking(results, "cnn"):
        return verdict_on(claim, None, measured="", evidence=lacking)
    reach = tuple(int(rows) for rows in results.reach)
    names = list(STAGES)
    first, last = names[1], names[-1]
    gain = paired_difference(
        100 * results.probe.sel(read_out=last), 100 * results.probe.sel(read_out=first)
    )
    told = ", ".join(f"{float(p):.1f}" for p in 100 * results.probe.mean("seed"))
    return verdict_on(
        claim,
        reach[: len(PRINTED_REACH)] == PRINTED_REACH and bool(gain.low > 0),
        measured=f"a unit sees {', '.join(map(str, reach))} rows of pixels after "
        f"{', '.join(REACHES)}; linear read-outs of {', '.join(names)} tell {told} % of unseen "
        f"images right, the last {gain:.2f} points more than the first convolution",
        evidence="rows whose light reaches a unit in the middle, with weights of 1; ridge "
        "regression on the features of the training images, paired by seed, 95 % interval above 0",
        seeds=_fewest(gain),
    )


def _judge_both_layers(results) -> Verdict:
    claim = "cnn-dropout-batchnorm"
    if lacking := _lacking(results, "cnn", "no batch norm", "no dropout"):
        return verdict_on(claim, None, measured="", evidence=lacking)
    early = results.isel(epoch=0)
    faster = paired_difference(
        early.train_loss.sel(variant="no batch norm"), early.train_loss.sel(variant="cnn")
    )
    final = results.isel(epoch=-1)
    gap = final.test_loss - final.validation_loss
    narrower = paired_difference(gap.sel(variant="no dropout"), gap.sel(variant="cnn"))
    return verdict_on(
        claim,
        bool(faster.low > 0) and bool(narrower.low > 0),
        measured=f"in epoch {int(early.epoch)} the training loss is {faster:.3f} nats lower with "
        f"batch norm; at the end the gap between seen and unseen images is {narrower:.3f} nats "
        "narrower with dropout",
        evidence="each layer taken away alone, paired by seed, 95 % intervals of both above 0; the "
        "gap is the loss of unseen images less that of the training images, both without dropout",
        seeds=_fewest(faster, narrower),
    )


def _points(final, a: str, b: str) -> Interval:
    accuracy = 100 * final.test_accuracy
    return paired_difference(accuracy.sel(variant=a), accuracy.sel(variant=b))


def _lacking(results, *names: str) -> str:
    """Which variants were not run and must be; empty where all are there."""
    lacking = [name for name in names if name not in results.variant]
    assert set(names) <= VARIANTS.keys()
    return f"not run: {'; '.join(lacking)}" if lacking else ""


def _fewest(*intervals: Interval) -> int:
    return min(int(interval.runs) for interval in intervals)
