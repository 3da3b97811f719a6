"""Augmentations against NumPy, colorsys and their own formulas; draws, dtypes, and a whole run."""

import colorsys
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxnn import augment, data, layers, losses, train

KEY = jax.random.key(7)
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


def image(height=6, width=7, channels=3, dtype=np.float32):
    return jnp.asarray(np.random.default_rng(0).random((height, width, channels)), dtype)


@each_augmentation
def test_strength_zero_is_the_identity(name):
    make, _ = ALL[name]
    tolerance = 1e-6 if name in COLOURS else 0
    np.testing.assert_allclose(make(0.0)(KEY, image()), image(), rtol=0, atol=tolerance)


@each_augmentation
def test_range_shape_and_dtype_are_kept(name):
    make, strength = ALL[name]
    with jax.enable_x64(True):
        for dtype in (jnp.bfloat16, jnp.float64):
            before = image(dtype=dtype)
            after = make(strength)(KEY, before)
            assert (after.shape, after.dtype) == (before.shape, before.dtype)
            assert after.min() >= 0
            assert after.max() <= 1


@each_augmentation
def test_each_image_has_a_draw_of_its_own_and_a_key_repeats_them(name):
    make, strength = ALL[name]
    batch = jnp.stack([image()] * 8)
    labels = jnp.arange(8)
    change = jax.jit(augment.per_image(make(strength)))
    first, kept = change(KEY, batch, labels)
    np.testing.assert_array_equal(kept, labels)
    np.testing.assert_array_equal(first, change(KEY, batch, labels)[0])
    assert len({np.asarray(one).tobytes() for one in first}) > 1
    assert (change(jax.random.key(8), batch, labels)[0] != first).any()


@pytest.mark.parametrize(
    "name", [name for name in ALL if name != "pad_and_crop"]
)  # its padding is structure
def test_strength_may_be_traced_and_a_scan_gives_the_same_images(name):
    make, strength = ALL[name]
    keys = jax.random.split(KEY, 3)

    @jax.jit
    def scanned(strength):
        return jax.lax.scan(lambda _, key: (None, make(strength)(key, image())), None, keys)[1]

    alone = [make(strength)(key, image()) for key in keys]
    np.testing.assert_allclose(scanned(jnp.float32(strength)), alone, atol=1e-5)
    scanned(jnp.float32(0.5 * strength))
    assert scanned._cache_size() == 1


# Geometry


@pytest.mark.parametrize(("height", "width"), [(4, 4), (5, 5)])
@pytest.mark.parametrize("turns", [1, 2, 3, -1])
def test_quarter_turns_are_those_of_numpy(height, width, turns):
    before = image(height, width)
    after = augment.rotate(before, 90.0 * turns)
    np.testing.assert_allclose(after, np.rot90(before, turns), atol=1e-5)


def test_whole_pixels_are_moved_exactly():
    before = image()
    expected = np.zeros(before.shape)
    expected[2:, :-1] = before[:-2, 1:]
    np.testing.assert_array_equal(augment.translate(before, 2, -1), expected)


@pytest.mark.parametrize("name", ["translation", "random_stretch"])
def test_both_directions_are_drawn_independently(name):
    make, strength = ALL[name]
    place = jnp.arange(15.0) / 14
    ramps = jnp.stack(jnp.meshgrid(place, place, indexing="ij"), axis=-1)
    centre = [make(strength)(key, ramps)[4, 4] for key in jax.random.split(KEY, 4)]
    assert all(abs(down - right) > 1e-4 for down, right in centre)


def test_half_a_pixel_averages_neighbours_and_fades_at_the_border():
    before = image(1, 4, 1)
    row = np.asarray(before)[0, :, 0]
    expected = (row + np.array([0, *row[:-1]])) / 2
    np.testing.assert_allclose(augment.translate(before, 0, 0.5)[0, :, 0], expected, rtol=1e-6)


def test_far_away_nothing_is_left():
    assert not augment.translate(image(), 100, 0).any()


