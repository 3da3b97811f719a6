import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.course.generalization import penalties
from jaxnn import optimizers
from tests.experiments.altered import change, committed_results, statuses

CLAIM = "l1-penalty"
LATER = range(8, 16)  # the seeds on which it is judged


@pytest.fixture
def committed():
    return committed_results("penalties")


@pytest.mark.parametrize(
    ("variable", "value", "where"),
    [
        ("exactly_zero", 0.0, {"penalty": "proximal L1", "strength": 1e-3, "seed": 3}),
        ("near_zero", 0.0, {"penalty": "L1", "seed": LATER}),
        ("near_zero", 1.0, {"penalty": "L2", "seed": LATER}),
    ],
)
def test_altered_numbers_contradict_the_claim(variable, value, where, committed):
    changed = change(committed, variable, lambda old: value + 0 * old, **where)
    assert statuses(penalties, changed)[CLAIM] == "contradicted"


@pytest.mark.quick
def test_the_committed_numbers_reproduce_the_claims(committed):
    assert set(statuses(penalties, committed).values()) == {"reproduced"}


@pytest.mark.quick
def test_a_wrong_formula_is_contradicted(committed, monkeypatch):
    wrong = penalties.ledger.verdict("l1-penalty")
    object.__setattr__(wrong, "status", "contradicted")
    monkeypatch.setattr(penalties.ledger, "verdict", lambda claim: wrong)
    assert penalties.judge(committed)[0].status == "contradicted"


@pytest.mark.quick
def test_the_strength_is_chosen_on_the_first_half_of_the_seeds(committed):
    chosen = penalties.strongest_affordable(committed, "L2")
    later = change(committed, "test_accuracy", lambda old: 0 * old, strength=chosen, seed=LATER)
    assert penalties.strongest_affordable(later, "L2") == chosen
    first = change(committed, "test_accuracy", lambda old: 0 * old, strength=chosen, seed=range(8))
    if chosen > 0:
        assert penalties.strongest_affordable(first, "L2") < chosen


@pytest.mark.parametrize(
    "part",
    [{"penalty": ["L1", "elastic net"]}, {"strength": [1e-4, 1e-3]}, {"seed": [0, 1, 2, 3]}],
)
def test_what_was_not_run_is_not_judged_and_still_drawn(part, committed):
    custom = committed.sel(part)
    assert statuses(penalties, custom)[CLAIM] == "not judged"
    penalties.draw(custom)


@pytest.mark.parametrize("w", [-2.0, -0.3, 0.0, 0.1, 0.3, 5.0])
def test_the_threshold_minimises_what_a_proximal_step_minimises(w):
    u = np.linspace(-6, 6, 120_001)
    best = u[((u - w) ** 2 / 2 + 0.3 * np.abs(u)).argmin()]
    assert penalties.soft_threshold(jnp.float32(w), 0.3) == pytest.approx(best, abs=2e-4)


def test_proximal_descent_reaches_the_lasso_of_a_quadratic_exactly():
    """(w - a)^2 / 2 + lambda |w| is least at S(a, lambda); biases go to a."""
    a = jnp.array([3.0, 0.4, -0.2, -1.0])
    start = {"kernel": jnp.ones(4), "bias": jnp.zeros(4)}
    path = optimizers.descend(
        penalties.proximal_descent(0.5, 0.5), lambda p: jax.tree.map(lambda w: w - a, p), start, 60
    )
    np.testing.assert_allclose(path["kernel"][-1], [2.5, 0.0, 0.0, -0.5], atol=1e-6)
    assert (path["kernel"][-1][1:3] == 0).all()
    np.testing.assert_allclose(path["bias"][-1], a, atol=1e-6)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"penalties": ("L3",)}, "L3.*give some of"),
        ({"strengths": (-1.0,)}, "none below 0"),
        ({"training_share": 1.0}, "between 0 and 1"),
    ],
)
def test_settings_that_cannot_be_run_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        penalties.Config(**settings)


def test_a_strong_penalty_makes_zeros_by_proximal_steps_alone():
    few = penalties.run(
        penalties.Config(penalties=("L1", "proximal L1"), strengths=(0.0, 0.01), seeds=1, epochs=50)
    )
    zeros = few.exactly_zero.isel(seed=0)
    assert zeros.sel(penalty="proximal L1", strength=0.01) > 0.5
    assert zeros.sel(penalty="L1", strength=0.01) < 0.01
    np.testing.assert_allclose(few.weights.sum("weight"), 1, rtol=1e-6)
    plain = few.test_loss.sel(strength=0.0)
    np.testing.assert_allclose(*(plain.sel(penalty=name) for name in ("L1", "proximal L1")),
                               rtol=1e-4)  # fmt: skip
