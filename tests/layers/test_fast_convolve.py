import functools
import re

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import flops, layers

FORMS = ["transposed", "library", "taps"]
SETTINGS = [
    ((4, 5, 2), (3, 3, 2, 3), {}),
    ((5, 6, 2), (3, 2, 2, 2), {"padding": "VALID", "strides": 2}),
    ((6, 5, 2), (2, 3, 2, 4), {"padding": ((0, 2), (1, 2)), "strides": (2, 3), "dilation": (2, 1)}),
    ((5, 4, 4), (2, 3, 2, 4), {"groups": 2, "dilation": (2, 1)}),
    ((5, 5, 2), (2, 2, 2, 4), {"strides": 3, "padding": "VALID"}),
    ((2, 3, 1), (5, 4, 1, 2), {}),
    ((6, 5, 1), (3, 2, 1, 3), {"strides": 2, "dilation": (1, 2), "padding": ((1, 0), (0, 2))}),
    ((3, 3, 2), (1, 1, 2, 3), {}),
]


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


def draw(*shapes):
    keys = jax.random.split(jax.random.key(0), len(shapes))
    return [jax.random.normal(key, shape) for key, shape in zip(keys, shapes, strict=True)]


def assert_close(actual, expected):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12), actual, expected
    )


def value_and_gradients(function, x, kernel):
    y, pullback = jax.vjp(function, x, kernel)
    return y, *pullback(jnp.cos(y))


@pytest.mark.parametrize(("image", "kernel", "settings"), SETTINGS)
def test_each_form_is_the_plain_convolution(image, kernel, settings):
    x, weights = draw((3, *image), kernel)

    @jax.jit
    def all_fn(x, weights):
        plain = functools.partial(layers.convolve2d, **settings)
        y, *expected = value_and_gradients(plain, x, weights)
        in_each_form = {}
        for form in FORMS:
            fast = layers.fast_convolve2d(x, weights, form=form, **settings)
            rule = layers.fast_convolve2d_vjp(x, weights, jnp.cos(y), form=form, **settings)
            in_each_form[form] = fast, *rule
        return in_each_form, (y, *expected)

    in_each_form, expected = all_fn(x, weights)
    for form in FORMS:
        assert_close(in_each_form[form], expected)


@pytest.mark.quick
@pytest.mark.parametrize("form", FORMS)
def test_grad_takes_the_rule(form):
    x, weights = draw((2, 4, 4, 2), (3, 3, 2, 3))
    y, *gradients = value_and_gradients(
        functools.partial(layers.fast_convolve2d, form=form), x, weights
    )
    rule = layers.fast_convolve2d_vjp(x, weights, jnp.cos(y), form=form)
    jax.tree.map(np.testing.assert_array_equal, tuple(gradients), rule)


def grouped_convolutions(program):
    """How many there are in a program as it is lowered, in its loops too."""
    groups = re.findall(r"(?:feature|batch)_group_count = (\d+)", program.as_text())
    return sum(count != "1" for count in groups)


@pytest.mark.parametrize(
    ("form", "with_lanes"),
    [*((form, (0, 0)) for form in FORMS), ("transposed", (None, 0)), ("transposed", (0, None))],
)
def test_kernels_of_many_lanes_make_no_grouped_convolution(form, with_lanes):
    x, weights = draw((2, 3, 4, 4, 2), (2, 3, 3, 2, 3))
    x, weights = (
        array if has == 0 else array[0] for array, has in zip((x, weights), with_lanes, strict=True)
    )
    one = functools.partial(
        value_and_gradients, functools.partial(layers.fast_convolve2d, form=form)
    )
    lowered = jax.jit(jax.vmap(one, with_lanes)).lower(x, weights)
    assert grouped_convolutions(lowered) == 0
    plain = jax.vmap(functools.partial(value_and_gradients, layers.convolve2d), with_lanes)
    assert_close(lowered.compile()(x, weights), jax.jit(plain)(x, weights))