def test_stretch_by_two_and_back():
    ramp = jnp.broadcast_to(jnp.linspace(0, 1, 9)[:, None, None], (9, 9, 1))
    wide = augment.stretch(ramp, 2, 1)
    np.testing.assert_allclose(wide[:, 0, 0], np.linspace(0.25, 0.75, 9), rtol=1e-6)
    np.testing.assert_array_equal(augment.stretch(ramp, 1, 1), ramp)
    np.testing.assert_array_equal(augment.stretch(ramp, 1, 0.5)[0, :, 0] > 0, [False] * 9)
    np.testing.assert_array_equal(
        augment.stretch(ramp, 1, 0.5)[4, :, 0] > 0, [0, 0, *[1] * 5, 0, 0]
    )


def test_shear_moves_each_row_by_its_height():
    before = image(3, 5)
    after = augment.shear(before, 1)
    np.testing.assert_array_equal(after[1], before[1])
    np.testing.assert_array_equal(after[0, 1:], before[0, :-1])  # above the centre: to the right
    np.testing.assert_array_equal(after[2, :-1], before[2, 1:])


def test_lens_bends_a_line_outwards_or_inwards_and_leaves_the_centre():
    yard = jnp.zeros((41, 41, 1)).at[:, 10].set(1.0)  # a line left of the centre

    def place(after, row):
        return float((after[row, :, 0] * jnp.arange(41.0)).sum() / after[row, :, 0].sum())

    barrel, pincushion = augment.distort(yard, 0.3), augment.distort(yard, -0.3)
    assert place(barrel, 5) > place(barrel, 20) + 0.3  # its ends bend towards the middle
    assert place(pincushion, 5) < place(pincushion, 20) - 0.3
    np.testing.assert_array_equal(barrel[20, 20], yard[20, 20])


@pytest.mark.parametrize("strength", [0.2, -0.2])
def test_lens_distortion_is_its_formula(strength):
    x = jnp.broadcast_to(jnp.linspace(0, 1, 5)[None, :, None], (5, 5, 1))  # pixels show their place
    after = augment.distort(x, strength)[2, :, 0]
    r = np.array([0.0, 1.0, 2.0])
    from_radius = r * (1 + strength * r**2 / 8)
    expected = np.where(from_radius <= 2, 0.5 + from_radius / 4, 3 - from_radius)  # fades to 0
    np.testing.assert_allclose(after[2:], expected, rtol=1e-5)


def test_crop_takes_a_window_inside_the_image():
    rows = jnp.broadcast_to(jnp.linspace(0.2, 1, 9)[:, None, None], (9, 9, 1))
    batch = jnp.stack([rows] * 50)
    crops, _ = augment.per_image(augment.crop_and_resize(0.5))(KEY, batch, jnp.arange(50))
    lengths = (crops[:, -1, 0, 0] - crops[:, 0, 0, 0]) / 0.8
    assert (crops >= 0.2 - 1e-6).all()  # no border is seen
    assert 0.5 - 1e-6 <= lengths.min() < 0.6
    assert 0.9 < lengths.max() <= 1 + 1e-6


def test_pad_and_crop_gives_the_windows_of_the_padded_image():
    before = image(3, 4)
    padded = np.pad(before, ((1, 1), (1, 1), (0, 0)))
    windows = {padded[i : i + 3, j : j + 4].tobytes() for i in range(3) for j in range(3)}
    change = augment.pad_and_crop(1)
    after = [np.asarray(change(key, before)).tobytes() for key in jax.random.split(KEY, 60)]
    assert set(after) == windows


@pytest.mark.parametrize(("name", "axis"), [("horizontal_flip", 1), ("vertical_flip", 0)])
def test_flip_is_that_of_numpy(name, axis):
    after = getattr(augment, name)(1.0)(KEY, image())
    np.testing.assert_array_equal(after, np.flip(image(), axis))


# Colour


def test_hue_is_that_of_colorsys():
    before = image(20, 20)
    for turn in (0.1, 1 / 3, 0.5, -0.25):
        expected = [
            colorsys.hsv_to_rgb((h + turn) % 1, s, v)
            for h, s, v in (colorsys.rgb_to_hsv(*map(float, rgb)) for rgb in before.reshape(-1, 3))
        ]
        after = augment.adjust_hue(before, turn)
        np.testing.assert_allclose(after.reshape(-1, 3), expected, atol=1e-5)


def test_hue_of_grey_stays_and_a_third_of_a_turn_exchanges_colours():
    grey = jnp.full((1, 1, 3), 0.3)
    np.testing.assert_array_equal(augment.adjust_hue(grey, 0.4), grey)
    red = jnp.asarray([[[1.0, 0.0, 0.0]]])
    np.testing.assert_allclose(augment.adjust_hue(red, 1 / 3), [[[0, 1, 0]]], atol=1e-6)


