import pytest

from experiments.train import architecture
from jaxnn import layers, models


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_every_layer_is_a_box_with_its_shape_and_parameters():
    figure = architecture.draw(models.conv_net(10, dropout=0.4), (28, 28, 1), title="the network")
    said = texts(figure)
    rows = models.rows(models.conv_net(10, dropout=0.4), (28, 28, 1))
    assert len(figure.axes[0].patches) == 1 + len(rows)  # and the input
    assert said[0] == f"the network: {sum(row.params for row in rows):,} parameters"
    assert "28 x 28 x 32    320 parameters" in said
    assert "14 x 14 x 32" in said
    assert said.count("batch_norm") == 4


@pytest.mark.quick
def test_the_parameters_of_a_residual_layer_are_counted_once():
    model = layers.serial(layers.residual(layers.serial(layers.dense(4))), layers.dense(2))
    said = texts(architecture.draw(model, (4,)))
    assert said[0] == f"{4 * 4 + 4 + 4 * 2 + 2} parameters"


def test_a_deep_network_stands_in_columns_within_the_figure():
    model = layers.serial(*[layers.dense(3)] * 40)
    ax = architecture.draw(model, (3,)).axes[0]
    boxes = [patch.get_bbox() for patch in ax.patches]
    assert len({round(box.x0, 3) for box in boxes}) == 3
    assert min(box.y0 for box in boxes) > ax.get_ylim()[0]
    assert max(box.x1 for box in boxes) < ax.get_xlim()[1]


@pytest.mark.quick
def test_what_a_network_cannot_read_is_refused():
    with pytest.raises(ValueError, match="conv2d takes images"):
        architecture.draw(models.conv_net(10), (4,))
