import functools
import threading
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import SingleDeviceSharding

from jaxnn import layers, private_jax
from jaxnn.train.program import compiling
from jaxnn.train.program.compiling import Kept, Traced, has_convolutions


def images_and_kernel():
    return jnp.ones((1, 4, 4, 1)), jnp.ones((3, 3, 1, 1))


FACTOR = 2.0


def in_a_loop(x, kernel):
    return jax.lax.fori_loop(0, 2, lambda _, x: layers.convolve2d(x, kernel), x)


def scaled(x):
    return FACTOR * x


def compiled(function, *args, **settings):
    here = SingleDeviceSharding(jax.devices()[0])
    return Traced(function, *args).compiled([here] * len(args), constants=here, **settings)


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
    np.testing.assert_array_equal(compiled(jnp.square, kernel)(kernel), kernel)
    assert options[-1] == (private_jax.accepted(compiling.WITHOUT_CONVOLUTIONS) if on_cpu else None)
    convolved = compiled(in_a_loop, images, kernel)
    np.testing.assert_allclose(convolved(images, kernel), in_a_loop(images, kernel), rtol=1e-6)
    assert options[-1] == (private_jax.accepted(compiling.FOR_CONVOLUTIONS) if on_cpu else None)
    compiled(jnp.exp, kernel, once=True)
    assert options[-1] == (private_jax.accepted(compiling.ONCE) if on_cpu else None)


def test_an_xla_that_refuses_an_option_does_without_it(options, monkeypatch):
    images, kernel = images_and_kernel()
    known = {"xla_backend_optimization_level": 1}
    monkeypatch.setattr(compiling, "FOR_CONVOLUTIONS", {"xla_of_another_time": "on", **known})
    convolved = compiled(in_a_loop, images, kernel)
    np.testing.assert_allclose(convolved(images, kernel), in_a_loop(images, kernel), rtol=1e-6)
    assert options[-1] == (known if jax.default_backend() == "cpu" else None)


def test_a_function_is_traced_as_it_is_now_and_compiled_if_it_computes_something_new(monkeypatch):
    x = np.arange(3, dtype=np.float32)
    monkeypatch.setattr(compiling, "kept", Kept(8))
    np.testing.assert_array_equal(compiled(scaled, x)(x), 2 * x)
    np.testing.assert_array_equal(compiled(lambda x: 2.0 * x, x)(x), 2 * x)
    assert compiling.kept.made == 1
    monkeypatch.setitem(globals(), "FACTOR", 3.0)
    np.testing.assert_array_equal(compiled(scaled, x)(x), 3 * x)
    assert compiling.kept.made == 2


def test_arrays_from_outside_are_arguments_of_one_program(monkeypatch):
    monkeypatch.setattr(compiling, "kept", Kept(8))
    x = np.arange(3, dtype=np.float32)
    tables = [np.array([5, 6, 7], dtype) for dtype in (np.float32, np.float64, np.float32)]
    tables[2] = tables[2] + 1
    for table in tables:
        added = compiled(functools.partial(jnp.add, jnp.asarray(table, np.float32)), x)
        np.testing.assert_array_equal(added(x), table.astype(np.float32) + x)
    assert compiling.kept.made == 1
    keys = jax.random.split(jax.random.key(1), 2)
    for key in keys:
        drawn = compiled(lambda x, key=key: x + jax.random.uniform(key, 3), x)
        np.testing.assert_array_equal(drawn(x), x + jax.random.uniform(key, 3))
    assert compiling.kept.made == 2


def test_the_settings_of_jax_are_part_of_what_is_asked_for(monkeypatch):
    monkeypatch.setattr(compiling, "kept", Kept(8))
    x = np.ones((2, 2), np.float32)
    for precision in ("float32", "bfloat16", "float32"):
        with jax.default_matmul_precision(precision):
            compiled(jnp.matmul, x, x)
    assert compiling.kept.made == 2


def test_only_the_newest_are_kept_and_one_that_cannot_be_made_is_tried_again():
    some = Kept(2)
    for program in (min, max, min, sum):
        assert some.get(program, lambda program=program: program) is program
    assert (len(some), some.made) == (2, 3)
    some.get(min, lambda: pytest.fail("max made room for sum"))
    with pytest.raises(ZeroDivisionError):
        some.get(abs, lambda: 1 / 0)
    assert some.get(abs, lambda: abs) is abs


def test_two_who_ask_for_the_same_make_it_once():
    some, found = Kept(2), []

    def make():
        time.sleep(0.05)
        return lambda: None

    threads = [
        threading.Thread(target=lambda: found.append(some.get("key", make))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert some.made == 1
    assert len(set(map(id, found))) == 1