def test_brightness_contrast_and_saturation_are_their_formulas():
    before = np.asarray(image(4, 4), np.float64)
    brighter = augment.adjust_brightness(image(4, 4), 0.3)
    np.testing.assert_allclose(brighter, np.clip(before + 0.3, 0, 1), atol=1e-6)
    mean = before.mean(axis=(0, 1))
    expected = np.clip(mean + 1.7 * (before - mean), 0, 1)
    np.testing.assert_allclose(augment.adjust_contrast(image(4, 4), 1.7), expected, atol=1e-6)
    grey = before @ [0.299, 0.587, 0.114]
    for channel in np.moveaxis(np.asarray(augment.adjust_saturation(image(4, 4), 0.0)), -1, 0):
        np.testing.assert_allclose(channel, grey, atol=1e-6)


# Erasing and mixing


def test_cutout_clears_a_square_that_may_reach_over_the_border():
    ones = jnp.ones((6, 7, 2))
    areas = set()
    for key in jax.random.split(KEY, 60):
        cleared = np.asarray(augment.cutout(3)(key, ones) == 0)
        rows, columns = (cleared.any(axis=axes).sum() for axes in ((1, 2), (0, 2)))
        assert cleared.sum() == 2 * rows * columns  # a rectangle, in every channel
        assert 2 <= min(rows, columns) <= max(rows, columns) <= 3
        areas.add(int(rows * columns))
    assert areas == {4, 6, 9}


def test_mixup_mixes_inputs_and_targets_with_one_share():
    inputs = jnp.eye(5)  # example i shows its number
    targets = jax.nn.one_hot(jnp.arange(5), 5)
    mixed, soft = augment.mixup(1.0)(KEY, inputs, targets)
    np.testing.assert_array_equal(mixed, soft)
    np.testing.assert_allclose(soft.sum(axis=1), 1, rtol=1e-6)
    assert (soft.argmax(axis=1) == np.arange(5)).all()
    assert ((soft > 0).sum(axis=1) <= 2).all()
    assert len(np.unique(np.round(soft.max(axis=1), 4))) > 2  # one draw per example


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_mixup_draws_from_the_beta_distribution(alpha):
    number = 4000
    inputs = jnp.concatenate([jnp.zeros(number), jnp.ones(number)])
    mixed, _ = augment.mixup(alpha)(KEY, inputs, inputs)
    shares = np.asarray(mixed)[(mixed > 0) & (mixed < 1)]
    # mixed is l or 1 - l, each as often: Beta(alpha, alpha) again, of variance 1/(4 (2 alpha + 1))
    np.testing.assert_allclose(shares.mean(), 0.5, atol=0.02)
    np.testing.assert_allclose(shares.var(), 1 / (4 * (2 * alpha + 1)), rtol=0.05)


def test_mixup_of_strength_zero_changes_nothing():
    x, t = image(), jnp.arange(6.0)
    for actual, expected in zip(augment.mixup(0.0)(KEY, x, t), (x, t), strict=True):
        np.testing.assert_array_equal(actual, expected)


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
        make(strength)(KEY, jnp.ones((6, 7)))
    with pytest.raises(TypeError, match=r"floats in \[0, 1\], got uint8"):
        make(strength)(KEY, jnp.ones((6, 7, 3), jnp.uint8))


def test_colours_of_a_grey_image_are_refused():
    for change in (augment.hue(0.1), augment.saturation(0.1)):
        with pytest.raises(ValueError, match="3 channels, red, green and blue, got 1"):
            change(KEY, jnp.ones((6, 7, 1)))


def test_mixup_of_class_indices_is_refused_before_training(stripes):
    def hard(learning_rate):
        return train.Run(
            model=layers.serial(layers.flatten, layers.dense(2)), epochs=1, batch_size=16,
            loss=losses.softmax_cross_entropy, augment=augment.mixup(1.0),
            optimizer=optax.sgd(learning_rate),
        )  # fmt: skip

    with pytest.raises(TypeError, match=r"targets of floats, got int32: make them one-hot"):
        train.fit(hard, stripes, learning_rate=0.1)
