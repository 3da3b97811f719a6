import numpy as np
import pytest
from PIL import Image

from jaxnn import data
from jaxnn.data.own import image_folder

pytestmark = pytest.mark.quick

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
        (["x/a/1.png", "x/b/1.png"], {}, ValueError, r"2 images one level too deep \(a/1.png, b/1"),
        ([*NESTED, "a/new/1.png"], {}, ValueError, "1 images one level too deep"),
        ([*NESTED, "1.png"], {}, ValueError, r"1 beside them \(1.png\): put each into the folder"),
        ([*SPLIT, "more/1.png"], {}, ValueError, "a folder train, and more beside it: put the"),
        ([*SPLIT, "1.png"], {}, ValueError, "a folder train, and 1.png beside it"),
        ([*SPLIT, "Test/a/1.png"], {}, ValueError, "has two folders for test"),
        (
            ["cat1.png", "dog1.png"],
            {},
            ValueError,
            "name of .*cat1.png does not say of which",
        ),
        (["a.b.1.png", "b.1.png"], {}, ValueError, "a.b.1.png does not say of which class it is"),
        (["IMG_2020_1.png", "a_1.png"], {}, ValueError, "IMG_2020_1.png does not say"),
        (["_1.png", "a_1.png"], {}, ValueError, "_1.png does not say"),
        ([*SPLIT, "val/c/1.png"], {}, ValueError, r"val/c/1.png is of class 'c', .* are a, b"),
        ([*SPLIT, "test/c/1.png"], {}, ValueError, r"test/c/1.png is of class 'c', .* are a, b"),
        (SPLIT, {"test_size": 0.5}, ValueError, "has a folder train, so test_size=0.5"),
        (NESTED, {"channels": 2}, ValueError, "channels=2"),
        (NESTED, {"size": (0, 4)}, ValueError, r"size=\(0, 4\)"),
        (NESTED, {"size": 0}, ValueError, "size=0"),
        (NESTED, {"background": "glass"}, ValueError, "background='glass' is no opaque colour"),
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
    with pytest.raises(data.DataNotFoundError, match=f"no folder {tmp_path}/none: check the path"):
        data.from_image_folder(tmp_path / "none")
    with pytest.raises(data.DataNotFoundError, match=r"notes.txt: it is a file: unpack it"):
        data.from_image_folder(tmp_path / "notes.txt")


@pytest.mark.parametrize("part", ["", "train/", "test/"])
@pytest.mark.parametrize("kept", ["1.docx", None])
def test_a_class_that_has_lost_all_its_pictures_is_refused(make, part, kept):
    path = make(SPLIT if part else NESTED)
    (path / part / "c").mkdir()
    if kept:
        (path / part / "c" / kept).write_text("")
    words = rf"{part}c holds no image \({kept or 'nothing'}"
    with pytest.raises(data.DataNotFoundError, match=words):
        data.from_image_folder(path)


def test_a_class_of_which_no_picture_can_be_read_is_refused_though_some_may_be_left_out(make):
    path = make([*NESTED, "c/1.png"])
    (path / "c" / "1.png").write_bytes(b"")
    with pytest.raises(data.DataCorruptError, match=r"no image of class c in .*/c/1.png \("):
        data.from_image_folder(path, skip_unreadable=True)
    (path / "c" / "1.png").unlink()
    (path / "c").rmdir()  # as the message says
    assert data.from_image_folder(path).classes == ("a", "b")


def test_one_number_is_a_square(make):
    path = make(NESTED)
    square = data.from_image_folder(path, size=5).train.inputs
    np.testing.assert_array_equal(square, data.from_image_folder(path, size=(5, 5)).train.inputs)


@pytest.mark.parametrize("between", ["-", " ", "+", "_", ".", "0"])
def test_where_one_class_begins_the_name_of_another_they_are_in_the_order_of_their_names(
    make, between
):
    """A path has a slash after the class, which comes after some of these and before others."""
    longer = f"cat{between}b"
    path = make([f"{longer}/1.png", "cat/2.png", f"{longer}/0.png", "cat/1.png"])
    loaded = data.from_image_folder(path, size=(4, 6))
    assert loaded.classes == ("cat", longer)
    assert loaded.train.labels.tolist() == [0, 0, 1, 1]
    names = ["cat/1.png", "cat/2.png", f"{longer}/0.png", f"{longer}/1.png"]
    expected = [pixels(path / name, (4, 6)) for name in names]
    np.testing.assert_array_equal(loaded.train.inputs, expected)


def test_flat_names_have_their_class_before_the_last_line_or_the_first_dot(make):
    names = ["cat_1.png", "tabby_cat_2.png", "dog.3.png", "tabby_cat_x.png", "cat.2020.1.png"]
    loaded = data.from_image_folder(make(names), size=(4, 6))
    assert loaded.classes == ("cat", "dog", "tabby_cat")
    assert loaded.train.labels.tolist() == [0, 0, 1, 2, 2]


