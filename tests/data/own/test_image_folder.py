import numpy as np
import pytest
from PIL import Image

from jaxnn import data
from jaxnn.data.own import image_folder

NESTED = ["b/2.png", "b/10.png", "a/1.jpg", "a/x.JPEG"]
FLAT = ["b.2.png", "b.10.png", "a.1.jpg", "a.x.JPEG"]
SPLIT = [f"train/{name}" for name in NESTED] + ["test/b/1.png", "test/a/1.png"]
SPLIT_FLAT = [f"train/{name}" for name in FLAT] + ["test/b.1.png"]


@pytest.fixture
def make(tmp_path):
    def make_fn(names):
        rng = np.random.default_rng(0)
        for number, name in enumerate(names):
            path = tmp_path / "photos" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (5 + number, 7, 3), np.uint8)).save(path)
        return tmp_path / "photos"

    return make_fn


def pixels(path, size):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB").resize(size[::-1], Image.Resampling.BILINEAR))


@pytest.mark.parametrize("names", [NESTED, FLAT, SPLIT, SPLIT_FLAT])
def test_every_layout_is_read_in_the_order_of_classes_and_names(make, names):
    path = make(names)
    (path / "notes.txt").write_text("not an image")
    loaded = data.from_image_folder(path, size=(4, 6))
    assert loaded.train.labels.tolist() == [0, 0, 1, 1]
    assert (loaded.name, loaded.classes, loaded.scale) == ("photos", ("a", "b"), 255.0)
    parent = "train/" if names[0].startswith("train") else ""
    files = sorted(name for name in names if name.startswith(parent))
    expected = [pixels(path / name, (4, 6)) for name in files]
    np.testing.assert_array_equal(loaded.train.inputs, expected)
    assert (loaded.test is not None) == bool(parent)


def test_images_can_be_grey(make):
    assert data.from_image_folder(make(NESTED), channels=1).train.inputs.shape == (4, 64, 64, 1)


def test_the_second_load_decodes_nothing_even_from_another_place(make, monkeypatch, tmp_path):
    first = data.from_image_folder(make(NESTED), size=(4, 4))
    (tmp_path / "again").mkdir()
    (tmp_path / "photos").rename(tmp_path / "again" / "photos")
    monkeypatch.setattr(image_folder, "_decode", None)
    second = data.from_image_folder(tmp_path / "again" / "photos", size=(4, 4))
    np.testing.assert_array_equal(first.train.inputs, second.train.inputs)


@pytest.mark.parametrize("change", ["pixels", "name", "size", "channels"])
def test_what_changes_the_pixels_is_decoded_again(make, change):
    path, settings = make(NESTED), {}
    before = data.from_image_folder(path, size=(4, 4))
    if change == "pixels":
        Image.fromarray(np.zeros((5, 5, 3), np.uint8)).save(path / "b" / "10.png")
    elif change == "name":
        (path / "b" / "10.png").rename(path / "b" / "30.png")
    else:
        settings = {"size": {"size": (4, 5)}, "channels": {"channels": 1}}[change]
    after = data.from_image_folder(path, **{"size": (4, 4), **settings})
    assert not np.array_equal(before.train.inputs, after.train.inputs)


def test_an_image_in_another_folder_gets_another_label(make):
    path = make(NESTED)
    before = data.from_image_folder(path, size=(4, 4))
    (path / "b" / "10.png").rename(path / "a" / "z.png")
    after = data.from_image_folder(path, size=(4, 4))
    np.testing.assert_array_equal(before.train.inputs, after.train.inputs)
    assert after.train.labels.tolist() == [0, 0, 0, 1]


def test_a_folder_can_be_split(make):
    loaded = data.from_image_folder(make(NESTED), test_size=2, seed=1)
    assert loaded.train.labels.tolist() == loaded.test.labels.tolist() == [0, 1]


@pytest.fixture
def broken(make):
    path = make([*NESTED, "a/y.png"])
    (path / "a" / "1.jpg").write_bytes(b"")
    whole = (path / "b" / "2.png").read_bytes()
    (path / "b" / "2.png").write_bytes(whole[: len(whole) // 2])
    return path


def test_unreadable_images_are_named_counted_and_refused(broken):
    with pytest.raises(data.DataCorruptError, match=rf"2 images cannot be .* {broken}/a/1.jpg \("):
        data.from_image_folder(broken)


def test_unreadable_images_are_left_out_where_asked(broken, caplog):
    loaded = data.from_image_folder(broken, skip_unreadable=True)
    assert loaded.train.labels.tolist() == [0, 0, 1]
    assert "left out 2 images" in caplog.text
    assert f"{broken}/b/2.png" in caplog.text


@pytest.mark.parametrize(
    ("names", "settings", "error", "message"),
    [
        (["a/1.png"], {}, ValueError, "photos holds images of the single class 'a'"),
        (["a.1.png", "a.2.png"], {}, ValueError, "single class 'a': put each class into a folder"),
        ([*SPLIT, "test/c/1.png"], {}, ValueError, r"test/c/1.png is of class 'c', .* are a, b"),
        (SPLIT, {"test_size": 0.5}, ValueError, "has a folder train, so test_size=0.5"),
        (NESTED, {"channels": 2}, ValueError, "channels=2"),
        (NESTED, {"size": (0, 4)}, ValueError, r"size=\(0, 4\)"),
        (NESTED, {"test_size": 4}, ValueError, "leave 0 of 4 examples to train on"),
    ],
)
def test_a_folder_that_cannot_be_trained_on_is_refused(make, names, settings, error, message):
    with pytest.raises(error, match=message):
        data.from_image_folder(make(names), **settings)


def test_a_folder_without_images_is_named(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(data.DataNotFoundError, match=f"{tmp_path} holds no image"):
        data.from_image_folder(tmp_path)
    with pytest.raises(data.DataNotFoundError, match=f"no folder {tmp_path}/none"):
        data.from_image_folder(tmp_path / "none")
