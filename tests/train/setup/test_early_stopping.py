import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import train


def loop(curve, patience, min_delta):
    """One epoch after the other, as a callback of a training loop would."""
    best, best_epoch, waited = np.inf, -1, 0
    for epoch, loss in enumerate(curve):
        if loss < best - min_delta:
            best, best_epoch, waited = loss, epoch, 0
        else:
            waited += 1
        if waited == patience:
            return epoch, best_epoch, True
    return len(curve) - 1, best_epoch, False


def stop_of(curve, **settings):
    return tuple(x.tolist() for x in train.early_stopping(np.asarray(curve), **settings))


@pytest.mark.parametrize("patience", [1, 3, 50])
@pytest.mark.parametrize("min_delta", [0.0, 0.3])
def test_every_run_stops_where_a_loop_would(patience, min_delta):
    random = np.random.default_rng(0)
    curves = random.normal(size=(3, 4, 20)).astype(np.float32) - 0.1 * np.arange(20, dtype="f4")
    curves[0, 0, 5:] = np.nan
    curves[1, 1] = np.inf
    stop = train.early_stopping(curves, patience=patience, min_delta=min_delta)
    for run in np.ndindex(3, 4):
        expected = loop(curves[run], patience, min_delta)
        assert tuple(x[run].item() for x in stop) == expected


@pytest.mark.quick
def test_a_curve_by_hand():
    curve = [3.0, 2.0, 2.5, 2.1, 1.9, 1.95, 2.0, 2.2, 0.0]
    assert stop_of(curve, patience=3) == (7, 4, True)
    assert stop_of(curve, patience=2) == (3, 1, True)
    assert stop_of(curve, patience=4) == (8, 8, False)
    assert stop_of(curve, patience=3, min_delta=0.2) == (4, 1, True)
    assert stop_of([1.0], patience=1) == (0, 0, False)
    assert stop_of([np.nan], patience=1) == (0, -1, True)


def test_the_epochs_may_be_any_axis_and_the_threshold_traced():
    curves = np.random.default_rng(1).normal(size=(10, 3)).astype(np.float32)
    expected = train.early_stopping(curves.T, patience=2, min_delta=0.5)

    @jax.jit
    def traced(min_delta):
        return train.early_stopping(curves, patience=2, min_delta=min_delta, axis=0)

    jax.tree.map(np.testing.assert_array_equal, traced(jnp.asarray(0.5)), expected)


def test_bad_settings_are_refused():
    curve = np.ones(3)
    with pytest.raises(ValueError, match="patience must be at least 1, got 0"):
        train.early_stopping(curve, patience=0)
    with pytest.raises(ValueError, match="min_delta must be finite and at least 0, got -1"):
        train.early_stopping(curve, patience=1, min_delta=-1)
    with pytest.raises(ValueError, match="at least one epoch"):
        train.early_stopping(np.ones((2, 0)), patience=1)
