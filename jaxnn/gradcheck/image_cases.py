"""The rows of the image, pooling, normalisation, dropout and residual layers."""

from collections.abc import Callable
from typing import Any

import numpy as np

from jaxnn import activations, layers
from jaxnn.gradcheck.case import Case, case, layer_case


def image_cases() -> list[Case]:
    return [
        *_convolution_cases(),
        *_pooling_cases(),
        *_upsampling_cases(),
        *_norm_cases(),
        *_dropout_cases(),
        *_residual_cases(),
    ]


def _convolution_cases() -> list[Case]:
    random = np.random.default_rng(1)

    def convolution(image, kernel, note, function=layers.convolve2d, **settings):
        x, w = random.normal(size=(2, *image)), random.normal(size=kernel)
        return case(function, x, w, argnums=(0, 1), note=note, **settings)

    fast = layers.fast_convolve2d
    bare = layers.conv2d(4, 2, dilation=2, groups=2, padding=((1, 0), (0, 2)), use_bias=False)
    return [
        convolution((4, 5, 2), (3, 3, 2, 3), "SAME"),
        convolution((5, 6, 2), (3, 2, 2, 2), "VALID, strides 2", padding="VALID", strides=2),
        convolution(
            (5, 4, 4), (2, 3, 2, 4), "padding, strides, dilation, groups",
            padding=((0, 2), (1, 2)), strides=(2, 1), dilation=(2, 1), groups=2,
        ),
        convolution((5, 5, 2), (2, 2, 1, 4), "strides above the kernel", strides=3, groups=2),
        convolution((3, 4, 2), (3, 4, 2, 2), "kernel as large as the image", padding="VALID"),
        convolution((4, 1, 1), (3, 1, 1, 1), "width 1, SAME, dilation 2", dilation=2),
        convolution((2, 3, 1), (5, 4, 1, 2), "kernel larger than the image, SAME"),
        convolution((4, 5, 2), (3, 3, 2, 3), "transposed", fast, form="transposed"),
        convolution(
            (5, 4, 2), (2, 3, 2, 2), "transposed, padding, strides, dilation", fast,
            padding=((0, 2), (1, 2)), strides=(2, 1), dilation=(2, 1), form="transposed",
        ),
        convolution((5, 5, 4), (2, 2, 2, 4), "taps, strides, groups", fast, strides=2, groups=2,
                    form="taps"),
        convolution((4, 5, 2), (3, 3, 2, 3), "library", fast, form="library"),
        layer_case("conv2d", layers.conv2d(2, 3), (4, 3, 2), layers.convolve2d, batch=2),
        layer_case(
            "conv2d (dilation, groups, padding, no bias)", bare, (4, 3, 2), layers.convolve2d,
            batch=2,
        ),
    ]  # fmt: skip


def _pooling_cases() -> list[Case]:
    x = _apart(2, 5, 4, 2)
    edges = np.asarray([0, 2, 3, 5], np.int32), np.asarray([0, 1, 3, 4], np.int32)
    overlapping: dict[str, Any] = {"window": (3, 2), "strides": (2, 1), "padding": "SAME"}
    larger: dict[str, Any] = {"window": (7, 5), "padding": "SAME"}
    with_gaps: dict[str, Any] = {"window": 2, "strides": 3, "padding": ((1, 0), (0, 1))}
    fractional = layers.fractional_max_pool2d
    pools: dict[str, tuple[layers.Layer, Callable]] = {
        "max_pool2d": (layers.max_pool2d(2, strides=1), layers.max_of_windows),
        "avg_pool2d": (
            layers.avg_pool2d((3, 2), strides=2, padding="SAME"),
            layers.mean_of_windows,
        ),
        "global_max_pool2d": (layers.global_max_pool2d, layers.max_of_image),
        "global_avg_pool2d": (layers.global_avg_pool2d, layers.mean_of_image),
        "fractional_max_pool2d": (fractional(1.5), layers.max_of_regions),
        "fractional_max_pool2d (overlapping)": (
            fractional(1.5, overlapping=True),
            layers.max_of_regions,
        ),
        "fractional_max_pool2d (pseudorandom)": (
            fractional(1.3, pseudorandom=True),
            layers.max_of_regions,
        ),
        "fractional_max_pool2d (pseudorandom, overlapping)": (
            fractional(1.3, pseudorandom=True, overlapping=True),
            layers.max_of_regions,
        ),
    }
    return [
        case(layers.max_of_windows, x),
        case(layers.max_of_windows, x, note="overlapping, SAME", **overlapping),
        case(layers.max_of_windows, x, note="gaps, padding", **with_gaps),
        case(layers.max_of_windows, x, note="larger than the image, SAME", **larger),
        case(layers.mean_of_windows, x),
        case(layers.mean_of_windows, x, note="overlapping, SAME", **overlapping),
        case(layers.mean_of_windows, x, note="gaps, padding", **with_gaps),
        case(layers.mean_of_windows, x, note="larger than the image, SAME", **larger),
        case(layers.max_of_image, x),
        case(layers.mean_of_image, x),
        case(layers.max_of_regions, x, *edges),
        case(layers.max_of_regions, x, *edges, overlapping=True),
        *(
            layer_case(name, pool, x.shape[1:], of, x=x)
            for name, (pool, of) in pools.items()
        ),
    ]  # fmt: skip


