"""One call that judges a layer: its gradient, and that JAX's transformations leave it alone."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from jaxnn.gradcheck.case import Case, layer_case
from jaxnn.gradcheck.check import ArgumentReport, GradientReport, as_float64, check_gradients
from jaxnn.layers import Layer


def check_layer(
    layer: Layer,
    in_shape: tuple[int, ...],
    *,
    x: np.ndarray | None = None,
    train: bool = True,
    seed: int = 0,
    tolerance: float = 1e-10,
) -> GradientReport:
    """Judges the backward pass of a layer of your own, and what jit, vmap and shard_map make of it.

        print(gradcheck.check_layer(my_layer(3), (8,)))

    Params are the layer's own first ones with noise added, the examples are drawn. Argument 0 are
    the params, argument 1 the input.

    Args:
      layer: a triple of init, forward and backward.
      in_shape: the shape of one example.
      x: float64 [4, *in_shape], where drawn examples may fall on a kink.
      train: False for what the layer does in evaluation.
      seed: of all that is drawn.
      tolerance: largest error allowed between the layer under a transformation and alone.

    Returns:
      The report of `check_gradients` on both arguments. Where a transformation changes the numbers
      its name is among the judges that failed: "vmap" over a stack of batches, "shard_map" over the
      examples, on as many devices as there are (left out for a layer that mixes them).
    """
    row = layer_case(layer.name, layer, in_shape, batch=4, seed=seed, train=train, x=x)
    report = check_gradients(row.function, row.vjp, *row.inputs, argnums=row.argnums, seed=seed)
    if "structure" in report.failed:
        return report
    with jax.enable_x64(True), jax.default_matmul_precision("highest"):
        found = [(name, _says(judge, row, tolerance)) for name, judge in _TRANSFORMED.items()]
    wrong = {name: said for name, said in found if said}
    if not wrong:
        return report
    return report._replace(arguments=tuple(_with(a, wrong) for a in report.arguments))


def _with(report: ArgumentReport, wrong: dict[str, str]) -> ArgumentReport:
    said = "; ".join(f"under {name} {text}" for name, text in wrong.items())
    own = "" if report.verdict == "right" else f"{report.verdict}; "
    return report._replace(failed=(*report.failed, *wrong), verdict=own + said)


def _says(judge: Callable, row: Case, tolerance: float) -> str:
    """What is wrong, in words; empty where nothing is."""
    try:
        actual, expected = judge(row)
    except Exception as error:  # of the layer's code: whatever it is, it belongs in the report
        return f"it fails: {type(error).__name__}: {str(error).partition(chr(10))[0]}"
    pairs = zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True)
    errors = [np.abs(a - b).max(initial=0.0) / max(np.abs(b).max(initial=0.0), 1e-30)
              for a, b in (map(np.asarray, pair) for pair in pairs)]  # fmt: skip
    worst = max(errors, default=0.0)
    return "" if worst <= tolerance else f"its numbers are others, by {worst:.1e}"


def _both(row: Case) -> Callable:
    def both_fn(params, x, state, key):
        y = row.function(params, x, state, key)
        return y, row.vjp(params, x, state, key, jnp.cos(jnp.arange(y.size)).reshape(y.shape))

    return both_fn


def _vmapped(row: Case) -> tuple[Any, Any]:
    """Two batches at once, and one after the other."""
    params, x, state, key = jax.tree.map(as_float64, row.inputs)
    two = jnp.stack([x, 0.9 * x])
    both = jax.jit(_both(row))
    alone = [both(params, batch, state, key) for batch in two]
    expected = jax.tree.map(lambda *leaves: jnp.stack(leaves), *alone)
    return jax.jit(jax.vmap(_both(row), (None, 0, None, None)))(params, two, state, key), expected


def _sharded(row: Case) -> tuple[Any, Any]:
    """Each device its examples: the gradient by the params is summed over them by JAX itself."""
    params, x, state, key = jax.tree.map(as_float64, row.inputs)
    whole, half = (row.function(params, batch, state, key) for batch in (x, x[len(x) // 2 :]))
    if not np.allclose(whole[len(x) // 2 :], half, rtol=1e-6):
        return (), ()  # it mixes the examples, or draws for each by its place: no split is the same
    devices = jax.devices()[: max(n for n in (1, 2, 4) if n <= len(jax.devices()))]
    mesh = Mesh(np.array(devices), ("examples",))

    def parts(params, x):
        y, pullback = jax.vjp(lambda p, x: row.function(p, x, state, key), params, x)
        return y, pullback(jnp.cos(y))

    def by_hand(params, x):
        y = row.function(params, x, state, key)
        dparams, dx = row.vjp(params, x, state, key, jnp.cos(y))
        return y, (jax.tree.map(lambda g: jax.lax.psum(g, "examples"), dparams), dx)

    specs = P("examples"), (P(), P("examples"))
    split = jax.shard_map(by_hand, mesh=mesh, in_specs=(P(), P("examples")), out_specs=specs)
    return jax.jit(split)(params, x), jax.jit(parts)(params, x)


_TRANSFORMED = {"vmap": _vmapped, "shard_map": _sharded}
