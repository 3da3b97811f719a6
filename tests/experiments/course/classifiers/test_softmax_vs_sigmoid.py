import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.course.classifiers import softmax_vs_sigmoid
from experiments.course.classifiers.softmax_vs_sigmoid import BINARY, OUTPUTS, SOFTMAX, SQUARED
from tests.experiments.altered import change, committed_results, statuses

CLAIM = "softmax-improves-multiclass"


@pytest.fixture
def committed():
    return committed_results("softmax_vs_sigmoid")


@pytest.mark.quick
def test_the_committed_numbers_reproduce_the_claim(committed):
    assert statuses(softmax_vs_sigmoid, committed) == {CLAIM: "reproduced"}


@pytest.mark.parametrize(
    ("variable", "value", "where"),
    [
        ("train_accuracy", lambda old: 0.9 + 0 * old, {"output": SOFTMAX}),  # never learned
        ("train_accuracy", lambda old: 1 + 0 * old, {"output": SQUARED}),  # at once
        ("test_accuracy", lambda old: old - 0.02, {"output": SOFTMAX, "epoch": 40}),
    ],
)
def test_altered_numbers_contradict_the_claim(variable, value, where, committed):
    changed = change(committed, variable, value, **where)
    assert statuses(softmax_vs_sigmoid, changed)[CLAIM] == "contradicted"


@pytest.mark.quick
def test_the_sigmoids_with_cross_entropy_decide_nothing(committed):
    perfect = change(committed, "train_accuracy", lambda old: 1 + 0 * old, output=BINARY)
    perfect = change(perfect, "test_accuracy", lambda old: 1 + 0 * old, output=BINARY)
    assert statuses(softmax_vs_sigmoid, perfect)[CLAIM] == "reproduced"


@pytest.mark.quick
def test_the_test_digits_choose_no_rate(committed):
    for output in OUTPUTS:
        chosen = softmax_vs_sigmoid.best_rate(committed, output)
        changed = change(committed, "test_accuracy", lambda old: 0 * old, learning_rate=chosen)
        assert softmax_vs_sigmoid.best_rate(changed, output) == chosen
        worse = change(committed, "validation_accuracy", lambda old: 0 * old, learning_rate=chosen)
        assert softmax_vs_sigmoid.best_rate(worse, output) != chosen


@pytest.mark.quick
def test_a_rate_at_which_a_run_diverged_is_not_chosen(committed):
    chosen = softmax_vs_sigmoid.best_rate(committed, SOFTMAX)
    lost = change(
        committed, "validation_accuracy", lambda old: old * np.nan,
        output=SOFTMAX, learning_rate=chosen, seed=3,
    )  # fmt: skip
    assert softmax_vs_sigmoid.best_rate(lost, SOFTMAX) != chosen


@pytest.mark.quick
def test_a_run_that_never_learns_counts_as_one_epoch_more(committed):
    never = change(committed, "train_accuracy", lambda old: 0 * old, output=SOFTMAX)
    assert (softmax_vs_sigmoid.epochs_to_learn(never, SOFTMAX) == 41).all()
    at_once = change(committed, "train_accuracy", lambda old: 1 + 0 * old, output=SOFTMAX)
    assert (softmax_vs_sigmoid.epochs_to_learn(at_once, SOFTMAX) == 1).all()


@pytest.mark.parametrize("part", [{"output": [SOFTMAX, BINARY]}, {"seed": [0, 1, 2]}])
def test_what_was_not_run_is_not_judged_and_still_drawn(part, committed):
    custom = committed.sel(part)
    assert statuses(softmax_vs_sigmoid, custom)[CLAIM] == "not judged"
    softmax_vs_sigmoid.draw(custom)


@pytest.mark.parametrize("name", ["half_squares", "binary_entropies"])
def test_the_gradients_by_hand_are_those_of_autodiff(name):
    loss = getattr(softmax_vs_sigmoid, name)
    rule = getattr(softmax_vs_sigmoid, f"{name}_vjp")
    with jax.enable_x64(True):
        keys = jax.random.split(jax.random.key(0), 3)
        outputs = jax.random.normal(keys[0], (7, 10))
        targets = jax.nn.one_hot(jax.random.randint(keys[1], (7,), 0, 10), 10)
        cotangent = jax.random.normal(keys[2], (7,))
        value, pullback = jax.vjp(lambda z: loss(z, targets), outputs)
        assert value.shape == (7,)
        np.testing.assert_allclose(
            rule(outputs, targets, cotangent), *pullback(cotangent), rtol=1e-12, atol=1e-12
        )


@pytest.mark.quick
def test_half_squares_is_the_cost_of_the_slides():
    cost = softmax_vs_sigmoid.half_squares(jnp.array([[1.0, 0.0, 0.5]]), jnp.array([[0.0, 0, 1]]))
    np.testing.assert_allclose(cost, [(1 + 0 + 0.25) / 2])


@pytest.mark.quick
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"learning_rates": ()}, "one or more"),
        ({"learning_rates": (0.1, 0.0)}, "above 0"),
        ({"outputs": ("sofmax",)}, "sofmax.*there are"),
    ],
)
def test_settings_that_cannot_be_run_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        softmax_vs_sigmoid.Config(**settings)


def test_every_seed_draws_its_own_split_with_a_validation_part(monkeypatch):
    drawn = []

    def load(name, **settings):
        drawn.append(real(name, **settings))
        return drawn[-1]

    real = softmax_vs_sigmoid.data.load
    monkeypatch.setattr(softmax_vs_sigmoid.data, "load", load)
    few = softmax_vs_sigmoid.run(
        softmax_vs_sigmoid.Config(outputs=(SQUARED,), learning_rates=(1.0,), seeds=2, epochs=1)
    )
    assert few.sizes == {"output": 1, "learning_rate": 1, "seed": 2, "epoch": 1}
    assert len({dataset.train.inputs.tobytes() for dataset in drawn}) == 2
    assert all(dataset.validation is not None for dataset in drawn)