def test_plain_convolution_of_many_lanes_is_a_grouped_one():
    x, weights = draw((2, 3, 4, 4, 2), (2, 3, 3, 2, 3))
    assert grouped_convolutions(jax.jit(jax.vmap(layers.convolve2d)).lower(x, weights)) == 1


def exported(form, platform):
    """The gradients of a layer, as they are lowered for a platform, which need not be there."""
    layer = layers.conv2d(3, 3, form=form)
    params, _, _ = layer.init(jax.random.key(0), (4, 4, 2))
    x, dy = draw((2, 4, 4, 2), (2, 4, 4, 3))
    backward = jax.jit(functools.partial(layer.backward, params))
    return jax.export.export(backward, platforms=[platform])(x, dy).mlir_module()


@pytest.mark.parametrize(
    ("platform", "form"), [("cpu", "transposed"), ("cuda", "library"), ("tpu", "library")]
)
def test_the_form_is_that_of_the_platform_for_which_a_program_is_lowered(platform, form):
    convolutions = {f: re.findall(r"convolution.*", exported(f, platform)) for f in ("auto", form)}
    assert convolutions["auto"] == convolutions[form] != []
    assert ("optimization_barrier" in exported("auto", platform)) == (form == "transposed")


def test_a_form_that_is_asked_for_is_taken_on_every_platform():
    for platform in ("cpu", "cuda"):
        assert "convolution" not in exported("taps", platform)
        assert "optimization_barrier" in exported("transposed", platform)


def test_one_program_for_two_platforms_has_the_form_of_each():
    x, weights = draw((2, 4, 4, 2), (3, 3, 2, 3))
    loss = jax.jit(jax.grad(lambda w: jnp.sin(layers.fast_convolve2d(x, w)).sum()))
    both = jax.export.export(loss, platforms=["cpu", "cuda"])(weights)
    assert both.mlir_module().count("= stablehlo.optimization_barrier") == 1
    assert_close(both.call(weights), loss(weights))


def test_images_of_one_channel_cost_no_product_of_matrices_and_are_counted():
    x, weights = draw((2, 5, 5, 1), (3, 3, 1, 4))

    def ours(x, w):
        return layers.fast_convolve2d(x, w, form="transposed")

    written = jax.jit(ours).lower(x, weights).compile().as_text()
    assert not any(kind in written for kind in (" dot(", " convolution(", "custom-call("))
    assert flops.count(ours, x, weights) == 2 * 9 * 2 * 5 * 5 * 4


def test_empty_batch_has_no_gradient():
    x, weights = jnp.zeros((0, 4, 4, 2)), jnp.ones((3, 3, 2, 3))
    for form in FORMS:
        y, dx, dkernel = value_and_gradients(
            functools.partial(layers.fast_convolve2d, form=form), x, weights
        )
        assert (y.shape, dx.shape) == ((0, 4, 4, 3), x.shape)
        np.testing.assert_array_equal(dkernel, jnp.zeros_like(weights))


@pytest.mark.usefixtures("no_type_checker")
def test_what_does_not_fit_is_refused_before_compiling():
    x, weights = draw((2, 4, 4, 2), (3, 3, 3, 3))
    with pytest.raises(ValueError, match="images of 2 channels in 1 groups do not fit a kernel"):
        layers.fast_convolve2d(x, weights)
    with pytest.raises(ValueError, match=r"5 rows does not fit into an image of 4.* a smaller"):
        layers.conv2d(3, 5, padding="VALID").init(jax.random.key(0), (4, 4, 2))
    with pytest.raises(ValueError, match=r"form must be one of auto, .*, got 'winograd'"):
        layers.conv2d(3, 3, form="winograd")
    with pytest.raises(ValueError, match="cotangent must have the shape"):
        layers.fast_convolve2d_vjp(x, weights[:, :, :2], x)
