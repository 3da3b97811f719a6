import jax
import jax.numpy as jnp
import pytest

from experiments.course.training import learning_curves
from experiments.pages import style
from tests.experiments.altered import change, committed_results, statuses


@pytest.fixture
def committed():
    return committed_results("learning_curves")


@pytest.mark.parametrize(
    ("claim", "variable", "value", "where"),
    [
        ("learning-underfit", "train_loss", lambda old: 0 * old, {"width": 2}),
        ("learning-underfit", "test_loss", lambda old: old + 9, {"width": 16}),
        ("learning-underfit", "test_loss", lambda old: old + 9, {"width": 2}),
        ("learning-plateau", "stalled_train_loss", lambda old: 0 * old, {}),
        ("learning-plateau", "lowered_train_loss", lambda old: 0 * old + 1, {}),
        ("hidden-units-capacity", "train_accuracy", lambda old: 0 * old, {"width": 200}),
        ("hidden-units-capacity", "train_accuracy", lambda old: old - 0.2, {"width": 64}),
        ("hidden-units-capacity", "test_loss", lambda old: 0 * old, {"width": 200}),
    ],
)
def test_altered_numbers_contradict_a_claim(claim, variable, value, where, committed):
    assert statuses(learning_curves, committed)[claim] == "reproduced"
    changed = change(committed, variable, value, **where)
    assert statuses(learning_curves, changed)[claim] == "contradicted"


@pytest.mark.quick
@pytest.mark.parametrize(
    ("part", "claims"),
    [
        ({"width": [2, 16]}, ["learning-underfit", "hidden-units-capacity"]),
        ({"seed": [0, 1, 2]}, ["learning-underfit", "learning-plateau", "hidden-units-capacity"]),
        ({"stall_epoch": range(1, 61)}, ["learning-plateau"]),
    ],
)
def test_what_was_not_run_is_not_judged_and_still_drawn(part, claims, committed):
    custom = committed.sel(part)
    assert {statuses(learning_curves, custom)[claim] for claim in claims} == {"not judged"}
    learning_curves.draw(custom)


def test_a_run_that_ends_before_the_rate_is_lowered_can_be_laid_out(committed, tmp_path):
    quick = learning_curves.QUICK
    few = committed.sel(
        width=list(quick.widths), epoch=slice(quick.epochs), stall_epoch=slice(quick.epochs)
    )
    style.save(learning_curves.draw(few), tmp_path / "figure")  # a warning would be an error


def test_the_rate_is_lowered_after_sixty_epochs():
    optimizer = learning_curves.stalling(0.02, 90, 10).optimizer
    state = optimizer.init(jnp.zeros(()))
    steps, update = [], jax.jit(optimizer.update)
    for _ in range(602):
        updates, state = update(jnp.ones(()), state)
        steps.append(-float(updates))
    assert steps[599] == pytest.approx(0.5)
    assert steps[601] == pytest.approx(0.02)
