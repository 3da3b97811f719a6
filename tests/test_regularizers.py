import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from jaxnn import layers, losses, models, modules, regularizers, train
from jaxnn.data import from_arrays


def the_weights():
    """The example of the claims l1-penalty and l2-penalty."""
    return jnp.asarray([[1.0, -2.0], [0.5, 0.0]])


def the_params():
    bias = jnp.ones(2)
    return {"kernel": the_weights(), "bias": bias}, (), {"kernel": 2 * the_weights()}


@pytest.mark.quick
def test_the_penalties_have_the_values_of_the_slides_formulas():
    np.testing.assert_allclose(
        regularizers.l1_penalty(the_weights(), strength=0.1), 0.35, rtol=1e-6
    )
    np.testing.assert_allclose(
        regularizers.l2_penalty(the_weights(), strength=0.1), 0.525, rtol=1e-6
    )
    both = regularizers.elastic_net_penalty(the_weights(), l1=0.1, l2=0.01)
    np.testing.assert_allclose(both, 0.4025, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("l1_penalty", {"strength": 0.3}),
        ("l2_penalty", {"strength": 0.3}),
        ("elastic_net_penalty", {"l1": 0.3, "l2": 0.7}),
    ],
)
def test_the_rules_match_autodiff(name, settings):
    with jax.enable_x64(True):
        weights = jax.random.normal(jax.random.key(0), (3, 4))
        function, rule = getattr(regularizers, name), getattr(regularizers, f"{name}_vjp")
        _, pullback = jax.vjp(lambda w: function(w, **settings), weights)
        cotangent = jnp.asarray(1.7)
        actual = rule(weights, cotangent, **settings)
        np.testing.assert_allclose(actual, *pullback(cotangent), rtol=1e-12)


@pytest.mark.parametrize(
    "regularizer", [regularizers.l1(0.1), regularizers.l2(0.1), regularizers.elastic_net(0.1, 0.2)]
)
def test_the_gradient_of_a_tree_matches_autodiff_and_leaves_biases_free(regularizer):
    params = jax.tree.map(lambda leaf: leaf + 0.3, the_params())
    actual, expected = regularizer.gradient(params), jax.grad(regularizer.penalty)(params)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), actual, expected)
    assert (actual[0]["bias"] == 0).all()


def test_the_penalties_are_the_norms_of_optax():
    l1, l2 = (optax.tree.norm([the_weights(), 2 * the_weights()], ord=order) for order in (1, 2))
    np.testing.assert_allclose(regularizers.l1(0.3).penalty(the_params()), 0.3 * l1, rtol=1e-6)
    np.testing.assert_allclose(regularizers.l2(0.3).penalty(the_params()), 0.3 * l2**2, rtol=1e-6)
    both = regularizers.elastic_net(0.3, 0.2).penalty(the_params())
    np.testing.assert_allclose(both, 0.3 * l1 + 0.2 * l2**2, rtol=1e-6)


def test_the_subgradient_of_the_lasso_at_zero_is_zero():
    assert regularizers.l1_penalty_vjp(jnp.zeros(1), jnp.ones(()), strength=1.0) == 0


def test_the_norm_is_that_of_the_kernels_alone():
    expected = np.sqrt(5 * (np.asarray(the_weights()) ** 2).sum())
    np.testing.assert_allclose(regularizers.kernel_norm(the_params()), expected, rtol=1e-6)


@pytest.mark.parametrize("make", [regularizers.l1, regularizers.l2])
def test_a_negative_strength_is_refused(make):
    with pytest.raises(ValueError, match=r"strength of l. must be finite and at least 0, got -1"):
        make(-1)
    with pytest.raises(ValueError, match=r"l2 of elastic_net .* got -0\.5"):
        regularizers.elastic_net(0.1, -0.5)


NESTED = {
    "elman": layers.elman(3),
    "gru": layers.gru(3),
    "lstm": layers.lstm(3),
    "deep": layers.serial(layers.serial(layers.serial(layers.dense(2)))),
    "attention": layers.self_attention(2),
    "block": layers.residual(layers.serial(layers.layer_norm(), layers.dense(2))),
    "drop_connect": layers.drop_connect(3, 0.5),
    "transformer": models.transformer_classifier(3, features=4, num_heads=2, hidden=5, blocks=1),
}


