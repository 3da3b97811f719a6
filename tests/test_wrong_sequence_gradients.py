"""Wrong gradients of the sequence layers: every one is caught."""

import functools

import jax
import jax.numpy as jnp

from jaxnn import gradcheck, layers, losses
from jaxnn.activations import sigmoid, softmax, softmax_vjp, tanh
from jaxnn.layers.cells import lstm_cell
from tests.mistakes import Mistakes, all_judges

NORM = layers.layer_norm(epsilon=0.1)  # that of the blocks in the table


def replaced(position, change):
    """The right gradients but for one, which is change(gradient)."""

    def wrong(rule, *inputs):
        gradients = list(rule(*inputs))
        gradients[position] = change(gradients[position])
        return tuple(gradients)

    return wrong


def lstm_with(change):
    """The LSTM cell's rule with other gradients of its four net inputs, i, f, g and o."""

    def wrong(rule, projected, carry, kernel, dy):
        _, dcarry, _ = rule(projected, carry, kernel, dy)
        a = jnp.split(projected + carry[1] @ kernel, 4, axis=-1)
        da = jnp.split(rule(projected, carry, kernel, dy)[0], 4, axis=-1)
        da = jnp.concatenate(change(a, da, carry), axis=-1)
        return da, (dcarry[0], da @ kernel.T), carry[1].T @ da

    return wrong


def gate_slope_of_the_neighbour(a, da, carry):
    """sigmoid' of the forget gate's net input at the input gate."""
    slope = [sigmoid(x) * (1 - sigmoid(x)) for x in a]
    return [da[0] / slope[0] * slope[1], *da[1:]]


def slope_of_a_sigmoid_at_the_candidate(a, da, carry):
    g = tanh(a[2])
    return [da[0], da[1], da[2] / (1 - g * g) * sigmoid(a[2]) * (1 - sigmoid(a[2])), da[3]]


def without_the_output_gates_slope(a, da, carry):
    return [*da[:3], da[3] / (sigmoid(a[3]) * (1 - sigmoid(a[3])))]


def order_i_f_o_g(a, da, carry):
    return [da[0], da[1], da[3], da[2]]


def memory_read_once(rule, projected, carry, kernel, dy):
    """What the next step says of the memory is dropped."""
    return rule(projected, carry, kernel, (jnp.zeros_like(dy[0]), dy[1]))


def output_read_never(rule, projected, carry, kernel, dy):
    return rule(projected, carry, kernel, (dy[0], jnp.zeros_like(dy[1])))


def forget_gate_forgotten(rule, projected, carry, kernel, dy):
    """Dc = dc'' instead of f dc''."""
    da, (dc, dh), dkernel = rule(projected, carry, kernel, dy)
    f = sigmoid((projected + carry[1] @ kernel)[:, 3:6])
    return da, (dc / f, dh), dkernel


def slope_of_the_old_memory(rule, projected, carry, kernel, dy):
    """tanh' at c instead of c'."""
    o = sigmoid((projected + carry[1] @ kernel)[:, -3:])
    c, _ = lstm_cell(projected, carry, kernel)
    too_much = o * dy[1] * (tanh(c) ** 2 - tanh(carry[0]) ** 2)
    return rule(projected, carry, kernel, (dy[0] + too_much, dy[1]))


def truncated(steps):
    """Back-propagation through the last few steps only, as if the carry before were given."""

    def wrong(rule, projected, carry, weights, dy):
        early = projected.shape[1] - steps
        carries = layers.unroll(projected, carry, weights, cell=rule.keywords["cell"])
        middle = jax.tree.map(lambda leaf: leaf[:, early - 1], carries)
        first, last = (
            jax.tree.map(lambda leaf, part=part: leaf[:, part], (projected, dy))
            for part in (slice(early), slice(early, None))
        )
        start, dcarry, dfirst = rule(first[0], carry, weights, first[1])
        end, _, dlast = rule(last[0], middle, weights, last[1])
        both = jax.tree.map(jnp.add, dfirst, dlast)
        return jnp.concatenate([start, end], axis=1), dcarry, both

    return wrong


