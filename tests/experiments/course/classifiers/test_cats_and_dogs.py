import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.course.classifiers import cats_and_dogs
from experiments.course.classifiers.cats_and_dogs import runs
from jaxnn import data, logistic_regression
from tests.experiments.altered import change, committed_results, statuses


@pytest.fixture
def committed():
    return committed_results("cats_and_dogs")


@pytest.mark.parametrize(
    ("claim", "variable", "value", "where"),
    [
        ("dogs-vs-cats-gallery", "thumbnails", lambda old: old + 1, {"animal": "dog"}),
        ("backprop-six-steps", "cost", lambda old: 0 * old + 0.2, {"size": 200, "draw": 3}),
        ("dogs-vs-cats-labels", "images", lambda old: 0 * old, {"animal": "dog"}),
        ("r-train-accuracy", "train_accuracy", lambda old: old - 0.01, {"draw": 3}),
        ("r-train-accuracy", "small_test_accuracy", lambda old: 0.1 * old + 0.8, {}),
        ("r-cost-curve", "cost", lambda old: old + 1, {"iteration": 1}),
        ("r-cost-curve", "cost", lambda old: 0 * old + 0.1, {"iteration": 5000}),
        ("r-lr-sweep", "train_accuracy", lambda old: old - 0.01, {"learning_rate": 0.002}),
        ("r-lr-sweep", "small_test_accuracy", lambda old: 0.1 * old + 0.8,
         {"learning_rate": 0.005}),
        ("r-lr-sweep", "test_accuracy", lambda old: old + 0.03, {"learning_rate": 0.002}),
        ("r-lr-curves", "cost", lambda old: 0.3 * old, {"learning_rate": 0.005, "iteration": 500}),
        ("r-lr-curves", "cost", lambda old: 0.3 * old, {"learning_rate": 0.002, "draw": 3}),
    ],
)  # fmt: skip
def test_altered_numbers_contradict_a_claim(claim, variable, value, where, committed):
    assert statuses(cats_and_dogs, committed)[claim] == "reproduced"
    changed = change(committed, variable, value, **where)
    assert statuses(cats_and_dogs, changed)[claim] == "contradicted"


@pytest.mark.parametrize("part", [{"size": [50]}, {"draw": [0, 1, 2]}, {"learning_rate": [0.002]}])
def test_what_was_not_run_is_not_judged_and_still_drawn(part, committed):
    custom = committed.sel(part)
    found = statuses(cats_and_dogs, custom)
    assert {found[claim] for claim in ("r-train-accuracy", "r-lr-sweep")} == {"not judged"}
    cats_and_dogs.draw(custom)


def test_only_the_course_of_the_printed_costs_is_compared(committed):
    def told(dataset):
        verdicts = {verdict.claim: verdict for verdict in cats_and_dogs.judge(dataset)}
        assert verdicts["r-train-costs"].status == "not judged"
        return verdicts["r-train-costs"].measured

    assert "; 9 of the slide's other nine" in told(committed)
    slower = change(committed, "cost", lambda old: 2 * old, iteration=5000)
    assert "; 8 of the slide's other nine" in told(slower)


def test_the_descent_in_the_span_is_that_on_the_pixels():
    rng = np.random.default_rng(0)
    x, x_test = rng.normal(size=(12, 60)), rng.normal(size=(5, 60))
    y = rng.integers(0, 2, 12).astype(np.int32)
    config = cats_and_dogs.Config(learning_rates=(0.1, 0.01), iterations=50)
    fit, images, unseen = runs.fit_in_span(x, y, x_test, config)
    pixels = jnp.asarray(x, jnp.float32)
    start = logistic_regression.initialize_with_zeros(60)
    for lane, rate in enumerate(config.learning_rates):
        plain = logistic_regression.optimize(
            start, pixels, jnp.asarray(y), learning_rate=rate, num_steps=50
        )
        np.testing.assert_allclose(fit.costs[lane], plain.costs, rtol=1e-4)
        params = jax.tree.map(lambda leaf, lane=lane: leaf[lane], fit.params)
        for ours, theirs in ((images, pixels), (unseen, jnp.asarray(x_test, jnp.float32))):
            np.testing.assert_allclose(
                logistic_regression.probabilities(params, ours),
                logistic_regression.probabilities(plain.params, theirs),
                atol=1e-5,
            )


@pytest.mark.quick
def test_every_image_is_standardised_by_itself():
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3)).astype(np.uint8)
    rows = runs.standardized(images)
    np.testing.assert_allclose(rows.mean(1), 0, atol=1e-12)
    np.testing.assert_allclose(rows.std(1, ddof=1), 1)


@pytest.mark.quick
def test_without_the_images_nothing_is_judged(monkeypatch):
    def load(name):
        raise data.DataNotFoundError(name)

    monkeypatch.setattr(runs.data, "load", load)
    nothing = cats_and_dogs.run(cats_and_dogs.QUICK)
    assert {v.status for v in cats_and_dogs.judge(nothing)} == {"not judged"}
    cats_and_dogs.draw(nothing)


def test_an_array_that_is_no_picture_is_contradicted(committed):
    assert statuses(cats_and_dogs, committed)["r-raw-array"] == "reproduced"
    other = committed.assign(pixels=300 * committed.pixels)
    assert statuses(cats_and_dogs, other)["r-raw-array"] == "contradicted"
