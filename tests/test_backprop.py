import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import backprop, layers, losses, regularizers

MODEL = layers.serial(layers.dense(5), layers.sigmoid, layers.dense(3))


def problem():
    keys = jax.random.split(jax.random.key(0), 3)
    params, state, _ = MODEL.init(keys[0], (4,))
    x, y = jax.random.normal(keys[1], (8, 4)), jax.random.randint(keys[2], (8,), 0, 3)
    return params, state, x, y, jax.random.key(1)


@pytest.mark.parametrize(
    "regularizer",
    [None, regularizers.l1(0.1), regularizers.l2(0.1), regularizers.elastic_net(1, 2)],
)
def test_both_ways_give_the_same_objective_and_gradient(regularizer):
    with jax.enable_x64(True):
        ways = [
            way(MODEL, losses.softmax_cross_entropy, regularizer)(*problem())
            for way in (backprop.by_hand, backprop.by_autodiff)
        ]
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14), *ways)


@pytest.mark.quick
def test_the_objective_is_the_mean_loss_plus_the_penalty():
    params, state, x, y, key = problem()
    gradient = backprop.by_hand(MODEL, losses.softmax_cross_entropy, regularizers.l2(0.1))
    (objective, aux), _ = gradient(params, state, x, y, key)
    predictions, _, _ = MODEL.forward(params, state, x, None, True)
    penalty = 0.1 * sum((np.asarray(p["kernel"]) ** 2).sum() for p in (params[0], params[2]))
    loss = losses.softmax_cross_entropy(predictions, y)
    np.testing.assert_allclose(objective, loss.mean() + penalty, rtol=1e-6)
    np.testing.assert_array_equal(aux.losses, loss)
    np.testing.assert_array_equal(aux.predictions, predictions)


def test_the_gradient_does_not_depend_on_how_often_the_batch_is_repeated():
    params, state, x, y, key = problem()
    gradient = backprop.by_hand(MODEL, losses.softmax_cross_entropy)
    _, once = gradient(params, state, x, y, key)
    _, twice = gradient(params, state, jnp.tile(x, (2, 1)), jnp.tile(y, 2), key)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), once, twice)


def test_a_loss_without_a_rule_is_refused_by_hand_and_taken_by_autodiff():
    def own_loss(predictions, targets):
        return losses.softmax_cross_entropy(predictions, targets)

    with pytest.raises(LookupError, match="own_loss_vjp"):
        backprop.by_hand(MODEL, own_loss)
    assert backprop.by_autodiff(MODEL, own_loss)(*problem())[1]
