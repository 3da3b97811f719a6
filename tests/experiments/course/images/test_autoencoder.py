import numpy as np
import pytest
from sklearn.decomposition import PCA

from experiments.course.images import autoencoder
from jaxnn import data
from tests.experiments.altered import change, committed_results, statuses

CLAIM = "topic-autoencoder-r"


@pytest.fixture
def committed():
    return committed_results("autoencoder")


@pytest.mark.quick
def test_the_committed_numbers_reproduce_the_claim(committed):
    assert statuses(autoencoder, committed) == {CLAIM: "reproduced"}


@pytest.mark.parametrize(
    ("variable", "value", "where"),
    [
        ("unseen_error", lambda old: 1 + 0 * old, {"network": "dense", "code": 16}),
        ("unseen_error", lambda old: 0 * old, {"network": "convolutional"}),
        ("overlap", lambda old: 0.98 * old, {"code": 8}),
    ],
)
def test_altered_numbers_contradict_it(variable, value, where, committed):
    changed = change(committed, variable, value, **where)
    assert statuses(autoencoder, changed)[CLAIM] == "contradicted"


@pytest.mark.parametrize(
    "part", [{"code": [8]}, {"network": ["PCA", "linear"]}, {"seed": [0, 1, 2]}]
)
def test_what_was_not_run_is_not_judged_and_still_drawn(part, committed):
    custom = committed.sel(part)
    assert statuses(autoencoder, custom)[CLAIM] == "not judged"
    autoencoder.draw(custom)


@pytest.mark.quick
def test_runs_that_diverged_are_not_judged(committed):
    lost = change(committed, "unseen_error", lambda old: old * np.nan, network="dense", code=8)
    assert statuses(autoencoder, lost)[CLAIM] == "not judged"


@pytest.mark.quick
def test_pca_is_that_of_scikit_learn_on_the_same_digits(committed):
    x = data.autoencoding(data.pooled(data.load("digits"))).train.labels
    unseen = data.fold_rows(x, folds=5, seed=3, equal=True)[0]
    peer = PCA(8).fit(np.delete(x, unseen, axis=0))
    error = np.square(x[unseen] - peer.inverse_transform(peer.transform(x[unseen]))).mean()
    assert float(committed.unseen_error.sel(network="PCA", code=8, seed=3)) == pytest.approx(
        error, rel=1e-4
    )


@pytest.mark.quick
def test_the_overlap_is_one_of_a_subspace_with_itself_and_zero_of_two_that_are_orthogonal():
    rows = np.random.default_rng(0).normal(size=(6, 10))
    components = np.linalg.qr(rows[:3].T)[0].T
    mixed = rows[:3] + rows[[1, 2, 0]]  # other rows of the same subspace
    assert autoencoder.overlap(mixed, components) == pytest.approx(1)
    outside = rows[3:] - rows[3:] @ components.T @ components
    assert autoencoder.overlap(outside, components) == pytest.approx(0, abs=1e-12)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"codes": (6,)}, "multiples of 4 below the 64 pixels"),
        ({"codes": (64,)}, "got 64: take 4, 8"),
        ({"networks": ("deep",)}, "networks are linear, dense, convolutional, got 'deep'"),
        ({"seeds": 0}, "at least"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        autoencoder.Config(**settings)


def test_a_small_run_repeats_its_part_of_the_committed_numbers(committed):
    fresh = autoencoder.run(autoencoder.QUICK)
    for name in ("unseen_error", "overlap"):
        rtol, atol = autoencoder.TOLERANCES[name]
        own = committed[name].sel({dim: fresh[dim] for dim in fresh[name].dims})
        np.testing.assert_allclose(fresh[name], own, rtol, atol)
