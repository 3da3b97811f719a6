import jax
import jax.numpy as jnp
import pytest

from jaxnn import backprop, flops, layers, losses

ROWS = jax.ShapeDtypeStruct((3, 4), jnp.float32)
KERNEL = jax.ShapeDtypeStruct((4, 5), jnp.float32)


@pytest.mark.quick
def test_a_product_is_a_multiplication_and_an_addition_per_number():
    assert flops.count(jnp.matmul, ROWS, KERNEL) == 2 * 3 * 4 * 5


def test_an_unread_product_is_no_work():
    assert flops.count(lambda x, k: (x @ k, x @ x.T)[0], ROWS, KERNEL) == 2 * 3 * 4 * 5


def test_a_scan_counts_as_often_as_it_runs_without_what_nobody_reads():
    def repeated(x):
        def step(carry, _):
            return (carry[0] @ x.T @ x, x.T @ x), None

        return jax.lax.scan(step, (x, x.T @ x), length=7)[0][0]

    assert flops.count(repeated, ROWS) == 7 * 2 * (2 * 3 * 3 * 4)


@pytest.mark.parametrize("way", [backprop.by_hand, backprop.by_autodiff])
def test_the_gradient_to_the_inputs_is_not_counted(way):
    model = layers.serial(layers.dense(5), layers.relu, layers.dense(2))
    params, state = jax.eval_shape(lambda: model.init(jax.random.key(0), (4,))[:2])
    labels = jax.ShapeDtypeStruct((3,), jnp.int32)
    gradient = way(model, losses.softmax_cross_entropy)
    found = flops.count(lambda *a: gradient(*a, None)[1], params, state, ROWS, labels)
    assert found == 2 * 3 * (2 * 4 * 5 + 3 * 5 * 2)
