"""What holds for every augmentation: draws, dtypes, bad input; and a whole run with them."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxnn import augment, data, layers, losses, train

GEOMETRIC = {  # strength -> augmentation, and a strength that shows
    "translation": (augment.translation, 3.0),
    "rotation": (augment.rotation, 90.0),
    "random_stretch": (augment.random_stretch, 0.5),
    "random_shear": (augment.random_shear, 0.5),
    "lens_distortion": (augment.lens_distortion, 0.3),
    "crop_and_resize": (lambda strength: augment.crop_and_resize(1 - strength), 0.6),
    "pad_and_crop": (lambda strength: augment.pad_and_crop(int(strength)), 3),
}
ERASING = {
    "cutout": (augment.cutout, 3.0),
    "horizontal_flip": (augment.horizontal_flip, 0.5),
    "vertical_flip": (augment.vertical_flip, 0.5),
}
COLOURS = {
    "brightness": (augment.brightness, 0.5),
    "contrast": (augment.contrast, 0.8),
    "saturation": (augment.saturation, 0.8),
    "hue": (augment.hue, 0.5),
    "color_jitter": (lambda strength: augment.color_jitter(*[strength] * 4), 0.4),
}
ALL = GEOMETRIC | ERASING | COLOURS
each_augmentation = pytest.mark.parametrize("name", ALL)


def a_key():
    return jax.random.key(7)


def image(height=6, width=7, channels=3, dtype=np.float32):
    return jnp.asarray(np.random.default_rng(0).random((height, width, channels)), dtype)


@pytest.mark.quick
@each_augmentation
def test_strength_zero_is_the_identity(name):
    make, _ = ALL[name]
    tolerance = 1e-6 if name in COLOURS else 0
    np.testing.assert_allclose(make(0.0)(a_key(), image()), image(), rtol=0, atol=tolerance)


@each_augmentation
def test_range_shape_and_dtype_are_kept(name):
    make, strength = ALL[name]
    with jax.enable_x64(True):
        for dtype in (jnp.bfloat16, jnp.float64):
            before = image(dtype=dtype)
            after = make(strength)(a_key(), before)
            assert (after.shape, after.dtype) == (before.shape, before.dtype)
            assert after.min() >= 0
            assert after.max() <= 1


@each_augmentation
def test_each_image_has_a_draw_of_its_own_and_a_key_repeats_them(name):
    make, strength = ALL[name]
    batch = jnp.stack([image()] * 8)
    labels = jnp.arange(8)
    change = jax.jit(augment.per_image(make(strength)))
    first, kept = change(a_key(), batch, labels)
    np.testing.assert_array_equal(kept, labels)
    np.testing.assert_array_equal(first, change(a_key(), batch, labels)[0])
    assert len({np.asarray(one).tobytes() for one in first}) > 1
    assert (change(jax.random.key(8), batch, labels)[0] != first).any()


@pytest.mark.parametrize(
    "name", [name for name in ALL if name != "pad_and_crop"]
)  # its padding is structure
def test_strength_may_be_traced_and_a_scan_gives_the_same_images(name):
    make, strength = ALL[name]
    keys = jax.random.split(a_key(), 3)

    @jax.jit
    def scanned(strength):
        return jax.lax.scan(lambda _, key: (None, make(strength)(key, image())), None, keys)[1]

    alone = [make(strength)(key, image()) for key in keys]
    np.testing.assert_allclose(scanned(jnp.float32(strength)), alone, atol=1e-5)
    scanned(jnp.float32(0.5 * strength))
    assert scanned._cache_size() == 1


# In a run


@pytest.fixture(scope="module")
def stripes():
    """Stripes across or along 6 x 6 images with noise: two classes that a flip does not mix up."""
    rng = np.random.default_rng(0)
    labels = np.arange(96, dtype=np.int32) % 2
    across = np.broadcast_to(np.arange(6)[:, None] % 2, (6, 6))
    images = np.where(labels[:, None, None], across, across.T)[..., None] * 155
    pixels = (images + rng.integers(0, 100, images.shape)).astype(np.uint8)
    return data.from_arrays(pixels[:64], labels[:64], pixels[64:], labels[64:], scale=255.0)


def setup(learning_rate, degrees=0.0, alpha=0.0, augmented=True, soft=True, gradient="hand"):
    change = augment.chain(
        augment.per_image(augment.rotation(degrees), augment.pad_and_crop(0)),
        *([augment.mixup(alpha)] if soft else []),
    )
    return train.Run(
        model=layers.serial(layers.flatten, layers.dense(8), layers.relu, layers.dense(2)),
        loss=losses.softmax_cross_entropy_with_soft_targets
        if soft
        else losses.softmax_cross_entropy,
        targets=functools.partial(jax.nn.one_hot, num_classes=2) if soft else None,
        augment=change if augmented else None,
        optimizer=optax.sgd(learning_rate),
        epochs=6,
        batch_size=16,
        gradient=gradient,
    )


def test_a_run_without_strength_is_the_run_without_augmentation(stripes):
    plain = train.fit(setup, stripes, learning_rate=0.5, augmented=False, soft=False).history
    history = train.fit(setup, stripes, learning_rate=0.5).history
    for name in plain:
        np.testing.assert_allclose(history[name], plain[name], rtol=1e-5, atol=1e-6)


def test_every_step_draws_anew(stripes):
    def still(learning_rate):
        return train.Run(
            model=layers.serial(layers.flatten, layers.dense(2)), epochs=3, batch_size=None,
            loss=losses.softmax_cross_entropy, optimizer=optax.sgd(learning_rate),
            augment=augment.per_image(augment.rotation(90.0)),
        )  # fmt: skip

    history = train.fit(still, stripes, learning_rate=0.0).history
    assert len(np.unique(history.train_loss)) == 3
    assert len(np.unique(history.test_loss)) == 1


def test_mixup_and_rotation_train_and_are_swept_in_one_program(stripes):
    history = train.sweep(
        setup, stripes, learning_rate=0.5, degrees=[0.0, 20.0], alpha=[0.0, 1.0], seed=[1]
    )
    assert history.attrs["programs"] == 1
    last = history.isel(epoch=-1)
    assert (last.test_accuracy >= 0.9).all()
    assert (last.train_loss.sel(alpha=1.0) > last.train_loss.sel(alpha=0.0)).all()
    assert (last.train_loss.sel(degrees=20.0) != last.train_loss.sel(degrees=0.0)).all()
    alone = train.fit(setup, stripes, learning_rate=0.5, degrees=20.0, alpha=1.0, seed=1).history
    lane = history.sel(degrees=20.0, alpha=1.0, seed=1)
    for name in alone:
        np.testing.assert_array_equal(alone[name], lane[name])


# Bad input


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: augment.rotation(-1.0), ValueError, r"max_degrees must be .* got -1\.0"),
        (lambda: augment.rotation(181), ValueError, r"max_degrees must be in \[0, 180\], got 181"),
        (lambda: augment.translation(np.inf), ValueError, "max_pixels must be finite .* got inf"),
        (lambda: augment.random_stretch(-0.1), ValueError, r"max_stretch .* got -0\.1"),
        (lambda: augment.random_shear("x"), TypeError, "max_slope must be a number, got 'x'"),
        (lambda: augment.lens_distortion(0.5), ValueError, r"in \[0, 0\.3333\], got 0\.5"),
        (lambda: augment.crop_and_resize(1.5), ValueError, r"min_side must be in .* got 1\.5"),
        (lambda: augment.pad_and_crop(-1), ValueError, "padding must be .* at least 0, got -1"),
        (lambda: augment.pad_and_crop(1.5), TypeError, r"padding must be an int, got 1\.5"),
        (lambda: augment.horizontal_flip(2), ValueError, r"probability must be in .* got 2"),
        (lambda: augment.brightness(1.1), ValueError, r"max_change must be in .* got 1\.1"),
        (lambda: augment.hue(0.6), ValueError, r"max_turn must be in \[0, 0\.5\], got 0\.6"),
        (lambda: augment.cutout(-2), ValueError, "size must be .* got -2"),
        (lambda: augment.mixup(np.nan), ValueError, "alpha must be .* got nan"),
        (lambda: augment.chain(0.5), TypeError, r"augmentation 0 must be a function, got 0\.5"),
    ],
)
def test_setting_out_of_range_is_refused(no_type_checker, make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("name", ALL)
def test_what_is_no_image_is_refused(no_type_checker, name):
    make, strength = ALL[name]
    with pytest.raises(ValueError, match=r"\[height, width, channels\], got shape \(6, 7\)"):
        make(strength)(a_key(), jnp.ones((6, 7)))
    with pytest.raises(TypeError, match=r"floats in \[0, 1\], got uint8"):
        make(strength)(a_key(), jnp.ones((6, 7, 3), jnp.uint8))


def test_mixup_of_class_indices_is_refused_before_training(stripes):
    def hard(learning_rate):
        return train.Run(
            model=layers.serial(layers.flatten, layers.dense(2)), epochs=1, batch_size=16,
            loss=losses.softmax_cross_entropy, augment=augment.mixup(1.0),
            optimizer=optax.sgd(learning_rate),
        )  # fmt: skip

    with pytest.raises(ValueError, match=r"targets of floats, got int32: make them one-hot"):
        train.fit(hard, stripes, learning_rate=0.1)
