import os
import pathlib
import pickle
import subprocess
import sys

import numpy as np
import pytest

from jaxnn import data
from jaxnn.data import cache
from jaxnn.data.published import catalog, listing, loading, release

ROOT = pathlib.Path(__file__).parents[3]


@pytest.mark.quick
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mnits", r"no data set is called 'mnits': did you mean 'mnist'\? there are breast_cancer"),
        ("Digit", r"did you mean 'digits'\? "),
        ("imagenet-21k", r"called 'imagenet-21k': there are breast_cancer, cats_vs_dogs"),
    ],
)
def test_load_names_the_nearest_data_sets(name, message):
    with pytest.raises(ValueError, match=message):
        data.load(name)


@pytest.mark.quick
@pytest.mark.parametrize("settings", [{"test_size": 0.2}, {"seed": 1}])
def test_load_does_not_split_what_was_published_with_a_split(settings):
    (name,) = settings
    with pytest.raises(ValueError, match=f"mnist has a published split, so {name} cannot"):
        data.load("mnist", **settings)


@pytest.mark.quick
@pytest.mark.parametrize("name", ["zoo", "digits", "mnits"])
def test_what_has_no_published_split_is_not_streamed(name):
    with pytest.raises(ValueError, match=f"'{name}' cannot be streamed, only mnist, fashion_mnist"):
        data.load_stream(name)


TFDS = release.data_root(os.environ.get("TFDS_DATA_DIR") or ROOT.parent / "shared/data/tfds")
COUNTS = {  # examples of each class, of the sets that are split here
    "zoo": [41, 20, 5, 13, 4, 8, 10],
    "simpsons": [150] * 10,
    "iris": [50] * 3,
    "breast_cancer": [212, 357],
}
AT_HAND = [
    name
    for name in COUNTS
    if name not in catalog.PUBLISHED
    or release.raw_folder(catalog.PUBLISHED[name], TFDS).is_dir()
    or release.prepared_folder(catalog.PUBLISHED[name], TFDS)
]


@pytest.mark.data
@pytest.mark.parametrize("name", AT_HAND)
def test_load_gives_every_example_once_with_its_class(name):
    loaded = data.load(name, data_dir=TFDS)
    labels = np.concatenate([loaded.train.labels, loaded.test.labels])
    assert np.bincount(labels).tolist() == COUNTS[name]
    assert len(loaded.classes) == len(COUNTS[name])
    assert loaded.name == name
    again = data.load(name, data_dir=TFDS)
    np.testing.assert_array_equal(again.train.inputs, loaded.train.inputs)


@pytest.mark.data
def test_importing_the_package_imports_nothing_heavy_and_loading_no_tensorflow(site_zoo):
    record, root, _ = site_zoo  # prepared there, as the others are on the first load
    heavy = {"sklearn", "tensorflow_datasets", "tensorflow", "PIL", "requests", "tqdm", "pandas"}
    script = f"""
import pickle, sys
record, root, tfds, names = pickle.load(sys.stdin.buffer)
import jaxnn.data
assert not {heavy} & set(sys.modules), {heavy} & set(sys.modules)
from jaxnn import data
from jaxnn.data.published import loading
print(loading.load(record, root), *[data.load(n, data_dir=tfds) for n in names])
assert not [name for name in sys.modules if name.partition(".")[0] == "tensorflow"]
"""
    known = pickle.dumps((record, root, TFDS, [*AT_HAND, "digits"]))
    out = subprocess.run([sys.executable, "-c", script], input=known, capture_output=True)
    assert out.returncode == 0, out.stderr.decode()
    assert out.stdout.count(b"Dataset(") == len(AT_HAND) + 2


@pytest.mark.quick
def test_a_set_without_a_published_split_takes_a_size_and_a_seed(site_zoo):
    record, root, arrays = site_zoo
    one, other = (loading.load(record, root, test_size=6, seed=seed) for seed in (0, 1))
    assert (len(one.train.labels), len(one.test.labels)) == (17, 6)
    assert (one.test.inputs != other.test.inputs).any()
    rows = np.concatenate([one.train.inputs, one.test.inputs])
    expected = arrays["train_inputs"]
    np.testing.assert_array_equal(rows[np.lexsort(rows.T)], expected[np.lexsort(expected.T)])


@pytest.fixture
def site_zoo(tmp_path):
    """(record, TFDS data folder, arrays) of a table of 23 animals."""
    inputs, labels = np.arange(46, dtype=np.float32).reshape(23, 2), np.arange(23) % 3
    raw = tmp_path / "raw" / "made_zoo"
    raw.mkdir(parents=True)
    rows = zip(inputs, labels, strict=True)
    (raw / "made.data").write_text("".join(f"x,{a},{b},{y + 1}\n" for (a, b), y in rows))
    listing.write(raw, tmp_path / "listing.txt")
    record = release.Published(
        name="made_zoo",
        version="1.0.0",
        shape=(2,),
        sizes={"train": 23},
        classes=("a", "b", "c"),
        sha256={
            "train_inputs": cache.digest(inputs),
            "train_labels": cache.digest(labels.astype(np.int32)),
        },
        form="zoo",
        listing=tmp_path / "listing.txt",
    )
    return record, tmp_path / "tfds", {"train_inputs": inputs}
