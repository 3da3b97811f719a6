import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.course.training import depth
from experiments.course.training.depth import runs
from jaxnn import layers, train
from tests.experiments.altered import change, committed_results, statuses

STRAIGHT, BENT = "without activation", "ReLU"


@pytest.fixture
def committed():
    return committed_results("depth")


@pytest.mark.parametrize(
    ("claim", "variable", "value", "where"),
    [
        ("two-layer-boundary", "bend", 1e-3, {"panel": STRAIGHT, "seed": 3}),
        ("two-layer-boundary", "bend", 1e-9, {"panel": BENT, "seed": 3}),
        ("two-layer-boundary", "accuracy", 0.8, {"task": "moons"}),
        ("activation-role", "collapse_error", 1e-3, {"panel": STRAIGHT, "seed": 3}),
        ("activation-role", "linear_accuracy", 0.95, {"linear_depth": 2}),
        ("activation-role", "accuracy", 0.8, {"task": "moons"}),
        ("deep-learning-definition", "probe_accuracy", 0.3, {"network": "trained", "layer": 3}),
        ("deep-learning-definition", "probe_accuracy", 1.0, {"network": "trained", "layer": 1}),
        ("deep-learning-definition", "probe_accuracy", 1.0, {"network": "start", "layer": 4}),
    ],
)
def test_altered_numbers_contradict_a_claim(claim, variable, value, where, committed):
    changed = change(committed, variable, lambda old: value + 0 * old.fillna(0), **where)
    assert statuses(depth, changed)[claim] == "contradicted"


def test_layers_that_separate_better_and_better_reproduce_the_claim(committed):
    rising = 0.5 + 0.1 * committed.layer + 0.001 * committed.seed + 0 * committed.probe_accuracy
    rising = rising.where(rising.network == "trained", 0.6)
    changed = committed.assign(probe_accuracy=rising.transpose(*committed.probe_accuracy.dims))
    assert statuses(depth, changed)["deep-learning-definition"] == "reproduced"


@pytest.mark.parametrize(
    ("part", "claims"),
    [
        ({"panel": [STRAIGHT]}, ["two-layer-boundary", "activation-role"]),
        ({"linear_depth": [1, 2]}, ["two-layer-boundary", "activation-role"]),
        ({"depth": [1, 2]}, ["two-layer-boundary", "activation-role"]),
        ({"budget": [60]}, ["two-layer-boundary", "activation-role"]),
        ({"seed": [0, 1, 2]},
         ["two-layer-boundary", "activation-role", "deep-learning-definition"]),
    ],
)  # fmt: skip
def test_what_was_not_run_is_not_judged_and_still_drawn(part, claims, committed):
    custom = committed.sel(part)
    assert {statuses(depth, custom)[claim] for claim in claims} == {"not judged"}
    depth.draw(custom)


def test_a_quick_run_is_drawn_and_judges_nothing():
    quick = depth.run(dataclasses.replace(depth.QUICK, seeds=1, budgets=(20,)))
    assert set(statuses(depth, quick).values()) == {"not judged"}
    depth.draw(quick)


@pytest.mark.parametrize("hidden", range(4))
@pytest.mark.parametrize("budget", [60, 120, 240])
def test_the_networks_have_as_many_parameters_as_counted(hidden, budget):
    run = depth.runs.setup("relu", hidden, budget, 50)
    params, _ = train.initial(run, 0, (2,))
    counted = runs.num_params(hidden, runs.width_of(hidden, budget) if hidden else 0)
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == counted
    assert hidden == 0 or abs(counted - budget) <= 0.25 * budget


def test_without_activation_the_layers_collapse_to_one_to_rounding():
    network = runs.setup("identity", 3, 60, 50).model
    params, state, _ = network.init(jax.random.key(1), (2,))
    params = jax.tree.map(lambda leaf: leaf + jnp.float32(0.1), params)  # biases too
    points = jax.random.normal(jax.random.key(2), (50, 2))
    outputs, _, _ = network.forward(params, state, points, None, False)
    product = runs.collapse(params)
    np.testing.assert_allclose(layers.affine(points, **product), outputs, rtol=1e-4)


@pytest.mark.quick
def test_what_an_affine_function_leaves():
    points = np.random.default_rng(0).normal(size=(500, 2))
    assert runs.bend_of(points, points @ [2.0, -1.0] + 3) < 1e-20
    assert runs.bend_of(points, np.ones(500)) == 0
    assert 0.9 < runs.bend_of(points, points[:, 0] * points[:, 1]) <= 1


def test_a_probe_reads_what_a_line_can_part_and_no_more():
    rng = np.random.default_rng(0)
    seen, fresh = rng.normal(size=(2, 400, 2)).astype(np.float32)
    parted, xor = (
        (lambda x: (x[:, 0] > 0.3).astype(np.int32)),
        (lambda x: (x[:, 0] * x[:, 1] > 0).astype(np.int32)),
    )
    assert runs.read(seen, parted(seen), fresh, parted(fresh)) > 0.97
    assert runs.read(seen, xor(seen), fresh, xor(fresh)) < 0.65


def test_the_hidden_layers_lead_to_the_networks_output():
    run = runs.setup("relu", 2, 60, 50)
    params, state = train.initial(run, 0, (2,))
    points = runs.draw_points("spirals", 0)
    *_, (_, _, last, _) = runs.hidden_layers(params, points)
    outputs, _, _ = run.model.forward(params, state, jnp.asarray(points.test.inputs), None, False)
    np.testing.assert_allclose(
        layers.affine(jnp.asarray(last), **params[-1]), outputs, rtol=1e-4, atol=1e-5
    )


@pytest.mark.quick
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"depths": (0, 1)}, "depths="),
        ({"budgets": (3,)}, "budgets="),
        ({"linear_depths": ()}, "linear_depths="),
        ({"panels": ("relu",)}, "give some of"),
        ({"epochs": 10}, "epochs=10"),
    ],
)
def test_settings_that_cannot_be_run_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        depth.Config(**settings)
