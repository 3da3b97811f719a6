import jax
import pytest

from jaxnn import layers, models


@pytest.mark.quick
def test_every_layer_has_a_row_with_what_it_holds_and_does():
    rows = models.rows(models.conv_net(10), (28, 28, 1))
    assert [row.name for row in rows[:3]] == ["conv2d(32, (3, 3))", "relu", "batch_norm"]
    first, norm, dense = rows[0], rows[2], rows[-1]
    assert (first.out_shape, first.params) == ((28, 28, 32), 9 * 32 + 32)
    assert first.flops == 2 * 28 * 28 * 32 * 9
    assert (norm.params, norm.state) == (64, 64)
    assert (dense.name, dense.params, dense.flops) == ("dense(10)", 1290, 2 * 1280)
    params, _, _ = jax.eval_shape(lambda: models.conv_net(10).init(jax.random.key(0), (28, 28, 1)))
    assert sum(row.params for row in rows) == sum(leaf.size for leaf in jax.tree.leaves(params))


def test_a_recurrent_layer_works_at_every_step():
    (_, lstm, _) = models.rows(models.lstm_classifier(3, 4), (5, 2))
    assert lstm.flops == 5 * 2 * (2 + 4) * 16


def test_parts_stand_under_what_they_are_parts_of():
    model = layers.serial(layers.residual(layers.serial(layers.dense(4), layers.relu)))
    around, dense, relu = models.rows(model, (4,))
    assert [(row.depth, row.name) for row in (around, dense, relu)] == [
        (0, "residual"), (1, "dense(4)"), (1, "relu")
    ]  # fmt: skip
    assert around.is_whole
    assert around.params == dense.params


def test_the_table_ends_with_the_whole():
    head, *_, line, last = models.summary(models.mlp(3, (4,)), (2, 2, 1)).splitlines()
    assert head.split() == ["layer", "output", "shape", "parameters", "FLOP"]
    assert set(line) == {"-"}
    assert last.split() == ["all", "(3,)", "35", "56"]


def test_what_is_no_network_is_refused():
    with pytest.raises(TypeError, match="Layer or an NNX module, got 'mlp'"):
        models.summary("mlp", (3,))
