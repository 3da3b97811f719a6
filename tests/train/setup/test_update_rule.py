"""Every transformation of optax trains as it does in a plain loop, or is refused in a sentence."""

import dataclasses
import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from optax import contrib

from jaxnn import data, layers, losses, train
from jaxnn.train.lanes import layout
from jaxnn.train.program import program
from jaxnn.train.setup import update_rule

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of optax's own
STEPS = 4
RNG = np.random.default_rng(0)
INPUTS = RNG.normal(size=(STEPS, 10, 4)).astype(np.float32)
LABELS = (INPUTS[..., 0] > 0).astype(np.int32)
NORMALIZED = optax.chain(contrib.normalize(), optax.sgd(0.1))
SHARPER = functools.partial(contrib.sam, optax.sgd(0.3), NORMALIZED)
SUM = lambda updates, **_: jax.tree.reduce(jnp.add, jax.tree.map(jnp.sum, updates))  # noqa: E731
ODD = lambda step, **_: step % 2 == 1  # noqa: E731


@pytest.fixture(autouse=True)
def promotion_of_users():
    """That of optax is not strict."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


# what each needs besides a learning rate of 0.3, where it takes one
SETTINGS = {
    "adaptive_grad_clip": (0.1,), "add_decayed_weights": (0.1,), "add_noise": (0.1, 0.5, 0),
    "apply_every": (2,), "apply_if_finite": (optax.sgd(0.3), 2),
    "chain": (optax.clip(0.1), optax.scale(-0.3)), "clip": (0.1,), "clip_by_block_rms": (0.1,),
    "clip_by_global_norm": (0.1,), "conditionally_mask": (optax.sgd(0.3), ODD),
    "conditionally_transform": (optax.sgd(0.3), ODD), "ema": (0.5,),
    "flatten": (optax.adam(0.3),), "freeze": ({"kernel": True, "bias": False},),
    "lookahead": (optax.sgd(0.3), 2, 0.5),
    "masked": (optax.sgd(0.3), {"kernel": True, "bias": False}),
    "multi_transform": ({"a": optax.sgd(0.3), "b": optax.adam(0.1)}, {"kernel": "a", "bias": "b"}),
    "named_chain": (("clip", optax.clip(0.1)), ("scale", optax.scale(-0.3))),
    "noisy_sgd": (0.3, 0.1, 0.5, 0),
    "partition": ({"a": contrib.schedule_free_sgd(0.3), "b": optax.adam(0.1)},
                  {"kernel": "a", "bias": "b"}),
    "scale": (-0.3,), "scale_by_backtracking_linesearch": (8,),
    "scale_by_learning_rate": (0.3,), "scale_by_schedule": (lambda step: -0.3 / (step + 1),),
    "scale_by_zoom_linesearch": (8,),
    "selective_transform": (optax.sgd(0.3),), "snapshot": ("sum", SUM),
    "stateless": (lambda updates, params: jax.tree.map(lambda u, p: -0.3 * u - 0.1 * p, updates,
                                                       params),),
    "stateless_with_tree_map": (lambda u, p: -0.3 * u,), "trace": (0.9,),
    "with_extra_args_support": (optax.sgd(0.3),),
    "mechanize": (optax.sgd(0.3),), "sam": (optax.sgd(0.3), NORMALIZED),
    "schedule_free": (optax.sgd(0.3), 0.3), "split_real_and_imaginary": (optax.adam(0.3),),
}  # fmt: skip
KEYWORDS = {
    "galore": {"rank": 1}, "scale_by_galore": {"rank": 1},  # that of a gradient for two classes
    "selective_transform": {"freeze_mask": {"kernel": False, "bias": True}},
}  # fmt: skip
MADE_BY = {
    "inject_hyperparams": lambda: optax.inject_hyperparams(optax.adam)(0.3),
    "inject_stateful_hyperparams": lambda: optax.inject_stateful_hyperparams(optax.adam)(0.3),
    "MultiSteps": lambda: optax.MultiSteps(optax.sgd(0.3), 2),
    "opaque sam": lambda: SHARPER(opaque_mode=True),
    "sam, aside": lambda: SHARPER(sync_period=3),
    "lookahead in a chain": lambda: optax.chain(
        optax.clip(0.1), optax.lookahead(optax.adam(0.3), 3, 0.5)
    ),
    "plateau": lambda: optax.chain(
        optax.sgd(0.3), contrib.reduce_on_plateau(patience=1, cooldown=0, accumulation_size=1)
    ),
    "a key of its own": lambda: optax.noisy_sgd(0.3, 0.1, 0.5, key=jax.random.key(5, impl="rbg")),
}
PRIVATE = "clips the gradient of each example .* a run gives it the gradient of the whole batch"
REFUSED = {
    "dpsgd": (PRIVATE, (0.3, 1.0, 0.1, 0)),
    "differentially_private_aggregate": (PRIVATE, (1.0, 0.1, 0)),
    "measure_with_ema": ("update of the params is another tree than they", (SUM, 0.5)),
    "scale_by_muon": (
        "cannot update these params, called as a run does: pytree",
        (),
    ),  # optax.contrib.muon spares biases
}


def transformations():
    """The names of all that make one, in optax and optax.contrib."""
    found = {"hutchinson_estimator_diag_hessian": contrib, "dog": contrib, "dowg": contrib}
    for module in (optax, contrib):
        for name, function in inspect.getmembers(module, inspect.isfunction):
            returned = str(inspect.signature(function).return_annotation)
            if "GradientTransformation" in returned and not name.startswith("_"):
                found[name] = module
    return found


def made(name):
    if name in MADE_BY:
        return MADE_BY[name]()
    function = getattr(transformations()[name], name)
    parameters = list(inspect.signature(function).parameters.values())
    takes_rate = parameters and parameters[0].name == "learning_rate"
    settings = SETTINGS.get(name, (0.3,) if takes_rate else ())
    settings = REFUSED[name][1] if name in REFUSED else settings
    return function(*settings, **KEYWORDS.get(name, {}))


NAMES = sorted({*transformations(), *MADE_BY} - {*REFUSED})


def run(optimizer):
    return train.Run(
        model=layers.dense(2), loss=losses.softmax_cross_entropy, optimizer=optimizer, epochs=1,
        batch_size=10, metrics={},
    )  # fmt: skip


def by_a_run(setup):
    """The params that it answers with after these steps, as the compiled program takes them."""
    lane = program.LaneInputs({}, jnp.uint32(0), jnp.int32(STEPS), None, None)

    def batch(step):
        return data.Examples(jnp.asarray(INPUTS)[step], jnp.asarray(LABELS)[step])

    carry = program._start(setup, lane.seed, (4,))
    carry = program._train(setup, carry, lane, 0, batch, STEPS, jnp.ones(()))
    return program.outcome(carry)[0]


def loss(params, x, y):
    logits = x @ params["kernel"] + params["bias"]
    return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()


def by_a_plain_loop(name, rule, params):
    """The same, as optax's own examples have it."""
    if isinstance(rule, optax.MultiSteps):
        rule = rule.gradient_transformation()
    if "lookahead" in name:
        params = optax.LookaheadParams.init_synced(params)
    state = rule.init(params)
    for x, y in zip(INPUTS, LABELS, strict=True):
        of_batch = functools.partial(loss, x=x, y=y)
        value, grad = jax.value_and_grad(of_batch)(getattr(params, "fast", params))
        extra = {}
        if "linesearch" in name or name == "lbfgs":
            extra = {"value": value, "grad": grad, "value_fn": of_batch}
        elif any(word in name for word in ("polyak", "momo", "plateau")):
            extra = {"value": value}
        elif name in ("sophia", "hutchinson_estimator_diag_hessian"):
            extra = {"obj_fn": of_batch}
        elif name == "opaque sam":
            extra = {"grad_fn": lambda params, _, f=of_batch: jax.grad(f)(params)}
        updates, state = rule.update(grad, state, params, **extra)
        params = optax.apply_updates(params, updates)
    return meant(name, state, params)


