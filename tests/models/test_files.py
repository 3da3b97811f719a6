import contextlib
import json

import jax
import numpy as np
import pytest
from safetensors import safe_open

from jaxnn import layers, models

SETTINGS = {"classes": 3, "filters": (2,), "units": 4, "dropout": 0.3}
SHAPE = (4, 4, 1)


@pytest.fixture
def saved(tmp_path):
    model = models.conv_net(**SETTINGS)
    params, state, _ = model.init(jax.random.key(0), SHAPE)
    path = tmp_path / "net.safetensors"
    models.save(path, params, state, model="conv_net", in_shape=SHAPE, **SETTINGS)
    return path, params, state


@pytest.mark.quick
def test_a_network_comes_back_from_its_file_alone(saved):
    path, params, state = saved
    loaded = models.load(path)
    jax.tree.map(np.testing.assert_array_equal, (loaded.params, loaded.state), (params, state))
    assert jax.tree.structure(loaded.params) == jax.tree.structure(params)
    assert loaded.model.name == models.conv_net(**SETTINGS).name
    assert loaded.in_shape == SHAPE
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_others_can_read_the_arrays_and_the_architecture(saved):
    path, params, _ = saved
    with safe_open(path, "np") as file:
        described = json.loads(file.metadata()["architecture"])
        np.testing.assert_array_equal(file.get_tensor("params/0/kernel"), params[0]["kernel"])
    assert described["model"] == "conv_net"
    assert described["settings"]["filters"] == [2]
    assert "conv2d(2, (3, 3))" in described["layers"]


def test_a_file_of_another_network_shows_both_trees_and_the_differences(saved):
    path, _, _ = saved
    with pytest.raises(models.TreeMismatchError) as caught:
        models.load(path, model=models.conv_net(**SETTINGS | {"units": 5}))
    said = str(caught.value)
    head, _, both = said.partition(" holds\n")
    assert "params/9/kernel: float32[8,4] in" in head
    assert "float32[8,5] in serial(" in head
    assert "params/0/kernel" not in head
    assert both.count("params/0/kernel: float32[3,3,1,2]") == 2


def test_a_damaged_file_is_refused(saved):
    path, _, _ = saved
    whole = path.read_bytes()
    for content in (whole[:-5], whole[:20], b"", b"{}" + whole):
        path.write_bytes(content)
        with pytest.raises(models.FileError, match=r"net.safetensors is damaged or cut short"):
            models.load(path)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        models.load(path.with_name("other"))


def test_a_failed_save_leaves_the_old_file(saved, monkeypatch):
    path, params, state = saved
    before = path.read_bytes()
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        models.save(path, params, state, model="conv_net", in_shape=SHAPE, **SETTINGS)
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_what_cannot_be_saved_is_refused(tmp_path, saved):
    _, params, state = saved
    to = tmp_path / "other.safetensors"
    with pytest.raises(ValueError, match="no model is called 'convnet': there are logistic"):
        models.save(to, params, state, model="convnet", in_shape=SHAPE)
    with pytest.raises(TypeError, match="mlp has no setting width: it has classes, hidden"):
        models.save(to, params, state, model="mlp", in_shape=SHAPE, classes=3, width=2)
    with pytest.raises(models.TreeMismatchError, match="does not fit"):
        models.save(to, params, state, model="mlp", in_shape=SHAPE, classes=3)
    assert not to.exists()


def test_a_network_of_your_own_needs_its_layers(tmp_path):
    model, path = layers.serial(layers.dense(2)), tmp_path / "own.safetensors"
    params, state, _ = model.init(jax.random.key(0), (3,))
    models.save(path, params, state, model=model, in_shape=(3,))
    with pytest.raises(models.FileError, match=r"serial\(dense\(2\)\), a network of your own"):
        models.load(path)
    loaded = models.load(path, model=model)
    np.testing.assert_array_equal(loaded.params[0]["kernel"], params[0]["kernel"])


def test_no_bit_can_be_flipped_without_a_word(saved):
    """Wherever it lies: in the numbers, their names, or what is said of the network."""
    path, params, _ = saved
    whole = path.read_bytes()
    for place in [*range(0, len(whole), 97), len(whole) - 7, len(whole) - 1]:
        content = bytearray(whole)
        content[place] ^= 16
        path.write_bytes(content)
        with contextlib.suppress(models.FileError, models.TreeMismatchError):
            loaded = models.load(path)  # a bit may say nothing: one in the checksum's own name
            jax.tree.map(np.testing.assert_array_equal, loaded.params, params)
    content = bytearray(whole)
    content[-7] ^= 16
    path.write_bytes(content)
    with pytest.raises(models.FileError, match="damaged: its SHA-256 is not the one"):
        models.load(path)