def last_steps_weights_only(rule, projected, carry, weights, dy):
    """The shared weights get the gradient of one step instead of the sum over all."""
    dprojected, dcarry, _ = rule(projected, carry, weights, dy)
    before = layers.unroll(projected, carry, weights, cell=rule.keywords["cell"])[:, -2]
    return dprojected, dcarry, (before.T @ dprojected[:, -1],)


def outputs_for_the_carries_before(rule, projected, carry, weights, dy):
    """DU = sum_t h_t^T dq_t, one step late."""
    dprojected, dcarry, _ = rule(projected, carry, weights, dy)
    after = layers.unroll(projected, carry, weights, cell=rule.keywords["cell"])
    return dprojected, dcarry, (jnp.einsum("bti,btj->ij", after, dprojected),)


def slopes_of_the_step_before(rule, projected, carry, weights, dy):
    dprojected, *rest = rule(projected, carry, weights, dy)
    slope = 1 - layers.unroll(projected, carry, weights, cell=rule.keywords["cell"]) ** 2
    return dprojected / slope * jnp.roll(slope, 1, axis=1), *rest


def forward_in_time(rule, projected, carry, weights, dy):
    """The gradients of the steps in the order in which they were computed: the last first."""
    dprojected, *rest = rule(projected, carry, weights, dy)
    return dprojected[:, ::-1], *rest


def own_gate_reset(rule, projected, h, kernel, bias, dy):
    """The candidate's gradient passes h U as if it had not been multiplied by r."""
    dp, dh, dkernel, _ = rule(projected, h, kernel, bias, dy)
    return dp, dh, dkernel, dp[:, -3:].sum(0)


def reset_before(rule, projected, h, kernel, bias, dy):
    """dU of the other variant, (r h) U."""
    dp, dh, dkernel, dbias = rule(projected, h, kernel, bias, dy)
    r = sigmoid(projected[:, :3] + h @ kernel[:, :3])
    return dp, dh, dkernel.at[:, 6:].set((r * h).T @ dp[:, 6:]), dbias


def update_gate_of_the_other_sign(rule, projected, h, kernel, bias, dy):
    dp, *rest = rule(projected, h, kernel, bias, dy)
    return dp.at[:, 3:6].multiply(-1), *rest


def direct_way_of_the_state_dropped(rule, projected, h, kernel, bias, dy):
    """H has two ways to h'; the one past the gates is forgotten."""
    dp, dh, *rest = rule(projected, h, kernel, bias, dy)
    z = sigmoid(projected[:, 3:6] + h @ kernel[:, 3:6])
    return dp, dh - z * dy, *rest


def attention_parts(q, k, dy, v):
    weights = softmax(q @ k.mT / 2)  # sqrt(dim) = 2
    return weights, dy @ v.mT


def diagonal_softmax(rule, q, k, v, dy):
    weights, dweights = attention_parts(q, k, dy, v)
    dscores = weights * (1 - weights) * dweights / 2
    return dscores @ k, dscores.mT @ q, weights.mT @ dy


def softmax_over_the_queries(rule, q, k, v, dy):
    weights, dweights = attention_parts(q, k, dy, v)
    dscores = softmax_vjp(q @ k.mT / 2, dweights, axis=-2) / 2
    return dscores @ k, dscores.mT @ q, weights.mT @ dy


def keys_for_queries(rule, q, k, v, dy):
    dq, dk, dv = rule(q, k, v, dy)
    return dk, dq, dv


def weights_not_transposed(rule, q, k, v, dy):
    dq, dk, _ = rule(q, k, v, dy)
    return dq, dk, attention_parts(q, k, dy, v)[0] @ dy


def mask_ignored(rule, q, k, v, dy):
    return rule.func(q, k, v, dy)


def mask_of_the_scores_only(rule, q, k, v, dy):
    """A query that may read nothing reads all alike: softmax of -inf everywhere."""
    dv = rule(q, k, v, dy)[2]
    return *rule(q, k, v, dy)[:2], dv.at[0].add(dy[0, 1] / v.shape[-2])


def heads_mixed_up(rule, x, in_kernel, in_bias, out_kernel, out_bias, dy):
    """The features are cut as [dim, heads] on the way back."""
    dx, dkernel, dbias, *rest = rule(x, in_kernel, in_bias, out_kernel, out_bias, dy)
    mixed = dkernel.reshape(4, 3, 2, 2).swapaxes(-1, -2).reshape(4, 12)
    return dx, mixed, dbias, *rest


