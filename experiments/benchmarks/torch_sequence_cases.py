"""Layers over sequences that PyTorch has, too: recurrent ones, attention, the encoder block."""

import functools
from collections.abc import Iterator

import jax
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (PyTorch's own name for it)

from experiments.benchmarks.torch_cases import Case, case
from jaxnn import layers


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
    batch, time, features, units = 3, 6, 4, 5
    x = rng.normal(size=(batch, time, features))
    table, ids = rng.normal(size=(9, features)), rng.integers(0, 9, (batch, time))
    kernel, bias = rng.normal(size=(features, units)), rng.normal(size=units)
    yield case(layers.affine, lambda x, w, b: F.linear(x, w.T, b), x, kernel, bias,
               peer="F.linear", setting="weight = kernel transposed")  # fmt: skip
    yield case(layers.lookup, lambda table, ids: F.embedding(ids, table), table, fixed=(ids,),
               peer="F.embedding")  # fmt: skip
    h, c = rng.normal(size=(2, batch, units))

    def draw(gates):
        params = {"kernel": rng.normal(size=(features, gates * units)) / 2,
                  "bias": rng.normal(size=gates * units),
                  "recurrent_kernel": rng.normal(size=(units, gates * units)) / 2}  # fmt: skip
        return params | ({"recurrent_bias": rng.normal(size=units)} if gates == 3 else {})

    def given(params):
        """PyTorch's w_ih, w_hh, b_ih, b_hh."""
        extra = torch.zeros_like(params["bias"])
        if "recurrent_bias" in params:
            extra = torch.cat([extra[: 2 * units], params["recurrent_bias"]])
        return [params["kernel"].T, params["recurrent_kernel"].T, params["bias"], extra]

    eye, none = torch.eye(4 * units).double(), torch.zeros(4 * units).double()

    def cell(function, gates):
        """PyTorch's cell of what ours takes: the share of the input ready made, by a kernel I."""
        size = gates * units

        def theirs(projected, carry, kernel, *bias):
            rest = torch.zeros(size, dtype=kernel.dtype)
            if bias:
                rest = torch.cat([rest[: 2 * units], *bias])
            carry = carry if gates != 4 else (carry[1], carry[0])  # ours is (c, h)
            answer = function(projected, carry, eye[:size, :size], kernel.T, none[:size], rest)
            return answer if gates != 4 else (answer[1], answer[0])

        return theirs

    kernels = {gates: draw(gates) for gates in (1, 3, 4)}
    projected = {gates: rng.normal(size=(batch, gates * units)) for gates in kernels}
    yield case(layers.elman_cell, cell(torch.rnn_tanh_cell, 1), projected[1], h,
               kernels[1]["recurrent_kernel"], peer="rnn_tanh_cell")  # fmt: skip
    yield case(layers.gru_cell, cell(torch.gru_cell, 3), projected[3], h,
               kernels[3]["recurrent_kernel"], kernels[3]["recurrent_bias"],
               peer="gru_cell", setting="b_hh = 0 for r and z")  # fmt: skip
    yield case(layers.lstm_cell, cell(torch.lstm_cell, 4), projected[4], (c, h),
               kernels[4]["recurrent_kernel"], peer="lstm_cell", setting="b_hh = 0")  # fmt: skip

    def sequence(function, gates):
        def theirs(params, x):
            start = torch.zeros(1, batch, units, dtype=x.dtype)
            start = (start, start) if gates == 4 else start
            settings = (True, 1, 0.0, True, False, True)  # biases, layers, ..., batch first
            return function(x, start, given(params), *settings)[0]

        return theirs

    for layer, function, gates in (
        (layers.elman, torch.rnn_tanh, 1), (layers.gru, torch.gru, 3), (layers.lstm, torch.lstm, 4)
    ):  # fmt: skip
        peer = function.__name__.partition("_")[0].upper()
        yield _layer_case(layer(units, return_sequences=True), sequence(function, gates),
                          kernels[gates], x, peer=f"nn.{peer}",
                          setting="b_hh = 0" + (" for r and z" if gates == 3 else ""))  # fmt: skip


def _attention(rng) -> Iterator[Case]:
    batch, time, features, heads, hidden = 3, 6, 8, 2, 10
    q, k, v = rng.normal(size=(3, batch, heads, time, 4))
    mask = layers.causal_mask(time)
    yield case(layers.dot_product_attention, F.scaled_dot_product_attention, q, k, v,
               peer="F.scaled_dot_product_attention")  # fmt: skip
    yield case(functools.partial(layers.dot_product_attention, mask=mask),
               functools.partial(F.scaled_dot_product_attention, is_causal=True), q, k, v,
               name="dot_product_attention, causal", peer="F.scaled_dot_product_attention",
               setting="is_causal=True")  # fmt: skip
    x = rng.normal(size=(batch, time, features))

    def attention_params():
        shapes = {"in_kernel": (features, 3 * features), "in_bias": (3 * features,),
                  "out_kernel": (features, features), "out_bias": (features,)}  # fmt: skip
        return {name: rng.normal(size=shape) / 2 for name, shape in shapes.items()}

    def torch_attention(params):
        return {"in_proj_weight": params["in_kernel"].T, "in_proj_bias": params["in_bias"],
                "out_proj.weight": params["out_kernel"].T,
                "out_proj.bias": params["out_bias"]}  # fmt: skip

    module = torch.nn.MultiheadAttention(features, heads, batch_first=True, dtype=torch.float64)

    def attend(params, x):
        call = {"need_weights": False}
        return torch.func.functional_call(module, torch_attention(params), (x, x, x), call)[0]

    yield _layer_case(layers.self_attention(heads), attend, attention_params(), x,
                      peer="nn.MultiheadAttention", setting="kernels transposed")  # fmt: skip

    def norm_params():
        return {"scale": rng.normal(size=features), "bias": rng.normal(size=features)}

    def dense_params(n_in, n_out):
        return {"kernel": rng.normal(size=(n_in, n_out)) / 2, "bias": rng.normal(size=n_out)}

    for norm_first in (True, False):
        block = layers.encoder_block(
            features, heads, hidden, norm=layers.layer_norm(epsilon=1e-5), norm_first=norm_first
        )
        peer = torch.nn.TransformerEncoderLayer(
            features, heads, hidden, dropout=0.0, batch_first=True, norm_first=norm_first,
            dtype=torch.float64,
        )  # fmt: skip
        params: tuple
        network = (dense_params(features, hidden), (), dense_params(hidden, features))
        if norm_first:
            params = ((norm_params(), attention_params()), (norm_params(), network))
        else:
            params = (attention_params(), norm_params(), network, norm_params())

        def theirs(params, x, norm_first=norm_first, peer=peer):
            if norm_first:
                (norm1, attention), (norm2, (first, _, second)) = params
            else:
                attention, norm1, (first, _, second), norm2 = params
            names = {f"self_attn.{name}": leaf for name, leaf in torch_attention(attention).items()}
            for name, dense in (("linear1", first), ("linear2", second)):
                names |= {f"{name}.weight": dense["kernel"].T, f"{name}.bias": dense["bias"]}
            for name, norm in (("norm1", norm1), ("norm2", norm2)):
                names |= {f"{name}.weight": norm["scale"], f"{name}.bias": norm["bias"]}
            return torch.func.functional_call(peer, names, (x,))

        yield _layer_case(
            block._replace(name=f"encoder_block, norm {'first' if norm_first else 'last'}"),
            theirs, params, x, peer="nn.TransformerEncoderLayer",
            setting=f"dropout=0, eps = epsilon, norm_first={norm_first}",
        )  # fmt: skip