def _upsampling_cases() -> list[Case]:
    x = _apart(2, 2, 3, 2)
    wide, square = layers.upsample2d((1, 3)), layers.upsample2d(2)
    return [
        case(layers.repeat_pixels, x),
        case(layers.repeat_pixels, x, factor=(3, 2)),
        layer_case("upsample2d", square, x.shape[1:], layers.repeat_pixels, x=x),
        layer_case("upsample2d (columns only)", wide, x.shape[1:], layers.repeat_pixels, x=x),
    ]


def _norm_cases() -> list[Case]:
    random = np.random.default_rng(2)
    x, images = 2 * random.normal(size=(5, 4)) + 1, random.normal(size=(2, 2, 3, 4))
    mean, scale, bias = random.normal(size=(3, 4))
    variance = random.uniform(0.5, 2, 4)
    given: dict[str, Any] = {"argnums": (0, 3, 4), "epsilon": 0.1}
    return [
        case(layers.normalize_batch, x, scale, bias, argnums=(0, 1, 2)),
        case(layers.normalize_batch, images, scale, bias, argnums=(0, 1, 2), note="images"),
        case(layers.standardize, x, mean, variance, scale, bias, **given),
        case(layers.normalize_features, x, scale, bias, argnums=(0, 1, 2)),
        layer_case(
            "batch_norm", layers.batch_norm(epsilon=0.1), (4,), layers.normalize_batch, batch=5
        ),
        layer_case(
            "batch_norm (evaluation)", layers.batch_norm(), (2, 4), layers.standardize, train=False
        ),
        layer_case("layer_norm", layers.layer_norm(epsilon=0.1), (2, 4), layers.normalize_features),
    ]


def _dropout_cases() -> list[Case]:
    random = np.random.default_rng(3)
    thinned, of = layers.drop_connect(3, 0.4), (layers.affine, layers.drop_elements)
    x, kept = random.normal(size=(4, 3)), random.uniform(size=(4, 3)) > 0.4
    return [
        case(layers.drop_elements, x, kept, rate=0.4),
        layer_case("dropout", layers.dropout(0.4), (6,), layers.drop_elements),
        layer_case(
            "dropout (evaluation)", layers.dropout(0.4), (6,), activations.identity, train=False
        ),
        layer_case("drop_connect", thinned, (4,), *of),
        layer_case("drop_connect (evaluation)", thinned, (4,), layers.affine, train=False),
    ]


def _residual_cases() -> list[Case]:
    random = np.random.default_rng(4)
    x, branch = random.normal(size=(2, 4, 3))
    dense = layers.serial(layers.dense(3), layers.tanh)
    of = layers.residual, layers.serial
    network = layers.serial(
        layers.conv2d(2, 3, use_bias=False),
        layers.batch_norm(epsilon=0.5),
        layers.tanh,
        layers.avg_pool2d(2),
        layers.dropout(0.3),
        layers.residual(layers.conv2d(2, 1)),
        layers.flatten,
        layers.dense(2),
    )
    return [
        case(layers.add_branch, x, branch, np.asarray(0.7), argnums=(0, 1)),
        layer_case("residual (dense, tanh)", layers.residual(dense), (3,), *of),
        layer_case(
            "stochastic_depth", layers.stochastic_depth(dense, 0.7), (3,), layers.add_branch
        ),
        layer_case(
            "stochastic_depth (evaluation)",
            layers.stochastic_depth(dense, 0.7),
            (3,),
            layers.add_branch,
            train=False,
        ),
        layer_case("reshape", layers.reshape((3, 2)), (2, 3), layers.reshape),
        layer_case("serial (image network)", network, (4, 4, 1), layers.serial, seed=2),
    ]


def _apart(*shape: int) -> np.ndarray:
    """Numbers in [-2, 2] no two of which are alike, not in bfloat16 either."""
    order = np.random.default_rng(0).permutation(np.prod(shape)).reshape(shape)
    return 4 * order / (order.size - 1) - 2.0
