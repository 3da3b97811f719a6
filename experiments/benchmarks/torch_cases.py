"""Functions of jaxnn that PyTorch has, too, each with the setting by which both are the same."""

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (PyTorch's own name for it)

from jaxnn import activations, layers, losses
from jaxnn.rules import vjp_of


class Case(NamedTuple):
    """Two functions that should agree.

    Attributes:
      name: of ours.
      peer: what PyTorch calls it.
      setting: by which the two definitions become one, "" where they are one.
      ours: (*inputs) -> an array or a tree of them.
      vjp: (*inputs, cotangent) -> their gradients, our hand-derived rule; None for a step.
      theirs: (*inputs) as tensors -> the same tree.
      inputs: arrays of float64, or trees of them.
    """

    name: str
    peer: str
    setting: str
    ours: Callable
    vjp: Callable | None
    theirs: Callable
    inputs: tuple[Any, ...]


def cases() -> Iterator[Case]:
    """Activations, losses, convolution, pooling and normalisation."""
    rng = np.random.default_rng(0)
    yield from _activations(rng)
    yield from _losses(rng)
    yield from _images(rng)
    yield from _normalisation(rng)


def case(ours, theirs, *inputs, fixed=(), peer, name=None, setting="", vjp=vjp_of) -> Case:
    """`fixed`: arguments behind the inputs that have no gradient, such as labels."""
    rule = vjp(ours) if vjp else None
    tensors = [torch.from_numpy(each) for each in fixed]
    return Case(
        name or getattr(ours, "func", ours).__name__,
        peer,
        setting,
        lambda *given: ours(*given, *fixed),
        rule and (lambda *given: rule(*given[:-1], *fixed, given[-1])),
        lambda *given: theirs(*given, *tensors),
        inputs,
    )


def _activations(rng) -> Iterator[Case]:
    x = 4 * rng.normal(size=(40, 7))  # no kinks: they have a table of their own
    leaky = functools.partial(activations.leaky_relu, negative_slope=0.1)
    yield case(
        activations.step, lambda x: torch.heaviside(x, torch.zeros(()).double()), x,
        peer="heaviside", vjp=None,
    )  # fmt: skip
    yield case(activations.identity, torch.nn.Identity(), x, peer="nn.Identity")
    yield case(activations.sigmoid, torch.sigmoid, x, peer="sigmoid")
    yield case(activations.tanh, torch.tanh, x, peer="tanh")
    yield case(activations.relu, F.relu, x, peer="F.relu")
    yield case(leaky, lambda x: F.leaky_relu(x, 0.1), x, peer="F.leaky_relu",
               setting="slope 0.1, where PyTorch's default is 0.01")  # fmt: skip
    yield case(activations.elu, F.elu, x, peer="F.elu")
    yield case(activations.selu, F.selu, x, peer="F.selu")
    yield case(activations.softplus, lambda x: F.softplus(x, threshold=1e3), 10 * x,
               peer="F.softplus", setting="threshold=1000: above it, by default above 20, PyTorch"
               " answers x")  # fmt: skip
    yield case(activations.swish, F.silu, x, peer="F.silu")
    yield case(activations.gelu, F.gelu, x, peer="F.gelu")
    yield case(activations.gelu_tanh, lambda x: F.gelu(x, approximate="tanh"), x, peer="F.gelu",
               setting='approximate="tanh"')  # fmt: skip
    yield case(activations.hard_sigmoid, lambda x: F.relu6(x + 3) / 6, x, peer="F.relu6",
               setting="of x + 3, over 6: in F.hardsigmoid the slope 1/6 has the digits of"
               " float32")  # fmt: skip
    yield case(activations.hard_tanh, F.hardtanh, x, peer="F.hardtanh")
    yield case(activations.hard_swish, F.hardswish, x, peer="F.hardswish")
    yield case(activations.maxout, lambda x: x.unflatten(-1, (-1, 2)).max(dim=-1).values, x[:, :6],
               peer="Tensor.max(dim)")  # fmt: skip
    yield case(activations.softmax, lambda x: x.softmax(dim=-1), x, peer="softmax")
    yield case(activations.log_softmax, lambda x: x.log_softmax(dim=-1), x, peer="log_softmax")


def _losses(rng) -> Iterator[Case]:
    n, classes = 30, 6
    p, t = rng.normal(size=(2, n, 4)) * 2
    logits, labels = 3 * rng.normal(size=(n, classes)), rng.integers(0, classes, n)
    soft, guess = rng.dirichlet(np.ones(classes), (2, n))
    binary, signs = rng.integers(0, 2, n).astype(float), rng.choice([-1.0, 1.0], n)
    probability, score = rng.uniform(0.02, 0.98, n), 2 * rng.normal(size=n)
    each = {"reduction": "none"}
    mean = "mean over the outputs of an example"
    yield case(losses.absolute_error, lambda p, t: F.l1_loss(p, t, **each).mean(-1), p,
               fixed=(t,), peer="F.l1_loss", setting=mean)  # fmt: skip
    yield case(losses.squared_error, lambda p, t: F.mse_loss(p, t, **each).mean(-1), p,
               fixed=(t,), peer="F.mse_loss", setting=mean)  # fmt: skip
    yield case(functools.partial(losses.huber, delta=1.5),
               lambda p, t: F.huber_loss(p, t, delta=1.5, **each).mean(-1), p,
               fixed=(t,), peer="F.huber_loss", setting=mean)  # fmt: skip
    yield case(losses.binary_cross_entropy,
               lambda p, y: F.binary_cross_entropy(p, y, **each), probability, fixed=(binary,),
               peer="F.binary_cross_entropy",
               setting="PyTorch holds log p at -100; ours costs inf at p = 0")  # fmt: skip
    yield case(losses.sigmoid_binary_cross_entropy,
               lambda z, y: F.binary_cross_entropy_with_logits(z, y, **each), score,
               fixed=(binary,), peer="F.binary_cross_entropy_with_logits")  # fmt: skip
    yield case(losses.softmax_cross_entropy, lambda z, y: F.cross_entropy(z, y, **each), logits,
               fixed=(labels,), peer="F.cross_entropy")  # fmt: skip
    yield case(losses.softmax_cross_entropy_with_soft_targets,
               lambda z, t: F.cross_entropy(z, t, **each), logits, fixed=(soft,),
               peer="F.cross_entropy", setting="probabilities as targets")  # fmt: skip
    yield case(functools.partial(losses.smoothed_softmax_cross_entropy, alpha=0.2),
               lambda z, y: F.cross_entropy(z, y, label_smoothing=0.2, **each), logits,
               fixed=(labels,), peer="F.cross_entropy", setting="label_smoothing")  # fmt: skip
    yield case(losses.negative_log_likelihood, lambda z, y: F.nll_loss(z, y, **each), logits,
               fixed=(labels,), peer="F.nll_loss")  # fmt: skip
    yield case(losses.kl_divergence, lambda p, t: F.kl_div(p.log(), t, **each).sum(-1), guess,
               fixed=(soft,), peer="F.kl_div", setting="of log p, summed")  # fmt: skip
    yield case(losses.js_divergence, _js_divergence, guess, fixed=(soft,), peer="F.kl_div",
               setting="half the sum of two")  # fmt: skip
    yield case(losses.hinge, lambda s, t: F.margin_ranking_loss(
                   s, torch.zeros_like(s), t, margin=1, **each), score, fixed=(signs,),
               peer="F.margin_ranking_loss", setting="second score 0, margin=1")  # fmt: skip
    yield case(losses.multiclass_hinge, lambda z, y: 2 * F.multi_margin_loss(z, y, **each),
               logits[:, :2], fixed=(labels % 2,), peer="F.multi_margin_loss",
               setting="2 classes, times 2: PyTorch's is the mean over all rivals [Weston and"
               " Watkins], ours the strongest rival [Crammer and Singer]")  # fmt: skip


def _js_divergence(p, t):
    m = ((p + t) / 2).log()
    shares = [F.kl_div(m, each, reduction="none").sum(-1) for each in (p, t)]
    return (shares[0] + shares[1]) / 2


def _images(rng) -> Iterator[Case]:
    x = rng.normal(size=(3, 9, 8, 4))

    def channels_first(function):
        return lambda x, *rest: function(x.permute(0, 3, 1, 2), *rest).permute(0, 2, 3, 1)

    def conv(size, channels, features, *, pads=(0, 0, 0, 0), **settings):
        kernel = rng.normal(size=(*size, channels, features))
        given = {"groups": 1} | settings
        ours = functools.partial(layers.convolve2d, **_ours(given, pads))

        def theirs(x, kernel):
            x = F.pad(x, (pads[2], pads[3], pads[0], pads[1]))  # the last axis comes first
            return F.conv2d(x, kernel.permute(3, 2, 0, 1), **_theirs(given))

        shown = ", ".join(f"{key} {value}" for key, value in ({"kernel": size} | settings).items())
        return case(ours, channels_first(theirs), x, kernel, peer="F.conv2d",
                    name=f"convolve2d, {shown}", setting="NCHW, OIHW")  # fmt: skip

    def _ours(given, pads):
        pairs = ((pads[0], pads[1]), (pads[2], pads[3]))
        return given | {"padding": pairs if any(pads) else "VALID"}

    def _theirs(given):
        return {{"strides": "stride"}.get(key, key): value for key, value in given.items()}

    yield conv((3, 3), 4, 5)
    yield conv((3, 2), 4, 5, pads=(1, 1, 0, 1))
    yield conv((3, 3), 4, 5, pads=(1, 2, 0, 1), strides=(2, 3))
    yield conv((3, 3), 4, 5, dilation=(2, 2))
    yield conv((3, 3), 2, 6, groups=2)
    yield conv((3, 3), 1, 8, groups=4)
    same = rng.normal(size=(4, 3, 4, 5))
    yield case(layers.convolve2d, channels_first(
                   lambda x, w: F.conv2d(x, w.permute(3, 2, 0, 1), padding="same")), x, same,
               peer="F.conv2d", name="convolve2d, SAME", setting='padding="same"')  # fmt: skip

    pooled = (layers.max_of_windows, F.max_pool2d), (layers.mean_of_windows, F.avg_pool2d)
    for ours, theirs in pooled:
        uncounted = {"count_include_pad": False} if theirs is F.avg_pool2d else {}
        yield case(ours, channels_first(functools.partial(theirs, kernel_size=2)), x,
                   peer=f"F.{theirs.__name__}")  # fmt: skip
        yield case(
            functools.partial(ours, window=3, strides=2, padding=((1, 1), (1, 1))),
            channels_first(functools.partial(
                theirs, kernel_size=3, stride=2, padding=1, **uncounted)),
            x, peer=f"F.{theirs.__name__}", name=f"{ours.__name__}, strided and padded",
            setting="count_include_pad=False" if uncounted else "",
        )  # fmt: skip
    ties = np.round(x)
    yield case(layers.max_of_windows, channels_first(functools.partial(
                   F.max_pool2d, kernel_size=2)), ties, peer="F.max_pool2d",
               name="max_of_windows, tied maxima", setting="the first takes it")  # fmt: skip
    yield case(layers.max_of_image, lambda x: F.adaptive_max_pool2d(
                   x.permute(0, 3, 1, 2), 1).flatten(1), x, peer="F.adaptive_max_pool2d",
               setting="to one place")  # fmt: skip
    yield case(layers.mean_of_image, lambda x: F.adaptive_avg_pool2d(
                   x.permute(0, 3, 1, 2), 1).flatten(1), x, peer="F.adaptive_avg_pool2d",
               setting="to one place")  # fmt: skip


def _normalisation(rng) -> Iterator[Case]:
    rows, features = 12, 5
    x = 3 + 2 * rng.normal(size=(rows, features))
    scale, bias, mean = rng.normal(size=(3, features))
    variance = rng.uniform(0.5, 2, features)
    known = [torch.from_numpy(each) for each in (mean, variance)]
    same_eps = "eps = epsilon, PyTorch's default being 1e-5 and ours 1e-3"
    yield case(functools.partial(layers.normalize_batch, epsilon=1e-5),
               lambda x, g, b: F.batch_norm(x, None, None, g, b, training=True), x, scale, bias,
               peer="F.batch_norm", setting=same_eps)  # fmt: skip
    standardize = functools.partial(layers.standardize, epsilon=1e-5)
    rule = vjp_of(standardize)
    yield Case("standardize", "F.batch_norm", "training=False; eps = epsilon",
               lambda x, g, b: standardize(x, mean, variance, g, b),
               lambda x, g, b, dy: rule(x, mean, variance, g, b, dy),
               lambda x, g, b: F.batch_norm(x, *known, g, b), (x, scale, bias))  # fmt: skip
    yield case(functools.partial(layers.normalize_features, epsilon=1e-5),
               lambda x, g, b: F.layer_norm(x, (features,), g, b), x, scale, bias,
               peer="F.layer_norm", setting=same_eps)  # fmt: skip
    yield Case("batch_norm, running moments", "F.batch_norm",
               "momentum = 1 - ours; PyTorch's running variance is that of N - 1, here times"
               " (N - 1)/N", _running_moments, None, _torch_running_moments, (x,))  # fmt: skip


def _running_moments(x):
    layer = layers.batch_norm(momentum=0.9)
    params, state, _ = layer.init(jax.random.key(0), x.shape[1:])
    nothing = state._replace(mean=0 * state.mean, variance=0 * state.variance)
    return tuple(layer.forward(params, nothing, x, None, True)[1])


def _torch_running_moments(x):
    mean, variance = torch.zeros(2, x.shape[1], dtype=x.dtype)
    F.batch_norm(x.detach(), mean, variance, training=True, momentum=0.1)
    return mean, variance * (len(x) - 1) / len(x)
