"""An optax transformation as a run carries it: any of them, given what it asks for.

Some ask for more than gradients, keep keys in their state, or train other params than those that
they stand for. Here all of them become alike: init and update over plain arrays.
"""

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp

if TYPE_CHECKING:
    import optax


class Lookahead(NamedTuple):
    """The state of a rule with `optax.lookahead` in it, which steps two sets of params."""

    rule: Any
    slow: Any  # the params that it stands for


@jax.tree_util.register_static
class _Kind(str):
    """The name of a kind of keys, as structure."""

    __slots__ = ()


class _Key(NamedTuple):
    data: jax.Array
    kind: _Kind


def init(optimizer: "optax.GradientTransformation", params: Any) -> Any:
    """The state that a rule starts from."""
    import optax

    state = optimizer.init(params)
    if _found(state, optax.LookaheadState):
        state = Lookahead(state, params)
    return _without_keys(state)


def update(
    optimizer: "optax.GradientTransformation",
    gradient: Callable,
    found: tuple[Any, Any],
    state: Any,
    params: Any,
) -> tuple[Any, Any]:
    """The updates of the params, and the next state.

    Args:
      optimizer: the rule.
      gradient: params -> (objective, grads), on the batch of this step, its key and its state.
      found: what it gave for these params.
      state: of the rule.
      params: of the network.
    """
    import optax

    state, (objective, grads) = _with_keys(state), found
    extra = {"value": objective, "grad": grads, "value_fn": _value_fn(gradient)}
    if not _found(state, _line_searches()):  # which take no other arguments
        extra |= {"obj_fn": extra["value_fn"], "grad_fn": lambda params, _: gradient(params)[1]}
    extra = _taken(optimizer, extra)
    if not isinstance(state, Lookahead):
        updates, state = optimizer.update(grads, state, params, **extra)
        return updates, _without_keys(state)
    both = optax.LookaheadParams(params, state.slow)
    (updates, slow), rule = optimizer.update(grads, state.rule, both, **extra)
    slow = optax.apply_updates(state.slow, slow)
    return updates, _without_keys(Lookahead(rule, slow))


def stands_for(state: Any, params: Any) -> Any:
    """The params with which a rule means the network to be used, which it may not train itself.

    Those of a schedule-free rule are x = (y - (1 - b1) z) / b1, where y are trained [Defazio et al.
    2024, eq. 3 to 5]; those of lookahead the slow ones [Zhang et al. 2019]; those of sharpness-
    aware minimization without the step towards the sharper side [Foret et al. 2021].
    """
    import optax

    if isinstance(state, Lookahead):
        return state.slow
    for free in _found(state, optax.contrib.ScheduleFreeState):
        b1 = free.b1
        params = _where_it_acts(lambda z, y, b1=b1: (y - (1 - b1) * z) / b1, free.z, params)
    for sharp in _found(state, optax.contrib.SAMState):
        if sharp.cache is not None:
            is_aside = sharp.steps_since_sync > 0
            params = _where_it_acts(
                lambda kept, p, aside=is_aside: jnp.where(aside, kept, p), sharp.cache, params
            )
    return params


def check(optimizer: "optax.GradientTransformation", params: Any) -> None:
    """Finds out, before anything is compiled, whether a run can follow the rule.

    Raises:
      ValueError: the updates have not the shapes and dtypes of the params, or the rule needs what
        a run does not give it.
    """
    import optax

    state = jax.eval_shape(lambda p: init(optimizer, p), params)
    if _found(state, optax.contrib.DifferentiallyPrivateAggregateState):
        raise ValueError(
            "the optimizer clips the gradient of each example (dpsgd,"
            " differentially_private_aggregate), but a run gives it the gradient of the whole"
            " batch: train with it in a loop of your own, over jax.vmap(backprop.by_hand(...))"
        )
    number = jax.eval_shape(lambda: jnp.zeros((), jnp.result_type(float)))

    def one(value, params, state):
        return update(optimizer, lambda p: (value, p), (value, params), state, params)

    try:
        updates, after = jax.eval_shape(one, number, params, state)
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"the optimizer cannot update these params, called as a run does:"
            f" {str(error).splitlines()[0]} (besides the gradient it may ask for value, grad,"
            " value_fn and obj_fn, functions of the params on the step's batch, and grad_fn)"
        ) from error
    _check_alike(updates, params, "the optimizer's update of the params", "they")
    _check_alike(after, state, "the optimizer's state after an update", "before")


def _check_alike(given: Any, wanted: Any, what: str, than: str) -> None:
    pairs = jax.tree_util.tree_leaves_with_path(given), jax.tree_util.tree_leaves_with_path(wanted)
    if str(jax.tree.structure(given)) != str(jax.tree.structure(wanted)):
        raise ValueError(
            f"{what} is another tree than {than}: {jax.tree.structure(given)}, not"
            f" {jax.tree.structure(wanted)}"
        )
    for (path, new), (_, old) in zip(*pairs, strict=True):
        if (new.shape, new.dtype) != (old.shape, old.dtype):
            raise ValueError(
                f"{what} is at {jax.tree_util.keystr(path)} {new.dtype} of shape {new.shape}, not"
                f" {old.dtype} of shape {old.shape} as {than}: none is broadcast or cast"
            )


def _value_fn(gradient: Callable) -> Callable:
    """params -> the objective, of which `jax.grad` takes the run's own gradient."""

    @jax.custom_vjp
    def value(params):
        return gradient(params)[0]

    def backward(grads, dvalue):
        return (jax.tree.map(lambda g: dvalue.astype(g.dtype) * g, grads),)

    value.defvjp(gradient, backward)
    return value


def _line_searches() -> tuple[type, ...]:
    import optax

    return optax.ScaleByBacktrackingLinesearchState, optax.ScaleByZoomLinesearchState


def _taken(optimizer: Any, extra: dict[str, Any]) -> dict[str, Any]:
    """Those of the arguments that the rule takes."""
    parameters = inspect.signature(optimizer.update).parameters.values()
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters):
        return extra
    names = [p.name for p in parameters if p.kind is not inspect.Parameter.POSITIONAL_ONLY]
    return {name: value for name, value in extra.items() if name in names[3:]}


def _found(state: Any, kind: type | tuple[type, ...]) -> list[Any]:
    """The states of that kind within a state."""
    leaves = jax.tree.leaves(state, is_leaf=lambda node: isinstance(node, kind))
    return [leaf for leaf in leaves if isinstance(leaf, kind)]


def _where_it_acts(function: Callable, own: Any, params: Any) -> Any:
    """The function of a rule's own leaves and the params; params that are masked from it stay."""
    import optax

    def is_masked(node):
        return isinstance(node, optax.MaskedNode)

    return jax.tree.map(
        lambda leaf, p: p if is_masked(leaf) else function(leaf, p), own, params, is_leaf=is_masked
    )


def _without_keys(state: Any) -> Any:
    """Keys as the numbers that they are made of, which can be copied, compared and saved."""

    def plain(leaf):
        if not jnp.issubdtype(jnp.asarray(leaf).dtype, jax.dtypes.prng_key):
            return jnp.asarray(leaf)
        return _Key(jax.random.key_data(leaf), _Kind(jax.random.key_impl(leaf)))

    return jax.tree.map(plain, state)


def _with_keys(state: Any) -> Any:
    return jax.tree.map(
        lambda leaf: (
            jax.random.wrap_key_data(leaf.data, impl=str(leaf.kind))
            if isinstance(leaf, _Key)
            else leaf
        ),
        state,
        is_leaf=lambda node: isinstance(node, _Key),
    )
