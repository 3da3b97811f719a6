"""The rows of the layers that read sequences."""

import numpy as np

from jaxnn import layers
from jaxnn.gradcheck.case import Case, case, layer_case


def sequence_cases() -> list[Case]:
    return [*_embeddings(), *_cells(), *_recurrent_layers(), *_attention(), *_steps()]


def _embeddings() -> list[Case]:
    random = np.random.default_rng(0)
    table, ids = random.normal(size=(5, 3)), np.array([[1, 4, 1], [0, 1, 4]])  # with duplicates
    embedding = layers.embedding(5, 3)
    return [
        case(layers.lookup, table, ids),
        case(layers.lookup, table, ids[0, 0], note="no batch"),
        layer_case("embedding", embedding, (3,), layers.lookup, x=ids + 0.5),  # cut to the ids
    ]


def _cells() -> list[Case]:
    random = np.random.default_rng(0)

    def draw(*shape):
        return random.normal(size=shape)

    c, h, bias = draw(4, 3), draw(4, 3), draw(3)
    projected, kernel = draw(4, 12), draw(3, 12) / 2
    gru = projected[:, :9], h, kernel[:, :9], bias
    several, steps = (0, 1, 2), draw(4, 5, 12)
    return [
        case(layers.elman_cell, projected[:, :3], h, kernel[:, :3], argnums=several),
        case(layers.gru_cell, *gru, argnums=(0, 1, 2, 3)),
        case(layers.lstm_cell, projected, (c, h), kernel, argnums=several),
        case(layers.lstm_cell, projected[0], (c[0], h[0]), kernel, argnums=several, note="alone"),
        *(
            case(layers.unroll, steps[..., :n], start, weights, argnums=several, note=n_, cell=cell)
            for n_, cell, n, start, weights in (
                ("elman", layers.elman_cell, 3, h, (kernel[:, :3],)),
                ("gru", layers.gru_cell, 9, h, (kernel[:, :9], bias)),
                ("lstm", layers.lstm_cell, 12, (c, h), (kernel,)),
            )
        ),
    ]


def _recurrent_layers() -> list[Case]:
    rows = []
    for make in (layers.elman, layers.gru, layers.lstm):
        name = make.__name__
        of = layers.unroll, getattr(layers, f"{name}_cell"), layers.affine
        rows += [
            layer_case(name, make(3), (5, 2), *of),
            layer_case(f"{name} (sequences, square)", make(3, return_sequences=True), (4, 3), *of),
        ]
    return [
        *rows,
        layer_case("lstm (one step, width 1, batch 1)", layers.lstm(1), (1, 1), *of, batch=1),
        layer_case("lstm of lstm", layers.serial(*_stack()), (4, 2), layers.serial, *of),
    ]


def _stack() -> list[layers.Layer]:
    return [layers.lstm(3, return_sequences=True), layers.lstm(2), layers.dense(2)]


def _attention() -> list[Case]:
    random = np.random.default_rng(0)

    def draw(*shape):
        return random.normal(size=shape)

    q, k, v = draw(2, 3, 4), draw(2, 5, 4), draw(2, 5, 3)
    mask = random.random((2, 3, 5)) < 0.6
    mask[0, 1] = False  # a query that may read nothing
    x, in_kernel, out_kernel = draw(2, 5, 4), draw(4, 12) / 2, draw(4, 4) / 2
    several = (x, in_kernel, draw(12), out_kernel, draw(4))
    all_five = (0, 1, 2, 3, 4)
    causal, causal_layer = np.tril(np.ones((5, 5), bool)), layers.self_attention(2, causal=True)
    positions = layers.positional_encoding()
    parts = layers.multi_head_attention, layers.dot_product_attention

    def attend(*inputs, note, mask=None):
        masked = {} if mask is None else {"mask": mask}
        attention = layers.dot_product_attention
        return case(attention, *inputs, argnums=(0, 1, 2), note=note, **masked)

    def block(name, **settings):
        norm, smooth = layers.layer_norm(epsilon=0.1), layers.tanh
        layer = layers.encoder_block(4, 2, 5, norm=norm, activation=smooth, **settings)
        return layer_case(f"encoder_block ({name})", layer, (3, 4), layers.encoder_block, *parts)

    return [
        attend(q, k, v, note="queries and keys"),
        attend(x, x + draw(2, 5, 4), x[..., :3], note="square"),
        attend(q, k, v, note="mask", mask=mask),
        attend(q[0], k[0], v[0], note="no batch"),
        case(layers.multi_head_attention, *several, argnums=all_five, num_heads=2),
        case(layers.multi_head_attention, *several, argnums=all_five, note="one head"),
        case(
            layers.multi_head_attention, *several, argnums=all_five, note="causal", num_heads=4,
            mask=causal,
        ),
        case(layers.add_positions, x),
        layer_case("positional_encoding", positions, (5, 3), layers.add_positions),
        layer_case("self_attention", layers.self_attention(2), (5, 4), *parts),
        layer_case("self_attention (causal)", causal_layer, (5, 4), *parts),
        layer_case("self_attention (one step, width 1)", layers.self_attention(1), (1, 1), *parts),
        layer_case("residual", layers.residual(layers.tanh), (3,), layers.residual),
        block("norm first"),
        block("norm last", norm_first=False),
    ]  # fmt: skip


def _steps() -> list[Case]:
    x = np.random.default_rng(0).normal(size=(3, 4, 2))
    return [
        case(layers.mean_of_steps, x),
        layer_case("mean_over_steps", layers.mean_over_steps, (4, 2), layers.mean_of_steps),
        layer_case("rows_as_steps", layers.rows_as_steps, (4, 3, 2), layers.reshape),
        layer_case("rows_as_steps (one channel)", layers.rows_as_steps, (4, 3), layers.reshape),
    ]