def meant(name, state, params):
    """Which of its params the rule's authors have the network use."""
    if "lookahead" in name:
        return params.slow
    if name == "partition":  # the kernel alone is schedule-free
        free = state.inner_states["a"].inner_state
        return params | {"kernel": (params["kernel"] - 0.1 * free.z["kernel"]) / 0.9}
    if name.startswith("schedule_free"):
        return contrib.schedule_free_eval_params(state, params)
    if "sam" in name and name != "opaque sam" and int(state.steps_since_sync):
        return state.cache
    return params


@pytest.mark.parametrize("start", range(0, len(NAMES), 16))
def test_each_transformation_trains_as_in_a_plain_loop(start):
    names = NAMES[start : start + 16]
    setups = {name: run(made(name)) for name in names}
    found = jax.jit(lambda: {name: by_a_run(setup) for name, setup in setups.items()})()
    params, _ = train.initial(setups[names[0]], 0, (4,))
    for name in names:
        update_rule.check(setups[name].optimizer, params)
        expected = by_a_plain_loop(name, made(name), params)
        for leaf in params:
            np.testing.assert_allclose(
                found[name][leaf], expected[leaf], rtol=2e-4, atol=2e-5, err_msg=name
            )


@pytest.fixture(scope="module")
def dataset():
    x, y = INPUTS.reshape(-1, 4), LABELS.reshape(-1)
    return data.from_arrays(x, y, x[:20] + 1, y[:20], name="planes")


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_run_cannot_follow_is_refused_before_it_trains(name, dataset):
    with pytest.raises(ValueError, match=REFUSED[name][0]):
        run(made(name)).check_against(dataset)


