import pytest

from jaxnn.train.errors import (
    CheckpointDamagedError,
    CheckpointMismatchError,
    CheckpointVersionWarning,
)
from tests.train.checkpoints import IDENTITY, opened, part_of


@pytest.mark.quick
def test_another_sweep_is_refused_with_each_difference(tmp_path):
    opened(tmp_path).close()
    seeds = [*range(60), 600, *range(61, 100)]
    other = {
        "setup": "mnist_mlp",
        "axes": {"learning_rate": [0.01, 0.1], "seed": seeds, "l2": [0.0]},
        "versions": {"jax": "0.11"},
    }
    with pytest.raises(CheckpointMismatchError) as caught:
        opened(tmp_path, identity=other)
    assert isinstance(caught.value, ValueError)
    first, setup, seed, l2, last = str(caught.value).splitlines()
    assert first == f"{tmp_path} belongs to another sweep:"
    assert setup == '  setup: "digits_mlp" in the directory, "mnist_mlp" now'
    assert " 59, 60, 61, " in seed
    assert " 59, 600, 61, " in seed
    assert l2 == "  axes.l2: absent in the directory, [0.0] now"
    assert last == "Take the old values back, or choose another directory."


def test_true_is_not_one(tmp_path):
    opened(tmp_path, identity={"fixed": {"bias": True}}).close()
    with pytest.raises(CheckpointMismatchError, match="bias: true in the directory, 1 now"):
        opened(tmp_path, identity={"fixed": {"bias": 1}})


def test_other_versions_go_on_with_a_warning(tmp_path):
    opened(tmp_path).close()
    newer = IDENTITY | {"versions": {"jax": "0.11"}}
    with pytest.warns(CheckpointVersionWarning, match='jax: "0.10.2" in the directory, "0.11" now'):
        opened(tmp_path, identity=newer).close()


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"content": 1}', None])
def test_a_damaged_identity_is_named(tmp_path, damage):
    with opened(tmp_path) as checkpoint:
        checkpoint.save(part_of([0], 1))
    path = tmp_path / "identity.json"
    path.unlink() if damage is None else path.write_bytes(damage)
    with pytest.raises(CheckpointDamagedError, match=r"identity\.json.*cannot be read"):
        opened(tmp_path)


def test_another_program_is_refused_but_not_under_other_versions(tmp_path):
    opened(tmp_path, identity=IDENTITY | {"program": "one"}).close()
    with pytest.raises(CheckpointMismatchError, match='program: "one" in the directory, "two" now'):
        opened(tmp_path, identity=IDENTITY | {"program": "two"})
    newer = IDENTITY | {"program": "two", "versions": {"jax": "0.11"}}
    with pytest.warns(CheckpointVersionWarning, match="bits may differ"):
        opened(tmp_path, identity=newer).close()


@pytest.mark.parametrize("form", [{}, {"form": 1}])
def test_what_an_earlier_jaxnn_wrote_is_refused_in_a_sentence(tmp_path, form):
    opened(tmp_path, identity=IDENTITY | form).close()
    with pytest.raises(CheckpointMismatchError, match=r"another version of jaxnn.* finish it with"):
        opened(tmp_path, identity=IDENTITY | {"form": 2})
