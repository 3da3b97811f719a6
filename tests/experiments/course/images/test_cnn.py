import functools

import jax
import numpy as np
import pytest

from experiments.course.images import cnn
from experiments.course.images.cnn import judges, runs
from jaxnn import data, losses, models
from tests.experiments.altered import change, committed_results, statuses


@pytest.fixture
def committed():
    return committed_results("cnn")


@pytest.fixture(scope="module")
def windows():
    """The verdict on the windows, of the library as it is."""
    return judges._judge_the_windows()


@pytest.fixture
def once(windows, monkeypatch):
    """What does not depend on the results is found out once for all tests."""
    monkeypatch.setattr(judges, "_judge_the_windows", lambda: windows)
    monkeypatch.setattr(judges, "network", NETWORK)
    monkeypatch.setattr(judges.models, "rows", ROWS)


NETWORK, ROWS = functools.cache(judges.network), functools.cache(models.rows)
END = {"epoch": 10}


@pytest.mark.usefixtures("once")
@pytest.mark.parametrize(
    ("claim", "variable", "holds", "fails"),
    [
        ("topic-cnn-r", "test_accuracy", {"cnn": 0.95, "dense": 0.9, "dense, dropout": 0.9},
         {"dense, dropout": 0.96}),
        ("flattening-loses-shape", "test_accuracy",
         {"cnn": 0.95, "cnn, shuffled": 0.9, "dense": 0.9, "dense, shuffled": 0.9},
         {"dense, shuffled": 0.88}),
        ("flattening-loses-shape", "test_accuracy",
         {"cnn": 0.95, "cnn, shuffled": 0.9, "dense": 0.9, "dense, shuffled": 0.9},
         {"cnn, shuffled": 0.95}),
        ("cnn-code-training", "test_loss", {"cnn": 0.2, "neither": 0.4}, {"neither": 0.1}),
        ("cnn-dropout-batchnorm", "test_loss", {"cnn": 0.2, "no dropout": 0.4},
         {"no dropout": 0.1}),
    ],
)  # fmt: skip
def test_altered_numbers_change_the_verdict(claim, variable, holds, fails, committed):
    """Made up on both sides: with a little chance, every seed another."""
    chance = 1e-4 * np.arange(committed.sizes["seed"])
    told = committed
    told = change(told, "validation_loss", lambda old: 0 * old, **END)
    if claim == "cnn-code-training":
        for name, accuracy in (("cnn", 0.95), ("dense", 0.9)):
            told = change(told, "test_accuracy", lambda old, a=accuracy: a + chance * a,
                          variant=name, **END)  # fmt: skip
    if claim == "cnn-dropout-batchnorm":
        for name, loss in (("cnn", 0.5), ("no batch norm", 1.0)):
            told = change(told, "train_loss", lambda old, a=loss: a + chance * a,
                          variant=name, epoch=2)  # fmt: skip
    for name, value in holds.items():
        told = change(told, variable, lambda old, a=value: a + chance * a, variant=name, **END)
    assert statuses(cnn, told)[claim] == "reproduced"
    for name, value in fails.items():
        told = change(told, variable, lambda old, a=value: a + chance * a, variant=name, **END)
    assert statuses(cnn, told)[claim] == "contradicted"


@pytest.mark.usefixtures("once")
def test_filters_that_are_edges_are_patterns_and_others_are_not(committed):
    def filters(kernel):
        return lambda old: 0 * old + (np.asarray(kernel)[..., None] + 1e-3 * old)

    corner = [[1.0, -1, 0], [-1, 1, 0], [0, 0, 0]]
    patterns = change(committed, "filters", filters(judges.SOBEL))
    assert float(judges.share_of_patterns(patterns.filters).min()) > 0.99
    assert statuses(cnn, patterns)["cnn-local-patterns"] == "reproduced"
    none = change(committed, "filters", filters(corner))
    assert statuses(cnn, none)["cnn-local-patterns"] == "contradicted"


