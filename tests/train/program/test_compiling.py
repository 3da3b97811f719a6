import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import layers, private_jax
from jaxnn.train.program import compiling
from jaxnn.train.program.compiling import Jitted, has_convolutions


def images_and_kernel():
    return jnp.ones((1, 4, 4, 1)), jnp.ones((3, 3, 1, 1))


def in_a_loop(x, kernel):
    return jax.lax.fori_loop(0, 2, lambda _, x: layers.convolve2d(x, kernel), x)


@pytest.fixture
def options(monkeypatch):
    """Those with which `jax.jit` is called, in order."""
    seen, jit = [], jax.jit

    def recorded(function, **settings):
        seen.append(settings.get("compiler_options"))
        return jit(function, **settings)

    monkeypatch.setattr(jax, "jit", recorded)
    return seen


@pytest.mark.quick
def test_convolutions_are_found_wherever_they_are():
    images, kernel = images_and_kernel()
    assert has_convolutions(jax.make_jaxpr(in_a_loop)(images, kernel).jaxpr)
    assert has_convolutions(
        jax.make_jaxpr(jax.grad(lambda k: layers.fast_convolve2d(images, k).sum()))(kernel).jaxpr
    )
    assert not has_convolutions(
        jax.make_jaxpr(jnp.dot)(images[0, 0], kernel[0].squeeze(-1)[:1].T).jaxpr
    )


def test_the_options_go_by_whether_there_are_convolutions(options):
    images, kernel = images_and_kernel()
    on_cpu = jax.default_backend() == "cpu"
    product = Jitted(jnp.square)
    np.testing.assert_array_equal(product(kernel), kernel)
    assert options[-1] == (private_jax.accepted(compiling.WITHOUT_CONVOLUTIONS) if on_cpu else None)
    convolved = Jitted(in_a_loop)
    np.testing.assert_allclose(convolved(images, kernel), in_a_loop(images, kernel), rtol=1e-6)
    assert options[-1] == (private_jax.accepted(compiling.FOR_CONVOLUTIONS) if on_cpu else None)


def test_an_xla_that_refuses_an_option_does_without_it(options, monkeypatch):
    images, kernel = images_and_kernel()
    known = {"xla_backend_optimization_level": 1}
    monkeypatch.setattr(compiling, "FOR_CONVOLUTIONS", {"xla_of_another_time": "on", **known})
    np.testing.assert_allclose(
        Jitted(in_a_loop)(images, kernel), in_a_loop(images, kernel), rtol=1e-6
    )
    assert options[-1] == (known if jax.default_backend() == "cpu" else None)
