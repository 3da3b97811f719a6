"""The embedding: a table of vectors, one per id, of which each example reads its own."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxnn import checks
from jaxnn.layers.layer import Layer


def lookup(
    table: Float[Array, "vocabulary features"], ids: Int[Array, "*batch"]
) -> Float[Array, "*batch features"]:
    """y_n = E[id_n], the row of the table: the product of a one-hot vector and E [Bengio 2003].

    A traced id outside [0, vocabulary) has no row: it gives a vector of zeros and no gradient, as
    its one-hot vector is 0. Negative ids do not count from the end.

    Raises:
      TypeError: the ids are no integers.
      ValueError: an id that is known, not traced, is outside [0, vocabulary).
    """
    _check_ids(table, ids)
    return jnp.asarray(table).at[ids].get(mode="fill", fill_value=0, wrap_negative_indices=False)


def lookup_vjp(
    table: Float[Array, "vocabulary features"],
    ids: Int[Array, "*batch"],
    cotangent: Float[Array, "*batch features"],
) -> Float[Array, "vocabulary features"]:
    """dE[v] = sum over the n with id_n = v of dy_n: an id that is met twice collects both."""
    _check_ids(table, ids)
    checks.cotangent(cotangent, (*ids.shape, table.shape[-1]))
    zeros = jnp.zeros_like(table)
    return zeros.at[ids].add(cotangent, mode="drop", wrap_negative_indices=False)


def _check_ids(table: Array, ids: Array) -> None:
    if not jnp.issubdtype(ids.dtype, jnp.integer):
        raise TypeError(
            f"ids must be integers, got {ids.dtype} (a layer of your own that looks ids up is"
            " given integers where its `vocabulary` says how many there are)"
        )
    if not isinstance(ids, jax.core.Tracer):
        known, vocabulary = np.asarray(ids), len(table)
        wrong = known[(known < 0) | (known >= vocabulary)]
        if wrong.size:
            raise ValueError(f"ids must be in [0, {vocabulary}), got {wrong.flat[0]}")


def embedding(
    vocabulary: int,
    features: int,
    *,
    table_init: jax.nn.initializers.Initializer = jax.nn.initializers.variance_scaling(
        1.0, "fan_out", "normal"
    ),
) -> Layer:
    """A vector of `features` learned numbers for each of the ids 0 to vocabulary - 1.

    The input is ids of any shape: integers, or floats that are whole numbers. It has no derivative:
    the backward pass gives zeros for it.

    Args:
      vocabulary: number of different ids.
      features: length of a vector.
      table_init: draws the table [vocabulary, features]; a normal of variance 1 / features.

    Raises:
      TypeError, ValueError: vocabulary or features is not an int of at least 1.
      TypeError: (from forward) the ids come as floats that cannot tell all of them apart.
    """
    checks.positive_int("vocabulary", vocabulary)
    checks.positive_int("features", features)

    def init(key, in_shape):
        return {"table": table_init(key, (vocabulary, features))}, (), (*in_shape, features)

    def forward(params, state, x, key, train):
        del key, train
        return lookup(params["table"], _whole(x, vocabulary)), state, x

    def backward(params, x, dy):
        dtable = lookup_vjp(params["table"], x.astype(jnp.int32), dy)
        return {"table": dtable}, jnp.zeros(x.shape, dy.dtype)

    name = f"embedding({vocabulary}, {features})"
    return Layer(init, forward, backward, name, vocabulary=vocabulary)


def _whole(ids: Array, vocabulary: int) -> Array:
    if jnp.issubdtype(ids.dtype, jnp.floating):
        exact = 2 ** (jnp.finfo(ids.dtype).nmant + 1)  # every integer up to it is a number
        if vocabulary - 1 > exact:
            raise TypeError(
                f"ids up to {vocabulary - 1} came as {ids.dtype}, which rounds those above"
                f" {exact}: give them as integers"
            )
    return ids.astype(jnp.int32)