@pytest.mark.parametrize("folder", ["validation", "val", "valid", "Val"])
def test_pictures_to_choose_on_are_read(make, folder):
    path = make([*SPLIT, f"{folder}/b/1.png"])
    loaded = data.from_image_folder(path, size=(4, 6))
    assert loaded.validation.labels.tolist() == [1]
    expected = [pixels(path / folder / "b" / "1.png", (4, 6))]
    np.testing.assert_array_equal(loaded.validation.inputs, expected)
    assert (len(loaded.train.labels), len(loaded.test.labels)) == (4, 2)


def test_every_format_is_a_picture_of_its_class(make):
    names = ["a/1.webp", "a/2.tiff", "b/1.bmp", "b/2.gif", "c/1.JFIF", "c/2.ppm"]
    assert data.from_image_folder(make(names), size=4).train.labels.tolist() == [0, 0, 1, 1, 2, 2]


def test_what_is_passed_over_is_counted_and_named_each_time(broken, caplog):
    (broken / "notes.txt").write_text("")
    (broken / "a" / "1.docx").write_text("")
    (broken / "b" / ".DS_Store").write_text("")
    frames = [Image.new("L", (4, 4), level) for level in (9, 0)]
    frames[0].save(broken / "b" / "moving.gif", save_all=True, append_images=frames[1:])
    for _ in range(2):
        caplog.clear()
        data.from_image_folder(broken, size=4, skip_unreadable=True)
        assert f"left out 2 files in {broken} that are no images" in caplog.text
        assert "endings: a/1.docx, notes.txt" in caplog.text
        assert "left out 2 images that cannot be read" in caplog.text
        assert f"{broken}/b/2.png" in caplog.text
        assert f"first frame of 1 files in {broken} that hold several: b/moving.gif" in caplog.text


def test_the_background_shows_through_and_has_pixels_of_its_own(make):
    path = make(NESTED)
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(path / "a" / "0.png")
    white, blue = (
        data.from_image_folder(path, size=2, background=name).train.inputs[0, 0, 0].tolist()
        for name in ("white", "blue")
    )
    assert (white, blue) == ([255, 255, 255], [0, 0, 255])


def test_advice_for_folders_that_are_one_level_too_deep_helps(make):
    path = make(["x/a/1.png", "x/b/1.png"])
    with pytest.raises(ValueError, match=f"give the path {path}/x"):
        data.from_image_folder(path)
    assert data.from_image_folder(path / "x").classes == ("a", "b")


RENAMED = [  # refused; by which words; where the files go as they say
    (["a/1.png", "a/2.png"], "put each class into a folder", ["a/1.png", "b/2.png"]),
    (["a.1.png", "a.2.png"], "before the first dot", ["a.1.png", "b.2.png"]),
    (["cat1.png", "dog1.png"], "into a folder of its own", ["cat/1.png", "dog/1.png"]),
    (["cat1.png", "dog1.png"], r"before the last _", ["cat_1.png", "dog_1.png"]),
    (["a/1.png", "b/1.png", "2.png"], "each into the folder of its class",
     ["a/1.png", "b/1.png", "b/2.png"]),
    (["a/new/1.png", "b/1.png"], "put the images right into it", ["a/1.png", "b/1.png"]),
    (["train/a/1.png", "train/b/1.png", "more/a/2.png"], "into train, validation or test",
     ["train/a/1.png", "train/b/1.png", "train/a/2.png"]),
    (["train/a/1.png", "train/b/1.png", "val/a/1.png", "validation/b/1.png"], "join them",
     ["train/a/1.png", "train/b/1.png", "val/a/1.png", "val/b/1.png"]),
]  # fmt: skip


@pytest.mark.parametrize(("names", "words", "moved"), RENAMED)
def test_a_folder_that_is_put_in_order_as_a_message_advises_loads(make, names, words, moved):
    path = make(names)
    with pytest.raises(ValueError, match=words):
        data.from_image_folder(path)
    for name, new in zip(names, moved, strict=True):
        (path / new).parent.mkdir(parents=True, exist_ok=True)
        (path / name).rename(path / new)
    for folder in sorted(path.rglob("*"), reverse=True):
        if folder.is_dir() and not list(folder.iterdir()):
            folder.rmdir()
    loaded = data.from_image_folder(path, size=4)
    held = loaded.validation.labels if loaded.validation else ()
    assert len(loaded.classes) == 2
    assert len(loaded.train.labels) + len(held) == len(names)


def test_other_advice_on_folders_helps(make):
    path = make(SPLIT)
    with pytest.raises(ValueError, match="leave it out"):
        data.from_image_folder(path, test_size=2)
    assert len(data.from_image_folder(path).test.labels) == 2
    Image.fromarray(np.full((4, 4), 0.5, np.float32)).save(path / "train" / "a" / "0.tiff")
    with pytest.raises(data.DataCorruptError, match="save it with 8 or 16 bits"):
        data.from_image_folder(path)
    Image.fromarray(np.full((4, 4), 32768, np.uint16)).save(path / "train" / "a" / "0.tiff")
    assert (data.from_image_folder(path, size=4).train.inputs[0] == 128).all()