def one_head_for_all(rule, x, in_kernel, in_bias, out_kernel, out_bias, dy):
    return rule.func(x, in_kernel, in_bias, out_kernel, out_bias, dy)


def values_for_keys(rule, x, in_kernel, in_bias, out_kernel, out_bias, dy):
    dx, dkernel, *rest = rule(x, in_kernel, in_bias, out_kernel, out_bias, dy)
    q, k, v = jnp.split(dkernel, 3, axis=-1)
    return dx, jnp.concatenate([q, v, k], axis=-1), *rest


def causal_in_the_wrong_direction(rule, params, x, state, key, dy):
    """The backward pass of the same layer over the reversed sequence."""
    dparams, dx = rule(params, x[:, ::-1], state, key, dy[:, ::-1])
    return dparams, dx[:, ::-1]


def skip_dropped(rule, params, x, state, key, dy):
    dparams, dx = rule(params, x, state, key, dy)
    return dparams, dx - dy


def with_norm(norm):
    """The rule of an encoder block with another norm."""

    def wrong(rule, params, x, state, key, dy):
        smooth = layers.tanh
        block = layers.encoder_block(4, 2, 5, norm=norm, norm_first=False, activation=smooth)
        return block.backward(params, block.forward(params, state, x, key, True)[2], dy)

    return wrong


def statistics_constant(params, x, dy):
    dparams, _ = NORM.backward(params, x, dy)
    deviation = jnp.sqrt(x.var(axis=-1, keepdims=True) + 0.1)
    return dparams, jnp.broadcast_to(params["scale"], dy.shape) * dy / deviation


