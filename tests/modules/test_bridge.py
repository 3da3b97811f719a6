import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jaxnn import losses, models, modules, optimizers, train
from jaxnn.data import from_arrays
from jaxnn.train.program import program

IMAGE = (8, 8, 1)
PAIRS = {
    "LogisticRegression": (models.logistic_regression, (3,), {}),
    "MLP": (models.mlp, (3, (5, 4)), {"activation": "tanh", "dropout": 0.3}),
    "ConvNet": (models.conv_net, (3,), {"filters": (2, 3), "units": 4, "dropout": 0.4}),
    "Autoencoder": (functools.partial(models.autoencoder, IMAGE), (2,), {"hidden": (5,)}),
    "ConvAutoencoder": (models.conv_autoencoder, (), {"filters": (3, 2)}),
    "RNNClassifier": (models.rnn_classifier, (3, 4), {}),
    "LSTMClassifier": (models.lstm_classifier, (3, 4), {}),
    "TransformerClassifier": (
        models.transformer_classifier,
        (3,),
        {"features": 4, "num_heads": 2, "hidden": 5, "blocks": 1},
    ),
    "ResNet": (models.resnet, (3,), {"filters": (2, 4)}),
}


def made(name, seed=0):
    function, arguments, settings = PAIRS[name]
    module = getattr(modules, name)(IMAGE, *arguments, **settings, rngs=nnx.Rngs(seed))
    return module, function(*arguments, **settings)


@pytest.mark.parametrize("name", PAIRS)
def test_the_layers_and_the_module_give_the_same_numbers(name):
    with jax.enable_x64(True):
        module, layer = made(name)
        params, state, out_shape = layer.init(jax.random.key(3), IMAGE)
        modules.load(module, params, state)
        back = modules.params_of(module)
        jax.tree.map(np.testing.assert_array_equal, back, (params, state))
        assert jax.tree.structure(back) == jax.tree.structure((params, state))
        x = jax.random.uniform(jax.random.key(1), (4, *IMAGE))
        dy = jax.random.normal(jax.random.key(2), (4, *out_shape))
        adapted = modules.as_layer(module)

        @jax.jit
        def both(params, state, own, own_state):
            found = []
            for one, p, s in ((layer, params, state), (adapted, own, own_state)):
                y, s, saved = one.forward(p, s, x, jax.random.key(4), True)
                quiet, _, _ = one.forward(p, s, x, None, False)
                found.append((y, quiet, s, *one.backward(p, saved, dy)))
            return found

        own, own_state, own_shape = adapted.init(jax.random.key(0), IMAGE)
        assert own_shape == out_shape
        ours, theirs = both(params, state, own, own_state)
        for a, b in ((ours[0], theirs[0]), (ours[1], theirs[1]), (ours[4], theirs[4])):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
        nnx.update(module, theirs[3])  # the gradients, read as if they were params
        nnx.update(module, theirs[2])
        jax.tree.map(
            functools.partial(np.testing.assert_allclose, rtol=1e-12, atol=1e-12),
            modules.params_of(module),
            (ours[3], ours[2]),
        )


def test_ten_steps_of_training_are_the_same():
    random = np.random.default_rng(0)
    x, y = random.uniform(size=(24, *IMAGE)), random.integers(0, 3, 24)
    with jax.enable_x64(True):
        module, layer = made("ConvNet")

        def setup(model, learning_rate):
            return train.Run(
                model=layer if model == "layers" else module,
                loss=losses.softmax_cross_entropy,
                optimizer=optimizers.adam(learning_rate),
                epochs=5,
                batch_size=8,
            )

        run = setup("layers", 0.01)
        modules.load(module, *program.initial(run, np.uint32(0), IMAGE))
        data = from_arrays(x[:16], y[:16], x[16:], y[16:])
        history = train.sweep(setup, data, model=["layers", "module"], learning_rate=0.01, seed=0)
        ours, theirs = (history.sel(model=name) for name in ("layers", "module"))
        for name in ("train_loss", "test_loss", "test_accuracy"):
            np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-12, atol=1e-12)


@pytest.mark.quick
def test_what_belongs_to_another_module_is_refused():
    module, _ = made("MLP")
    _, other = made("LogisticRegression")
    params, state, _ = other.init(jax.random.key(0), IMAGE)
    with pytest.raises(models.TreeMismatchError) as caught:
        modules.load(module, params, state)
    head, _, both = str(caught.value).partition(" holds\n")
    assert "params/1/kernel: float32[64,3] in what was given, float32[64,5] in MLP" in head
    assert "params/6" not in both.partition("MLP has")[0]
    assert "params/7/kernel: float32[4,3]" in both.partition("MLP has")[2]


@pytest.mark.quick
def test_a_part_without_a_counterpart_is_named():
    with pytest.raises(TypeError, match=r"nnx.Einsum has no counterpart"):
        modules.params_of(nnx.Einsum("ab,bc->ac", (2, 3), (3,), rngs=nnx.Rngs(0)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda r: modules.MLP(IMAGE, 3, activation="rellu", rngs=r), "did you mean 'relu'"),
        (lambda r: modules.ConvNet(IMAGE, 3, padding="SOME", rngs=r), "padding must be .*'SOME'"),
        (
            lambda r: modules.ConvNet((2, 2, 1), 3, padding="VALID", rngs=r),
            "a window of 3 rows does not fit into an image of 2",
        ),
        (lambda r: modules.Dropout(1.5, rngs=r), r"rate must be in \[0, 1\), got 1.5"),
        (
            lambda r: modules.ResNet(IMAGE, 3, filters=(2,), rngs=r)(jnp.ones((1, 8, 8, 3))),
            r"ResNet was made for examples of shape \(8, 8, 1\), got \(8, 8, 3\)",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_a_remedy(make, message):
    with pytest.raises(ValueError, match=message):
        make(nnx.Rngs(0))
