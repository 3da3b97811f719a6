"""Layers over sequences that PyTorch has, too: recurrent ones, attention, the encoder block."""

import functools
from collections.abc import Iterator

import jax
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (PyTorch's own name for it)

from experiments.benchmarks.torch_cases import Case, case
from jaxnn import layers

BATCH, TIME, FEATURES, UNITS = 3, 6, 4, 5  # of the recurrent layers
WIDTH, HEADS, HIDDEN = 8, 2, 10  # of attention and its block


def cases() -> Iterator[Case]:
    """All of them, from the single step to the block."""
    rng = np.random.default_rng(0)
    yield from _sequences(rng)
    yield from _attention(rng)


def _layer_case(layer: layers.Layer, theirs, params, x, *, peer, setting="") -> Case:
    _, state, _ = layer.init(jax.random.key(0), x.shape[1:])

    def value(params, x):
        return layer.forward(params, state, x, None, True)[0]

    def vjp(params, x, dy):
        saved = layer.forward(params, state, x, None, True)[2]
        return layer.backward(params, saved, dy)

    return Case(layer.name, peer, setting, value, vjp, theirs, (params, x))


def _sequences(rng) -> Iterator[Case]:
    x = rng.normal(size=(BATCH, TIME, FEATURES))
    table, ids = rng.normal(size=(9, FEATURES)), rng.integers(0, 9, (BATCH, TIME))
    kernel, bias = rng.normal(size=(FEATURES, UNITS)), rng.normal(size=UNITS)
    yield case(layers.affine, lambda x, w, b: F.linear(x, w.T, b), x, kernel, bias,
               peer="F.linear", setting="weight = kernel transposed")  # fmt: skip
    yield case(layers.lookup, lambda table, ids: F.embedding(ids, table), table, fixed=(ids,),
               peer="F.embedding")  # fmt: skip
    h, c = rng.normal(size=(2, BATCH, UNITS))
    params = {gates: _recurrent_params(rng, gates) for gates in (1, 3, 4)}
    projected = {gates: rng.normal(size=(BATCH, gates * UNITS)) for gates in params}
    yield case(layers.elman_cell, _torch_cell(torch.rnn_tanh_cell, 1), projected[1], h,
               params[1]["recurrent_kernel"], peer="rnn_tanh_cell")  # fmt: skip
    yield case(layers.gru_cell, _torch_cell(torch.gru_cell, 3), projected[3], h,
               params[3]["recurrent_kernel"], params[3]["recurrent_bias"],
               peer="gru_cell", setting="b_hh = 0 for r and z")  # fmt: skip
    yield case(layers.lstm_cell, _torch_cell(torch.lstm_cell, 4), projected[4], (c, h),
               params[4]["recurrent_kernel"], peer="lstm_cell", setting="b_hh = 0")  # fmt: skip
    for layer, function, gates in (
        (layers.elman, torch.rnn_tanh, 1), (layers.gru, torch.gru, 3), (layers.lstm, torch.lstm, 4)
    ):  # fmt: skip
        peer = function.__name__.partition("_")[0].upper()
        yield _layer_case(layer(UNITS, return_sequences=True), _torch_sequence(function, gates),
                          params[gates], x, peer=f"nn.{peer}",
                          setting="b_hh = 0" + (" for r and z" if gates == 3 else ""))  # fmt: skip


def _recurrent_params(rng, gates: int) -> dict:
    params = {"kernel": rng.normal(size=(FEATURES, gates * UNITS)) / 2,
              "bias": rng.normal(size=gates * UNITS),
              "recurrent_kernel": rng.normal(size=(UNITS, gates * UNITS)) / 2}  # fmt: skip
    return params | ({"recurrent_bias": rng.normal(size=UNITS)} if gates == 3 else {})


def _torch_cell(function, gates: int):
    """PyTorch's cell of what ours takes: the share of the input ready made, by a kernel I."""
    size = gates * UNITS
    eye, none = torch.eye(size).double(), torch.zeros(size).double()

    def theirs(projected, carry, kernel, *bias):
        rest = torch.zeros(size, dtype=kernel.dtype)
        if bias:
            rest = torch.cat([rest[: 2 * UNITS], *bias])
        carry = carry if gates != 4 else (carry[1], carry[0])  # ours is (c, h)
        answer = function(projected, carry, eye, kernel.T, none, rest)
        return answer if gates != 4 else (answer[1], answer[0])

    return theirs


def _torch_sequence(function, gates: int):
    def theirs(params, x):
        start = torch.zeros(1, BATCH, UNITS, dtype=x.dtype)
        start = (start, start) if gates == 4 else start
        settings = (True, 1, 0.0, True, False, True)  # biases, layers, ..., batch first
        return function(x, start, _torch_weights(params), *settings)[0]

    return theirs


def _torch_weights(params: dict) -> list:
    """PyTorch's w_ih, w_hh, b_ih, b_hh."""
    extra = torch.zeros_like(params["bias"])
    if "recurrent_bias" in params:
        extra = torch.cat([extra[: 2 * UNITS], params["recurrent_bias"]])
    return [params["kernel"].T, params["recurrent_kernel"].T, params["bias"], extra]


def _attention(rng) -> Iterator[Case]:
    q, k, v = rng.normal(size=(3, BATCH, HEADS, TIME, 4))
    mask = layers.causal_mask(TIME)
    yield case(layers.dot_product_attention, F.scaled_dot_product_attention, q, k, v,
               peer="F.scaled_dot_product_attention")  # fmt: skip
    yield case(functools.partial(layers.dot_product_attention, mask=mask),
               functools.partial(F.scaled_dot_product_attention, is_causal=True), q, k, v,
               name="dot_product_attention, causal", peer="F.scaled_dot_product_attention",
               setting="is_causal=True")  # fmt: skip
    x = rng.normal(size=(BATCH, TIME, WIDTH))
    module = torch.nn.MultiheadAttention(WIDTH, HEADS, batch_first=True, dtype=torch.float64)

    def attend(params, x):
        call = {"need_weights": False}
        return torch.func.functional_call(module, _torch_attention(params), (x, x, x), call)[0]

    yield _layer_case(layers.self_attention(HEADS), attend, _attention_params(rng), x,
                      peer="nn.MultiheadAttention", setting="kernels transposed")  # fmt: skip
    yield from (_block_case(rng, x, norm_first) for norm_first in (True, False))


def _attention_params(rng) -> dict:
    shapes = {"in_kernel": (WIDTH, 3 * WIDTH), "in_bias": (3 * WIDTH,),
              "out_kernel": (WIDTH, WIDTH), "out_bias": (WIDTH,)}  # fmt: skip
    return {name: rng.normal(size=shape) / 2 for name, shape in shapes.items()}


def _torch_attention(params: dict) -> dict:
    return {"in_proj_weight": params["in_kernel"].T, "in_proj_bias": params["in_bias"],
            "out_proj.weight": params["out_kernel"].T,
            "out_proj.bias": params["out_bias"]}  # fmt: skip


def _block_case(rng, x, norm_first: bool) -> Case:
    block = layers.encoder_block(
        WIDTH, HEADS, HIDDEN, norm=layers.layer_norm(epsilon=1e-5), norm_first=norm_first
    )
    peer = torch.nn.TransformerEncoderLayer(
        WIDTH, HEADS, HIDDEN, dropout=0.0, batch_first=True, norm_first=norm_first,
        dtype=torch.float64,
    )  # fmt: skip

    def theirs(params, x):
        return torch.func.functional_call(peer, _torch_block(params, norm_first), (x,))

    return _layer_case(
        block._replace(name=f"encoder_block, norm {'first' if norm_first else 'last'}"),
        theirs, _block_params(rng, norm_first), x, peer="nn.TransformerEncoderLayer",
        setting=f"dropout=0, eps = epsilon, norm_first={norm_first}",
    )  # fmt: skip


def _block_params(rng, norm_first: bool) -> tuple:
    def norm():
        return {"scale": rng.normal(size=WIDTH), "bias": rng.normal(size=WIDTH)}

    def dense(n_in, n_out):
        return {"kernel": rng.normal(size=(n_in, n_out)) / 2, "bias": rng.normal(size=n_out)}

    network = (dense(WIDTH, HIDDEN), (), dense(HIDDEN, WIDTH))
    if norm_first:
        return (norm(), _attention_params(rng)), (norm(), network)
    return _attention_params(rng), norm(), network, norm()


def _torch_block(params: tuple, norm_first: bool) -> dict:
    if norm_first:
        (norm1, attention), (norm2, (first, _, second)) = params
    else:
        attention, norm1, (first, _, second), norm2 = params
    names = {f"self_attn.{name}": leaf for name, leaf in _torch_attention(attention).items()}
    for name, dense in (("linear1", first), ("linear2", second)):
        names |= {f"{name}.weight": dense["kernel"].T, f"{name}.bias": dense["bias"]}
    for name, norm in (("norm1", norm1), ("norm2", norm2)):
        names |= {f"{name}.weight": norm["scale"], f"{name}.bias": norm["bias"]}
    return names
