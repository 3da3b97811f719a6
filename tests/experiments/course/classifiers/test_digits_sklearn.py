import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from experiments.course.classifiers import digits_sklearn
from experiments.course.classifiers.digits_sklearn import OURS, THEIRS
from jaxnn import backprop, losses
from tests.experiments.altered import change, committed_results, statuses

CLAIM = "digits-mlp-accuracy"


@pytest.fixture
def committed():
    return committed_results("digits_sklearn")


@pytest.mark.quick
def test_the_committed_numbers_reproduce_the_claim(committed):
    assert statuses(digits_sklearn, committed) == {CLAIM: "reproduced"}


@pytest.mark.parametrize(
    ("program", "value"),
    [
        (OURS, lambda old: old - 0.006),  # a point, on most splits one image
        (OURS, lambda old: old + 0.006),
        (OURS, lambda old: 0.94 + 0.05 * (-1.0) ** old.seed),  # equal means, other spread
        (THEIRS, lambda old: old - 0.01),
    ],
)
def test_altered_numbers_contradict_the_claim(program, value, committed):
    changed = change(committed, "test_accuracy", value, program=program)
    assert statuses(digits_sklearn, changed)[CLAIM] == "contradicted"


@pytest.mark.quick
def test_a_reference_that_is_missed_by_both_contradicts_the_claim(committed):
    lower = committed.assign(test_accuracy=committed.test_accuracy - 0.02)
    assert statuses(digits_sklearn, lower)[CLAIM] == "contradicted"


@pytest.mark.quick
def test_few_splits_are_not_judged_and_still_drawn(committed):
    few = committed.isel(seed=slice(4))
    assert statuses(digits_sklearn, few)[CLAIM] == "not judged"
    digits_sklearn.draw(few)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("shift", "noise", "equal"),
    [(0.0, 0.5, True), (0.0, 5.0, False), (1.0, 0.1, False), (0.0, 0.0, True), (0.6, 0.0, False)],
)
def test_equivalence_needs_a_difference_that_is_surely_small(shift, noise, equal):
    rng = np.random.default_rng(0)
    theirs = xr.DataArray(rng.normal(94, 2, 20), dims="seed")
    ours = theirs + shift + noise * rng.normal(size=20)
    assert (digits_sklearn.compare(ours, theirs).equivalence < 0.05) is equal


@pytest.mark.quick
@pytest.mark.parametrize("losses_of_epochs", [
    [1.0, 0.5, 0.4, *[0.39999] * 20],
    [1.0 - 0.01 * i for i in range(10)],
    [*np.linspace(1, 0.5, 15), *(0.5 - 5e-5 * np.arange(1, 30))],
])  # fmt: skip
def test_the_rule_to_stop_is_that_of_scikit_learn(losses_of_epochs):
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier()
    model.loss_curve_, model.best_loss_, model._no_improvement_count = [], np.inf, 0
    for epoch, loss in enumerate(losses_of_epochs, start=1):  # noqa: B007
        model.loss_curve_.append(loss)
        model._update_no_improvement_count(False, None, None, None)
        if model._no_improvement_count > model.n_iter_no_change:
            break
    assert digits_sklearn.last_epoch(np.array(losses_of_epochs)) == epoch


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_from_the_same_start_both_walk_the_same_path():
    """Twenty updates of scikit-learn, and of our network from the weights that it began with."""
    x, y = (part[:200] for part in digits_sklearn._split(3).train)
    start, end = (
        digits_sklearn.classifier(3, epochs, batch_size=200).fit(x, y) for epochs in (1, 21)
    )
    params = _params(start)
    model = digits_sklearn.setup(1).model
    gradient = jax.jit(backprop.by_hand(model, losses.softmax_cross_entropy))
    _, state, _ = model.init(jax.random.key(0), (64,))
    for _ in range(20):
        _, grads = gradient(params, state, jnp.asarray(x), jnp.asarray(y), None)
        for layer, grad in zip(params, grads, strict=True):
            for name in layer:
                layer[name] = layer[name] - digits_sklearn.RATE * grad[name]
    for ours, theirs in zip(params, _params(end), strict=True):
        for name in ours:
            np.testing.assert_allclose(ours[name], theirs[name], atol=2e-6)


def _params(model):
    (kernel, last_kernel), (bias, last_bias) = model.coefs_, model.intercepts_
    return [
        {"kernel": jnp.asarray(kernel), "bias": jnp.asarray(bias)},
        (),
        {"kernel": jnp.asarray(last_kernel), "bias": jnp.asarray(last_bias)},
    ]


@pytest.mark.quick
def test_the_starts_are_drawn_from_the_same_distribution():
    params, _, _ = digits_sklearn.setup(1).model.init(jax.random.key(0), (64,))
    bound = np.sqrt(2 / 164)
    for name in ("kernel", "bias"):
        assert 0.9 * bound < np.abs(params[0][name]).max() <= bound


@pytest.mark.quick
def test_settings_that_cannot_be_run_are_refused():
    with pytest.raises(ValueError, match="seeds=0"):
        digits_sklearn.Config(seeds=0)


def test_a_short_run_gives_both_programs():
    short = digits_sklearn.run(digits_sklearn.Config(seeds=1, epochs=3))
    assert dict(short.sizes) == {"program": 2, "seed": 1, "epoch": 3}
    assert np.isfinite(short.train_loss).all()
    assert set(short.epochs_run.values.ravel()) == {3}