def rule_of(update):
    return optax.GradientTransformationExtraArgs(lambda params: (), update)


@pytest.mark.parametrize(
    ("update", "message"),
    [
        (lambda u, s, p: (jax.tree.map(lambda x: x[..., :1], u), s),
         r"update of the params is at \['bias'\] float32 of shape \(1,\), not .* \(2,\)"),
        (lambda u, s, p: (jax.tree.map(lambda x: x.astype(jnp.float16), u), s),
         r"at \['bias'\] float16 .* none is broadcast or cast"),
        (lambda u, s, p: (u, (jnp.zeros(2),)),
         "optimizer's state after an update is another tree than before"),
        (lambda u, s, p, *, loss: (u, s), r"missing 1 .*'loss'.* it may ask for value, grad,"),
    ],
)  # fmt: skip
def test_a_rule_of_ones_own_is_looked_at_too(update, message, dataset):
    with pytest.raises(ValueError, match=message):
        run(rule_of(update)).check_against(dataset)


@pytest.mark.quick
def test_a_rule_is_given_what_it_names_and_no_more(dataset):
    rule = rule_of(lambda u, s, p, value: (jax.tree.map(lambda x: -0.1 * value * x, u), s))
    run(rule).check_against(dataset)


@pytest.mark.parametrize("name", ["schedule_free_sgd", "lookahead", "sam, aside"])
def test_results_and_evaluations_are_of_the_params_that_a_rule_stands_for(name, dataset):
    def setup():
        stop = train.EarlyStopping(patience=9, monitor="test_loss")
        norm = {"norm": lambda params: jnp.abs(params["kernel"]).sum()}
        return dataclasses.replace(
            run(made(name)),
            epochs=2,
            monitors=norm,
            early_stopping=stop if "free" in name else None,
        )

    result = train.fit(setup, dataset)
    best = int(result.history.best_epoch) - 1 if "free" in name else -1
    found = {n: float(result.history[n][best]) for n in ("norm", "test_loss")}
    expected = loss(result.params, dataset.test.inputs, dataset.test.labels)
    np.testing.assert_allclose(found["test_loss"], expected, rtol=1e-5)
    np.testing.assert_allclose(found["norm"], np.abs(result.params["kernel"]).sum(), rtol=1e-5)


@pytest.mark.parametrize("name", ["a key of its own", "lookahead"])
def test_what_a_rule_remembers_is_kept_in_a_checkpoint(name, dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(layout, "MIN_CHUNK_SECONDS", 0)

    def setup():
        return dataclasses.replace(run(made(name)), epochs=20)

    def stop(done):
        if done.first_epoch > 4:
            raise KeyboardInterrupt

    whole, seen = train.fit(setup, dataset), []
    with pytest.raises(KeyboardInterrupt):
        train.fit(setup, dataset, checkpoint_dir=tmp_path, on_chunk=stop)
    resumed = train.fit(setup, dataset, checkpoint_dir=tmp_path, on_chunk=seen.append)
    assert seen[0].first_epoch > 0
    jax.tree.map(np.testing.assert_array_equal, resumed.params, whole.params)


def test_line_searches_descend_by_the_gradient_by_hand(dataset):
    """Which is told from that by autodiff by a rule that is wrong on purpose."""
    backwards = layers.Layer(
        *layers.dense(2)[:2], lambda *a: jax.tree.map(jnp.negative, layers.dense(2).backward(*a)),
        "backwards",
    )  # fmt: skip

    def ends(**changes):
        setup = dataclasses.replace(run(optax.lbfgs()), batch_size=None, epochs=20, **changes)
        return float(train.fit(lambda: setup, dataset).history.train_loss[-1])

    assert ends(model=backwards, gradient="autodiff") < 0.05
    assert ends(model=backwards) > 0.3
