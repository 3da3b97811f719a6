import struct
import sys
import types

import numpy as np
import pytest
from tensorboardX.proto.event_pb2 import Event

from experiments.train import watching

pytestmark = pytest.mark.quick


def lane(rate, seed):
    settings = types.SimpleNamespace(_asdict=lambda: {"seed": seed})
    return types.SimpleNamespace(
        static=(("hidden", (8, 4)),), traced={"learning_rate": rate}, settings=settings
    )


def scalars(folder):
    """(name, epoch) -> value of all event files in the folder, read by their published format."""
    found = {}
    for path in folder.iterdir():
        content = path.read_bytes()
        while content:
            (length,) = struct.unpack("<Q", content[:8])
            event = Event.FromString(content[12 : 12 + length])
            found |= {(v.tag, event.step): v.simple_value for v in event.summary.value}
            content = content[16 + length :]
    return found


def test_every_run_writes_its_curves_into_a_folder_of_its_own(tmp_path):
    lanes = [lane(0.5, 0), lane(0.5, 1)]
    losses = np.array([[3.0, 2.0], [np.nan, 1.0]])
    with watching.tensorboard(tmp_path, ["learning_rate", "seed"]) as write:
        write(types.SimpleNamespace(lanes=lanes, first_epoch=0, history={"test_loss": losses}))
        write(types.SimpleNamespace(lanes=lanes, first_epoch=2, history={"test_loss": losses}))
    first, second = (scalars(tmp_path / f"learning_rate=0.5,seed={seed}") for seed in (0, 1))
    name = "test_loss"
    assert first == {(name, 1): 3.0, (name, 2): 2.0, (name, 3): 3.0, (name, 4): 2.0}
    assert second == {(name, 2): 1.0, (name, 4): 1.0}


def test_folders_are_named_by_what_tells_the_runs_apart():
    assert watching.folder_of(lane(0.1, 3), ["hidden", "seed"]) == "hidden=8,4,seed=3"
    assert watching.folder_of(lane(0.1, 3), []) == "run"


def test_without_the_package_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    opened = watching.tensorboard(tmp_path, [])
    with pytest.raises(watching.MissingExtraError, match=r'pip install -e "\.\[log\]"'):
        opened.__enter__()
