"""What each kind of augmentation is said to do to an image, asked of the library itself."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn import augment

SIZE = 16
INSIDE = slice(4, 12)  # what no zeros from beyond the border reach
ROWS, COLUMNS = np.mgrid[:SIZE, :SIZE].astype(np.float32)


def image() -> jax.Array:
    """Noise in three colours."""
    return jax.random.uniform(jax.random.key(0), (SIZE, SIZE, 3))


def ramp(values: np.ndarray) -> jax.Array:
    """An image of one channel that linear interpolation meets exactly."""
    return jnp.asarray(values / 32)[..., None]


def flip() -> bool:
    """A mirrored image; twice is none."""
    once = augment.horizontal_flip(1.0)(jax.random.key(1), image())
    twice = augment.horizontal_flip(1.0)(jax.random.key(1), once)
    return _same(once, image()[:, ::-1]) and _same(twice, image())


def crop_and_resize() -> bool:
    """A window of the image at its size: a ramp rises by the window's share, both ways alike."""
    crop = augment.crop_and_resize(0.5)
    sides = []
    for seed in range(10):
        y, x = (crop(jax.random.key(seed), ramp(v))[..., 0] * 32 for v in (ROWS, COLUMNS))
        side = float(x[0, -1] - x[0, 0]) / (SIZE - 1)
        in_both = np.isclose(float(y[-1, 0] - y[0, 0]) / (SIZE - 1), side, atol=1e-4)
        inside = min(x.min(), y.min()) >= -1e-4 and max(x.max(), y.max()) <= SIZE - 1 + 1e-4
        if not (in_both and inside and 0.5 <= side <= 1):
            return False
        sides.append(side)
    whole = augment.crop_and_resize(1.0)(jax.random.key(0), image())
    return len(set(sides)) == len(sides) and _same(whole, image())


def colours() -> bool:
    """The shapes stay: an image of two colours is of two others, in the same places."""
    first = (COLUMNS + ROWS) % 3 == 0
    two = jnp.where(first[..., None], jnp.array([0.6, 0.4, 0.3]), jnp.array([0.3, 0.5, 0.6]))
    jitter = augment.chain(augment.contrast(0.4), augment.saturation(0.4))
    changed = np.asarray(jitter(jax.random.key(0), two))
    flat = all(np.ptp(changed[place], axis=0).max() < 1e-5 for place in (first, ~first))
    moved = np.abs(changed - two).max()
    return flat and 1e-3 < float(moved) <= 0.4


def hue_and_brightness() -> bool:
    """A turn by a third makes green of red; brightness adds as much everywhere; 0 does nothing."""
    red, green = (jnp.broadcast_to(jnp.array(c), (2, 2, 3)) for c in ([1.0, 0, 0], [0, 1.0, 0]))
    grey = 0.25 + image() / 2
    brighter = augment.adjust_brightness(grey, 0.1)
    unchanged = augment.adjust_hue(augment.adjust_brightness(image(), 0.0), 0.0)
    return (
        _same(augment.adjust_hue(red, 1 / 3), green)
        and _same(brighter, grey + 0.1)
        and _same(unchanged, image())
    )


def translation() -> bool:
    """Whole pixels move the image, half a pixel takes the mean of two."""
    whole = augment.translate(image(), 2, 3)
    half = augment.translate(image(), 0.0, 0.5)
    between = (image()[:, 1:] + image()[:, :-1]) / 2
    return _same(whole[2:, 3:], image()[:-2, :-3]) and _same(half[:, 1:], between)


def rotation() -> bool:
    """0 and 360 degrees do nothing, 90 a quarter turn."""
    turned = {degrees: augment.rotate(image(), degrees) for degrees in (0.0, 90.0, 360.0)}
    return (
        _same(turned[0.0], image())
        and _same(turned[360.0], image(), 1e-3)
        and _same(turned[90.0], jnp.rot90(image()), 1e-3)
    )


def stretching() -> bool:
    """Twice as wide, a ramp is half as steep across, and as steep as before downwards."""
    wide = [augment.stretch(ramp(v), 1.0, 2.0)[..., 0] * 32 for v in (ROWS, COLUMNS)]
    across, down = np.diff(wide[1], axis=1)[INSIDE, INSIDE], np.diff(wide[0], axis=0)
    return _same(across, 0.5, 1e-4) and _same(down[INSIDE, INSIDE], 1.0, 1e-4)


def shearing() -> bool:
    """The rows are shifted in proportion to their height, and stay what they are."""
    slope, centre = 0.2, (SIZE - 1) / 2
    y, x = (augment.shear(ramp(v), slope)[..., 0] * 32 for v in (ROWS, COLUMNS))
    shift = (COLUMNS - np.asarray(x))[INSIDE, INSIDE]
    height = (centre - ROWS)[INSIDE, INSIDE]
    return _same(shift, slope * height, 1e-4) and _same(y[INSIDE, INSIDE], ROWS[INSIDE, INSIDE])


def lens_distortion() -> bool:
    """A pixel at radius r comes from r (1 + k r^2), r = 1 in the corners; with k = 0, from r."""
    centre = (SIZE - 1) / 2
    square = ((ROWS - centre) ** 2 + (COLUMNS - centre) ** 2) / (2 * centre**2)
    for strength in (0.2, -0.2):  # a barrel, and a pincushion
        x = augment.distort(ramp(COLUMNS), strength)[..., 0] * 32
        from_there = centre + (COLUMNS - centre) * (1 + strength * square)
        if not _same(x[INSIDE, INSIDE], from_there[INSIDE, INSIDE], 1e-3):
            return False
    return _same(augment.distort(image(), 0.0), image())


def _same(actual, expected, atol: float = 1e-5) -> bool:
    return bool(np.allclose(actual, expected, rtol=0, atol=atol))


DOES = {
    "flip": flip,
    "crop and resize": crop_and_resize,
    "colours": colours,
    "hue and brightness": hue_and_brightness,
    "translation": translation,
    "rotation": rotation,
    "stretching": stretching,
    "shearing": shearing,
    "lens distortion": lens_distortion,
}
