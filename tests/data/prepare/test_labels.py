"""One-hot rows and class weights against scikit-learn; label noise by its rate and by a run's."""

import types

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import preprocessing
from sklearn.utils import class_weight

from jaxnn import data
from jaxnn.train.program import program

LABELS = np.random.default_rng(0).integers(0, 4, 4000)


@pytest.mark.quick
def test_one_hot_is_that_of_scikit_learn():
    theirs = preprocessing.OneHotEncoder(sparse_output=False).fit_transform(LABELS[:, None])
    np.testing.assert_array_equal(data.one_hot(LABELS, 4), theirs)
    assert data.one_hot(np.array([1]), 3).tolist() == [[0, 1, 0]]


@pytest.mark.quick
def test_class_weights_are_those_of_scikit_learn_and_have_mean_1():
    labels = np.repeat([0, 1, 2], [1, 10, 4])
    ours = data.class_weights(labels, 3)
    theirs = class_weight.compute_class_weight("balanced", classes=np.arange(3), y=labels)
    np.testing.assert_allclose(ours, theirs, rtol=1e-15)
    np.testing.assert_allclose(ours[labels].mean(), 1, rtol=1e-15)


@pytest.mark.quick
def test_a_class_without_examples_has_no_weight():
    with pytest.raises(ValueError, match="class 1 has no example"):
        data.class_weights(np.array([0, 2, 2]), 3)


@pytest.mark.quick
@pytest.mark.parametrize("function", [data.one_hot, data.class_weights])
@pytest.mark.parametrize("bad", [-1, 3])
def test_a_label_that_is_no_class_is_named(function, bad):
    with pytest.raises(ValueError, match=rf"labels\[1\] is {bad}, which is not one of 3 classes"):
        function(np.array([0, bad, 2]), 3)


def test_label_noise_replaces_the_share_by_each_other_class_equally_often():
    noisy = data.label_noise(LABELS, 0.3, num_classes=4)
    shift = (noisy - LABELS) % 4
    deviation = np.sqrt(0.3 * 0.7 / len(LABELS))
    assert abs((shift != 0).mean() - 0.3) < 4 * deviation
    for one in (1, 2, 3):
        assert abs((shift == one).mean() - 0.1) < 4 * np.sqrt(0.1 * 0.9 / len(LABELS))


def test_label_noise_of_none_and_of_all():
    np.testing.assert_array_equal(data.label_noise(LABELS, 0.0, num_classes=4), LABELS)
    assert (data.label_noise(LABELS, 1.0, num_classes=4) != LABELS).all()
    flipped = data.label_noise(np.array([0, 1, 1]), 1.0, num_classes=2)
    assert flipped.tolist() == [1, 0, 0]


@pytest.mark.quick
def test_more_label_noise_keeps_what_less_replaced():
    less, more = (data.label_noise(LABELS, share, num_classes=4) for share in (0.1, 0.4))
    replaced = less != LABELS
    assert replaced.any()
    np.testing.assert_array_equal(more[replaced], less[replaced])


@pytest.mark.parametrize("seed", [0, 5])
def test_label_noise_is_that_of_a_run_of_the_same_seed(seed):
    noise = jnp.asarray(0.2, jnp.float32), jnp.asarray(4, jnp.int32)
    lane = types.SimpleNamespace(seed=seed, label_noise=noise)
    in_a_run = program._with_noise(jnp.asarray(LABELS, jnp.int32), lane)
    ours = data.label_noise(LABELS, 0.2, num_classes=4, seed=seed)
    np.testing.assert_array_equal(ours, in_a_run)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("share", "num_classes", "message"),
    [
        (1.5, 4, r"share must be in \[0, 1\], got 1.5"),
        (0.1, 1, "num_classes=1 leaves no other class"),
        (0.1, 3, r"labels\[3\] is 3"),
    ],
)
def test_label_noise_that_cannot_be_is_refused(share, num_classes, message):
    labels = np.zeros(2, np.int64) if num_classes == 1 else np.array([0, 1, 2, 3])
    with pytest.raises(ValueError, match=message):
        data.label_noise(labels, share, num_classes=num_classes)