WRONG = {
    "duplicate ids overwrite": (
        "lookup",
        lambda rule, table, ids, dy: jnp.zeros_like(table).at[ids].set(dy),
    ),
    "ids counted from 1": (
        "lookup",
        lambda rule, table, ids, dy: jnp.roll(rule(table, ids, dy), 1, axis=0),
    ),
    "mean instead of the sum over duplicates": (
        "lookup",
        lambda rule, table, ids, dy: (
            rule(table, ids, dy) / jnp.maximum(rule(table, ids, jnp.ones_like(dy)), 1)
        ),
    ),
    "slope of the output missing": (
        "elman_cell",
        lambda rule, a, h, u, dy: (dy, dy @ u.T, h.T @ dy),
    ),
    "recurrent kernel not transposed": (
        "elman_cell",
        lambda rule, a, h, u, dy: (
            rule(a, h, u, dy)[0],
            rule(a, h, u.T, dy)[1],
            rule(a, h, u, dy)[2],
        ),
    ),
    "state gradient dropped": ("elman_cell", replaced(1, jnp.zeros_like)),
    "recurrent kernel gradient dropped": ("gru_cell", replaced(2, jnp.zeros_like)),
    "reset gate not applied to the bias": ("gru_cell", own_gate_reset),
    "the other variant of the GRU": ("gru_cell", reset_before),
    "update gate of the other sign": ("gru_cell", update_gate_of_the_other_sign),
    "direct way of the state dropped": ("gru_cell", direct_way_of_the_state_dropped),
    "slope of the wrong gate": ("lstm_cell", lstm_with(gate_slope_of_the_neighbour)),
    "sigmoid for tanh": ("lstm_cell", lstm_with(slope_of_a_sigmoid_at_the_candidate)),
    "gate without its slope": ("lstm_cell", lstm_with(without_the_output_gates_slope)),
    "gates in another order": ("lstm_cell", lstm_with(order_i_f_o_g)),
    "cotangent of the memory ignored": ("lstm_cell", memory_read_once),
    "cotangent of the output ignored": ("lstm_cell", output_read_never),
    "slope of the old memory": ("lstm_cell", slope_of_the_old_memory),
    "forget gate forgotten on the way back": ("lstm_cell", forget_gate_forgotten),
    "truncated after two steps": ("unroll (elman)", truncated(2)),
    "truncated after four steps": ("unroll (lstm)", truncated(4)),
    "weights of the last step only": ("unroll (elman)", last_steps_weights_only),
    "outputs for the carries before": ("unroll (elman)", outputs_for_the_carries_before),
    "slopes of the step before": ("unroll (elman)", slopes_of_the_step_before),
    "steps in reverse": ("unroll (gru)", forward_in_time),
    "gradient of the first carry dropped": (
        "unroll (lstm)",
        replaced(1, lambda dcarry: jax.tree.map(jnp.zeros_like, dcarry)),
    ),
    "only the last step is read": (
        "elman (sequences, square)",
        lambda rule, params, x, state, key, dy: rule(params, x, state, key, dy.at[:, :-1].set(0)),
    ),
    "softmax Jacobian taken for diagonal": (
        "dot_product_attention (queries and keys)",
        diagonal_softmax,
    ),
    "softmax over the other axis": (
        "dot_product_attention (queries and keys)",
        softmax_over_the_queries,
    ),
    "missing 1/sqrt(dim) at the queries": (
        "dot_product_attention (queries and keys)",
        replaced(0, lambda dq: 2 * dq),
    ),
    "1/dim at the keys": (
        "dot_product_attention (queries and keys)",
        replaced(1, lambda dk: dk / 2),
    ),
    "queries for keys": ("dot_product_attention (square)", keys_for_queries),
    "weights not transposed": ("dot_product_attention (square)", weights_not_transposed),
    "mask ignored": ("dot_product_attention (mask)", mask_ignored),
    "nothing to read taken for everything": (
        "dot_product_attention (mask)",
        mask_of_the_scores_only,
    ),
    "heads mixed up": ("multi_head_attention (num_heads=2)", heads_mixed_up),
    "one head for all": ("multi_head_attention (num_heads=2)", one_head_for_all),
    "values for keys": ("multi_head_attention (num_heads=2)", values_for_keys),
    "output bias averaged": (
        "multi_head_attention (num_heads=2)",
        replaced(4, lambda dbias: dbias / 10),
    ),
    "causal the other way round": ("self_attention (causal)", causal_in_the_wrong_direction),
    "positions scaled": ("add_positions", lambda rule, x, dy: dy * jnp.sqrt(x.shape[-1])),
    "skip dropped": ("residual", skip_dropped),
    "skip dropped in the block": ("encoder_block (norm first)", skip_dropped),
    "epsilon of another block": (
        "encoder_block (norm last)",
        with_norm(layers.layer_norm()),
    ),
    "statistics of the block's norm as constants": (
        "encoder_block (norm last)",
        with_norm(NORM._replace(backward=statistics_constant)),
    ),
    "mean taken for a sum": ("mean_of_steps", lambda rule, x, dy: rule(x, dy) * x.shape[1]),
    "last step alone": (
        "mean_over_steps",
        lambda rule, params, x, state, key, dy: (params, jnp.zeros_like(x).at[:, -1].set(dy)),
    ),
    "columns as steps": (
        "rows_as_steps (one channel)",
        lambda rule, params, x, state, key, dy: (
            params,
            dy.reshape(x.shape[0], 3, 4).swapaxes(1, 2),
        ),
    ),
    "smoothed targets forgotten": (
        "smoothed_softmax_cross_entropy (alpha=0.4)",
        lambda rule, z, y, dy: losses.softmax_cross_entropy_vjp(z, y, dy),
    ),
    "alpha / K forgotten": (
        "smoothed_softmax_cross_entropy (alpha=0.4)",
        lambda rule, z, y, dy: (
            dy[:, None] * (softmax(z) - 0.6 * jax.nn.one_hot(y, 4, dtype=z.dtype))
        ),
    ),
    "smoothing not undone": ("smooth_labels", lambda rule, t, dy: dy),
}


MISTAKES = Mistakes(all_judges(WRONG), "losses", "sequences")


@MISTAKES.each
def test_wrong_gradient_is_caught_by_all_judges(mistake):
    MISTAKES.assert_caught(mistake)


def test_the_same_changes_pass_where_they_change_nothing():
    for name, nothing in (
        ("lstm_cell", lstm_with(lambda a, da, carry: da)),
        ("elman_cell", replaced(1, lambda dh: dh)),
    ):
        row = MISTAKES.rows[name]
        rules = [functools.partial(nothing, row.vjp)]
        (report,) = gradcheck.check_rules_of_case(row, rules)
        assert report.passed, str(report)