@pytest.mark.parametrize("name", NESTED)
def test_the_kernels_of_every_layer_are_reached_and_nothing_else(name):
    """All matrices of these layers are kernels, and all else are vectors: NumPy can tell them."""
    params, _, _ = NESTED[name].init(jax.random.key(0), (4, 2))
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(params)]
    squares = sum((leaf**2).sum() for leaf in leaves if leaf.ndim > 1)
    sizes = sum(np.abs(leaf).sum() for leaf in leaves if leaf.ndim > 1)
    l1, l2, both = regularizers.l1(0.5), regularizers.l2(0.5), regularizers.elastic_net(0.5, 0.1)
    np.testing.assert_allclose(l1.penalty(params), 0.5 * sizes, rtol=1e-5)
    np.testing.assert_allclose(l2.penalty(params), 0.5 * squares, rtol=1e-5)
    np.testing.assert_allclose(both.penalty(params), 0.5 * sizes + 0.1 * squares, rtol=1e-5)
    np.testing.assert_allclose(regularizers.kernel_norm(params), np.sqrt(squares), rtol=1e-5)
    for leaf, gradient in zip(leaves, jax.tree.leaves(l2.gradient(params)), strict=True):
        np.testing.assert_allclose(gradient, leaf if leaf.ndim > 1 else 0 * leaf, rtol=1e-6)
    assert len(l2.penalized(params)) == sum(leaf.ndim > 1 for leaf in leaves)


TWINS = {
    "LSTMClassifier": models.lstm_classifier(3, 4),
    "RNNClassifier": models.rnn_classifier(3, 4),
    "TransformerClassifier": models.transformer_classifier(
        3, features=4, num_heads=2, hidden=5, blocks=1
    ),
    "ConvNet": models.conv_net(3, filters=(2,), units=3),
}
SETTINGS = {
    "LSTMClassifier": {"units": 4},
    "RNNClassifier": {"units": 4},
    "TransformerClassifier": {"features": 4, "num_heads": 2, "hidden": 5, "blocks": 1},
    "ConvNet": {"filters": (2,), "units": 3},
}


@pytest.mark.parametrize("name", TWINS)
def test_a_network_is_penalized_as_its_twin_of_flax(name):
    module = getattr(modules, name)((8, 8, 1), 3, **SETTINGS[name], rngs=nnx.Rngs(0))
    of_flax = nnx.to_pure_dict(nnx.state(module, nnx.Param))
    ours, _ = modules.params_of(module)
    penalties = [float(regularizers.l2(0.1).penalty(params)) for params in (ours, of_flax)]
    np.testing.assert_allclose(*penalties, rtol=1e-6)
    squares = [(np.asarray(leaf) ** 2).sum() for leaf in jax.tree.leaves(ours) if leaf.ndim > 1]
    np.testing.assert_allclose(penalties[0], 0.1 * sum(squares), rtol=1e-5)


def test_what_is_penalized_can_be_chosen_and_seen():
    model = layers.serial(layers.embedding(7, 2), layers.lstm(3), layers.dense(2))
    params, _, _ = model.init(jax.random.key(0), (4,))
    assert regularizers.l2(0.1).penalized(params) == [
        "1/kernel", "1/recurrent_kernel", "2/kernel"
    ]  # fmt: skip
    table = regularizers.l2(1.0, where=lambda path: path == "0/table")
    assert table.penalized(params) == ["0/table"]
    expected = (np.asarray(params[0]["table"]) ** 2).sum()
    np.testing.assert_allclose(table.penalty(params), expected, rtol=1e-6)
    chosen = {"where": lambda path: path.endswith("recurrent_kernel")}
    for made in (
        regularizers.l1(1.0, **chosen), regularizers.elastic_net(1.0, 1.0, **chosen),
    ):  # fmt: skip
        assert made.penalized(params) == ["1/recurrent_kernel"]


def test_a_penalty_that_reaches_nothing_is_refused():
    params = [{"weights": jnp.ones(2), "bias": jnp.ones(2)}]
    with pytest.raises(ValueError, match="reaches none of the params 0/bias, 0/weights: say which"):
        regularizers.l2(0.1).penalty(params)
    own = regularizers.l2(0.1, where=lambda path: path.endswith("weights"))
    np.testing.assert_allclose(own.penalty(params), 0.2, rtol=1e-6)
    assert regularizers.l2(0.1).penalty(()) == 0


def test_a_run_says_before_it_trains_that_its_penalty_reaches_nothing():
    run = train.Run(
        model=layers.serial(layers.layer_norm()), loss=losses.softmax_cross_entropy,
        optimizer=optax.sgd(0.1), epochs=1, batch_size=2, regularizer=regularizers.l2(0.1),
    )  # fmt: skip
    dataset = from_arrays(np.ones((4, 2), np.float32), [0, 1, 0, 1])
    with pytest.raises(ValueError, match="reaches none of the params 0/bias, 0/scale"):
        run.check_against(dataset)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_narrow_kernels_are_summed_in_float32(dtype):
    kernel = jnp.full((40, 40), 20.0, dtype)  # their squares sum up to more than float16 has
    np.testing.assert_allclose(regularizers.l2(1.0).penalty({"kernel": kernel}), 640_000.0)
    gradient = regularizers.l2(1.0).gradient({"kernel": kernel})["kernel"]
    assert gradient.dtype == dtype
    np.testing.assert_array_equal(gradient.astype(jnp.float32), np.full((40, 40), 40.0))