@pytest.mark.usefixtures("once")
def test_a_hierarchy_needs_both_reach_and_a_better_read_out(committed):
    chance = 1e-3 * np.arange(committed.sizes["seed"])
    told = change(committed, "probe", lambda old: 0.8 + chance, read_out="convolution 1")
    told = change(told, "probe", lambda old: 0.9 + 1.1 * chance, read_out="convolution 4")
    assert statuses(cnn, told)["cnn-hierarchy"] == "reproduced"
    flat = change(told, "reach", lambda old: old - old + 3)
    assert statuses(cnn, flat)["cnn-hierarchy"] == "contradicted"
    worse = change(told, "probe", lambda old: 0.7 + chance, read_out="convolution 4")
    assert statuses(cnn, worse)["cnn-hierarchy"] == "contradicted"


def test_receptive_fields_are_those_of_the_arithmetic():
    reach, jump, expected = 1, 1, []
    for window, stride in ((3, 1), (3, 1), (2, 2), (3, 1), (3, 1), (2, 2)):
        reach, jump = reach + (window - 1) * jump, jump * stride
        expected.append(reach)
    assert runs.receptive_fields() == expected


def test_the_network_is_the_librarys_and_the_dense_one_as_large():
    ours = runs.network("cnn")
    library = models.conv_net(10, filters=runs.FILTERS, units=runs.UNITS)
    assert models.summary(ours, runs.SHAPE) == models.summary(library, runs.SHAPE)
    dense, convolutional = (
        sum(row.params for row in models.rows(runs.network(kind), runs.SHAPE))
        for kind in ("dense", "cnn")
    )
    assert abs(dense / convolutional - 1) < 1e-3


def test_the_slides_loss_is_the_mean_over_outputs_with_the_gradient_of_autodiff():
    with jax.enable_x64(True):
        logits = 3 * jax.random.normal(jax.random.key(0), (4, 10))
        targets = jax.nn.one_hot(np.arange(4), 10)
        loss, pullback = jax.vjp(lambda z: runs.binary_on_softmax(z, targets), logits)
        p = jax.nn.softmax(logits)
        np.testing.assert_allclose(loss, losses.binary_cross_entropy(p, targets).mean(-1))
        dy = np.cos(np.asarray(loss))
        rule = runs.binary_on_softmax_vjp(logits, targets, jax.numpy.asarray(dy))
        np.testing.assert_allclose(rule, *pullback(dy), rtol=1e-9)


def test_outputs_on_the_right_side_flatter():
    logits = np.log(np.asarray([[0.4, 0.35, *[0.25 / 8] * 8]]))
    right = runs.outputs_right(jax.numpy.asarray(logits, np.float32), np.asarray([1]))
    np.testing.assert_allclose(
        right, 0.9
    )  # the largest is wrong, but nine of ten outputs are < 0.5


@pytest.mark.quick
def test_a_read_out_finds_what_is_linear():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 300)
    features = np.eye(10)[labels].astype(np.float32) + 0.1 * rng.standard_normal((300, 10))
    seen, unseen = features[:200], features[200:]
    assert runs.probe(seen, labels[:200], unseen, labels[200:]) > 0.98
    noise = rng.standard_normal((300, 10))
    assert runs.probe(noise[:200], labels[:200], noise[200:], labels[200:]) < 0.3


@pytest.mark.quick
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"variants": ("cnnn",)}, "no variant is called 'cnnn': take cnn"),
        ({"epochs": 3}, "3 epochs are no multiple of evaluate_every=2"),
    ],
)
def test_a_config_that_cannot_be_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        runs.Config(**settings)


def test_without_mnist_nothing_is_judged_and_the_remedy_named(monkeypatch):
    def load(name):
        raise data.DataNotFoundError(name)

    monkeypatch.setattr(runs.data, "load", load)
    nothing = cnn.run(cnn.QUICK)
    verdicts = cnn.judge(nothing)
    assert {verdict.status for verdict in verdicts[1:]} == {"not judged"}
    assert "data prepare mnist" in verdicts[-1].evidence
    cnn.draw(nothing)


@pytest.mark.usefixtures("once")
def test_few_variants_and_seeds_judge_nothing_and_are_drawn(committed):
    few = committed.isel(seed=slice(3)).sel(variant=["cnn", "dense"])
    told = statuses(cnn, few)
    assert told.pop("cnn-versus-dense") == "reproduced"
    assert set(told.values()) == {"not judged"}
    cnn.draw(few)
    cnn.draw(few.drop_vars(["filters", "filters_before", "probe", "maps", "deep_maps", "image"]))
