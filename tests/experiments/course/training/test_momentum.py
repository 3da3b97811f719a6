import numpy as np
import pytest

from experiments.course.training import momentum
from jaxnn import optimizers
from tests.experiments.altered import change, committed_results, statuses


@pytest.mark.quick
@pytest.mark.parametrize("curvature", [1.0, 7.0, 50.0])
@pytest.mark.parametrize("pair", [(0.03, 0.0), (0.03, 0.5), (0.0392, 0.9), (0.001, 0.9)])
def test_the_closed_form_solves_the_recursion(curvature, pair):
    learning_rate, decay = pair
    theta, velocity, path = 1.0, 0.0, []
    for _ in range(100):
        path.append(theta)
        velocity = decay * velocity + learning_rate * curvature * theta
        theta -= velocity
    exact = momentum.heavy_ball(curvature, learning_rate, decay, np.arange(100))
    np.testing.assert_allclose(exact, path, rtol=1e-9, atol=1e-12)


@pytest.mark.quick
def test_the_closed_form_holds_where_the_roots_coincide():
    learning_rate, decay = momentum.valley_settings()["best momentum"]
    for curvature in momentum.CURVATURES:
        theta, velocity, path = 1.0, 0.0, []
        for _ in range(60):
            path.append(theta)
            velocity = decay * velocity + learning_rate * curvature * theta
            theta -= velocity
        exact = momentum.heavy_ball(curvature, learning_rate, decay, np.arange(60))
        np.testing.assert_allclose(exact, path, rtol=1e-6, atol=1e-9)


@pytest.fixture
def committed():
    return committed_results("momentum")


@pytest.mark.quick
def test_the_committed_numbers_reproduce_every_claim(committed):
    assert set(statuses(momentum, committed).values()) == {"reproduced"}


PLAIN, SAME_STEP, _ = momentum.valley_settings()
PAIR = {"learning_rate": 0.01, "momentum": 0.9}


def take_paths(dataset, source, target):
    """The dataset with the path and closed form of one descent in the place of another's."""
    for name in ("path", "closed_form"):
        values = dataset[name].sel(descent=source).values
        dataset = change(dataset, name, lambda _, values=values: values, descent=target)
    return dataset


@pytest.mark.parametrize(
    ("claim", "alter"),
    [
        ("poor-conditioning", lambda d: take_paths(d, SAME_STEP, PLAIN)),
        ("poor-conditioning", lambda d: change(d, "path", lambda _: 1, descent=PLAIN, step=180)),
        ("momentum-path", lambda d: change(d, "path", lambda old: old + 1e-9, step=7)),
        ("momentum-path", lambda d: take_paths(d, PLAIN, SAME_STEP)),
        ("momentum-path", lambda d: change(d, "train_loss", lambda old: old + 9, **PAIR)),
    ],
)  # fmt: skip
def test_numbers_that_speak_against_a_claim_contradict_it(claim, alter, committed):
    assert statuses(momentum, alter(committed))[claim] == "contradicted"


@pytest.mark.quick
def test_more_way_across_the_valley_contradicts_the_path(committed):
    wide = committed
    for name in ("path", "closed_form"):  # a jump to and fro, long before the last step
        wide = change(wide, name, lambda _: 99.0, descent=SAME_STEP, step=5, axis="y")
    assert statuses(momentum, wide)["momentum-path"] == "contradicted"


@pytest.mark.quick
@pytest.mark.parametrize("claim", ["momentum-update", "momentum-expansion"])
def test_a_velocity_that_forgets_is_contradicted(claim, committed, monkeypatch):
    monkeypatch.setattr(
        optimizers, "momentum", lambda rate, decay: optimizers.gradient_descent(rate)
    )
    assert statuses(momentum, committed)[claim] == "contradicted"


@pytest.mark.parametrize(
    ("part", "claims"),
    [
        ({"momentum": [0.0, 0.5]}, ["momentum-path"]),
        ({"momentum": [0.9]}, ["momentum-path"]),
        ({"learning_rate": [0.1]}, ["momentum-path"]),
        ({"seed": [0]}, ["momentum-path"]),
        ({"step": range(100)}, ["momentum-path", "poor-conditioning"]),
        ({"step": [0]}, ["momentum-path", "poor-conditioning"]),
    ],
)
def test_what_was_not_run_is_not_judged_and_still_drawn(part, claims, committed):
    custom = committed.sel(part)
    assert {statuses(momentum, custom)[claim] for claim in claims} == {"not judged"}
    momentum.draw(custom)


@pytest.mark.quick
def test_a_pair_of_which_few_seeds_are_finite_is_not_judged(committed):
    lost = change(committed, "train_loss", lambda _: np.nan, **PAIR, seed=range(6))
    assert statuses(momentum, lost)["momentum-path"] == "not judged"
