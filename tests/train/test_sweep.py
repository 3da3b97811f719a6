import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxnn import data, layers, losses, optimizers, regularizers, train
from jaxnn.train.lanes import layout
from jaxnn.train.program import compiling, samples

COMPILED = "/jax/core/compile/backend_compile_duration"


def mlp(learning_rate, momentum=0.0, l2=0.0, width=6, batch_size=16, epochs=4, gradient="hand"):
    return train.Run(
        model=layers.serial(layers.dense(width), layers.tanh, layers.dense(3)),
        loss=losses.softmax_cross_entropy,
        regularizer=regularizers.l2(l2),
        optimizer=optimizers.momentum(learning_rate, momentum),
        monitors={"kernel_norm": regularizers.kernel_norm},
        epochs=epochs,
        batch_size=batch_size or None,
        gradient=gradient,
    )


@pytest.fixture
def compilations():
    """The names of the programs that XLA compiles from here on."""
    names = []

    def listener(event, duration, **details):
        if event == COMPILED:
            names.append(details.get("fun_name"))

    jax.monitoring.register_event_duration_secs_listener(listener)
    yield names
    jax.monitoring.unregister_event_duration_listener(listener)


def assert_same(ours, theirs, **tolerance):
    for name in ours:
        np.testing.assert_allclose(ours[name], theirs[name], **tolerance, err_msg=name)


def numpy_run(dataset, learning_rate, momentum, l2, seed, *, epochs=4, batch_size=16):
    """The same training in plain NumPy and float64, from the params that the run starts with."""
    params, _ = train.initial(mlp(learning_rate), seed, (2,))
    params = jax.tree.map(np.float64, params)
    w1, b1, w2, b2 = (params[i][n] for i in (0, 2) for n in ("kernel", "bias"))
    weights, velocity = [w1, b1, w2, b2], [np.zeros_like(w) for w in (w1, b1, w2, b2)]
    decay = [2 * l2, 0, 2 * l2, 0]

    def forward(x):
        hidden = np.tanh(x @ weights[0] + weights[1])
        logits = hidden @ weights[2] + weights[3]
        return hidden, logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))

    rows = []
    for epoch in range(epochs):
        order = np.random.default_rng((seed, epoch)).permutation(len(dataset.train.inputs))
        epoch_losses = []
        for start in range(0, len(order) - batch_size + 1, batch_size):
            batch = order[start : start + batch_size]
            x, y = dataset.train.inputs[batch], dataset.train.labels[batch]
            hidden, logp = forward(x)
            epoch_losses.append(-logp[np.arange(batch_size), y].mean())
            dlogits = (np.exp(logp) - np.eye(3)[y]) / batch_size
            dhidden = dlogits @ weights[2].T * (1 - hidden**2)
            grads = [x.T @ dhidden, dhidden.sum(0), hidden.T @ dlogits, dlogits.sum(0)]
            for i, grad in enumerate(grads):
                velocity[i] = momentum * velocity[i] + learning_rate * (
                    grad + decay[i] * weights[i]
                )
                weights[i] = weights[i] - velocity[i]
        _, logp = forward(dataset.test.inputs)
        labels = dataset.test.labels
        rows.append(
            {
                "train_loss": np.mean(epoch_losses),
                "test_loss": -logp[np.arange(len(labels)), labels].mean(),
                "test_accuracy": (logp.argmax(1) == labels).mean(),
                "kernel_norm": np.sqrt((weights[0] ** 2).sum() + (weights[2] ** 2).sum()),
            }
        )
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


@pytest.mark.quick
def test_a_run_is_that_of_plain_numpy(blobs):
    result = train.fit(mlp, blobs, learning_rate=0.3, momentum=0.8, l2=0.01, seed=5)
    expected = numpy_run(blobs, 0.3, 0.8, 0.01, 5)
    assert_same(expected, result.history, rtol=1e-4)
    assert expected["test_accuracy"][-1] > 0.8


def test_the_result_is_labelled_by_its_hyperparameters(blobs):
    history = train.sweep(mlp, blobs, learning_rate=[0.1, 1.0], width=[3, 6, 9], seed=range(2))
    assert history.test_accuracy.dims == ("learning_rate", "width", "seed", "epoch")
    assert history.first_bad_step.dims == ("learning_rate", "width", "seed")
    assert history.sizes == {"learning_rate": 2, "width": 3, "seed": 2, "epoch": 4}
    assert list(history.epoch) == [1, 2, 3, 4]
    assert history.test_loss.sel(learning_rate=0.1, width=9, seed=1).shape == (4,)
    assert history.attrs["programs"] == 3
    assert (history.first_bad_leaf == -1).all()
    measured = history[["train_loss", "test_loss", "train_accuracy", "kernel_norm"]]
    assert np.isfinite(measured.to_array()).all()


def test_each_lane_has_the_bits_of_the_single_run(blobs):
    history, params = train.sweep(
        mlp, blobs, learning_rate=[0.1, 1.0], l2=[0.0, 0.1], seed=range(3), return_params=True
    )
    alone = train.fit(mlp, blobs, learning_rate=1.0, l2=0.1, seed=2)
    lane = history.sel(learning_rate=1.0, l2=0.1, seed=2)
    assert_same(alone.history, lane, rtol=0, atol=0)
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a[1, 1, 2], b), params, alone.params)


def test_more_vectorised_lanes_than_one_call_holds_are_run_in_chunks(blobs, monkeypatch):
    hyperparameters = {"learning_rate": [0.1, 0.5, 1.0], "seed": range(5), "lanes": "vmap"}
    at_once = train.sweep(mlp, blobs, **hyperparameters)
    monkeypatch.setattr(layout, "MAX_LANES", 2)
    in_chunks = train.sweep(mlp, blobs, **hyperparameters)
    assert in_chunks.attrs["lanes"] == "vmap: 4 at once on 2 cpu device(s)"
    assert_same(at_once, in_chunks, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("span", [1, 3, 4])
def test_how_many_epochs_a_call_runs_changes_no_bit(blobs, monkeypatch, span):
    expected = train.sweep(mlp, blobs, learning_rate=0.5, momentum=0.9, seed=range(2))
    monkeypatch.setattr(layout, "_epochs_at_once", lambda epochs, size, seconds: span)
    actual = train.sweep(mlp, blobs, learning_rate=0.5, momentum=0.9, seed=range(2))
    assert_same(expected, actual, rtol=0, atol=0)


def test_vectorised_lanes_agree_with_lanes_one_after_another(blobs):
    hyperparameters = {"learning_rate": [0.1, 0.5], "seed": range(2)}
    one_by_one = train.sweep(mlp, blobs, **hyperparameters)
    vectorised = train.sweep(mlp, blobs, **hyperparameters, lanes="vmap")
    assert vectorised.attrs["lanes"] == "vmap: 4 at once on 2 cpu device(s)"
    assert_same(one_by_one, vectorised, rtol=1e-4, atol=1e-5)
    alone = train.fit(mlp, blobs, learning_rate=0.5, seed=1, lanes="vmap").history
    assert_same(one_by_one.sel(learning_rate=0.5, seed=1), alone, rtol=1e-4, atol=1e-5)


@pytest.mark.quick
def test_one_worker_gives_the_bits_of_two(blobs):
    one, two = (
        train.sweep(mlp, blobs, learning_rate=[0.1, 0.5, 1.0], seed=0, num_devices=number)
        for number in (1, 2)
    )
    assert one.attrs["lanes"] == "map: 1 at once on 1 cpu device(s)"
    assert two.attrs["lanes"] == "map: 2 at once on 1 cpu device(s)"
    assert_same(one, two, rtol=0, atol=0)


def test_both_gradients_give_the_same_history(blobs):
    with jax.enable_x64(True):
        history = train.sweep(
            mlp, blobs, learning_rate=0.5, l2=0.01, gradient=["hand", "autodiff"], seed=range(2)
        )
    by_hand, by_autodiff = (history.sel(gradient=way) for way in ("hand", "autodiff"))
    assert by_hand.train_loss.dtype == np.float64
    assert_same(by_hand, by_autodiff, rtol=1e-12)


def test_another_learning_rate_compiles_nothing(compilations, monkeypatch):
    monkeypatch.setattr(compiling, "kept", compiling.Kept(8))

    def digits_mlp(learning_rate):
        return train.Run(
            model=layers.serial(layers.flatten, layers.dense(100), layers.relu, layers.dense(10)),
            loss=losses.softmax_cross_entropy, optimizer=optimizers.gradient_descent(learning_rate),
            epochs=1, batch_size=64,
        )  # fmt: skip

    digits = data.load("digits")
    train.sweep(digits_mlp, digits, learning_rate=[0.1, 0.5, 1.0], seed=range(10))
    assert len(compilations) == 2  # what draws the start, and what advances
    train.sweep(digits_mlp, digits, learning_rate=[0.01, 0.1, 0.5, 1.0], seed=range(10))
    train.sweep(digits_mlp, digits, learning_rate=[0.3, 0.2])
    assert len(compilations) == 2


def test_each_structure_compiles_once(blobs, compilations, monkeypatch):
    monkeypatch.setattr(compiling, "kept", compiling.Kept(8))

    def own_setup(learning_rate, width):
        return mlp(learning_rate, width=width)

    train.sweep(own_setup, blobs, learning_rate=[0.1, 0.5], width=[3, 4], seed=range(2))
    assert len(compilations) == 2 * 2


def test_seeds_differ_and_share_their_start_between_settings(blobs):
    _, params = train.sweep(
        mlp, blobs, learning_rate=[0.0, 0.1], seed=range(2), epochs=1, return_params=True
    )
    kernel = params[0]["kernel"]
    assert (kernel[0, 0] != kernel[0, 1]).any()
    start, _ = train.initial(mlp(0.0), 1, (2,))
    np.testing.assert_array_equal(kernel[0, 1], start[0]["kernel"])  # a learning rate of 0


def test_params_and_state_of_each_run_are_those_of_the_run_alone(blobs):
    def normalized(learning_rate, epochs=2):
        return train.Run(
            model=layers.serial(layers.dense(4), layers.batch_norm(), layers.dense(3)),
            loss=losses.softmax_cross_entropy, optimizer=optimizers.gradient_descent(learning_rate),
            epochs=epochs, batch_size=16,
        )  # fmt: skip

    rates = [0.1, 0.5]
    history, params, state = train.sweep(
        normalized, blobs, learning_rate=rates, return_params=True, return_state=True
    )
    for index, rate in enumerate(rates):
        alone = train.fit(normalized, blobs, learning_rate=rate)
        own = jax.tree.map(lambda leaf, index=index: leaf[index], (params, state))
        jax.tree.map(np.testing.assert_array_equal, own, (alone.params, alone.state))
    again, only_state = train.sweep(normalized, blobs, learning_rate=rates, return_state=True)
    jax.tree.map(np.testing.assert_array_equal, only_state, state)
    np.testing.assert_array_equal(again.test_loss, history.test_loss)
    assert len(jax.tree.leaves(state)) == 2  # mean and variance


def test_the_start_has_the_bits_of_a_fully_optimised_program(blobs, jit_as_users):
    def normal(learning_rate):
        return train.Run(
            model=layers.dense(300, kernel_init=jax.nn.initializers.he_normal()),
            loss=losses.softmax_cross_entropy, optimizer=optimizers.gradient_descent(learning_rate),
            epochs=1, batch_size=16,
        )  # fmt: skip

    expected, _ = jit_as_users(lambda seed: train.initial(normal(0.0), seed, (2,)))(np.uint32(3))
    result = train.fit(normal, blobs, learning_rate=0.0, seed=3)
    np.testing.assert_array_equal(result.params["kernel"], expected["kernel"])


def test_a_diverged_run_says_at_which_step_and_the_others_go_on(blobs):
    def regression(learning_rate):
        return train.Run(
            model=layers.dense(1), loss=losses.squared_error, metrics={},
            optimizer=optimizers.gradient_descent(learning_rate), epochs=40, batch_size=10,
        )  # fmt: skip

    line = np.linspace(-1, 1, 30, dtype=np.float32)[:, None]
    dataset = data.from_arrays(line, 2 * line, classes=())
    history = train.sweep(regression, dataset, learning_rate=[0.1, 1e4], seed=range(2))
    assert (history.first_bad_step.sel(learning_rate=0.1) == -1).all()
    assert (history.first_bad_step.sel(learning_rate=1e4) > 0).all()
    assert np.isfinite(history.train_loss.sel(learning_rate=0.1)).all()
    assert not np.isfinite(history.train_loss.sel(learning_rate=1e4, epoch=40)).any()
    assert "test_loss" not in history


def test_the_whole_set_as_one_batch_does_not_depend_on_the_order(blobs):
    history = train.fit(mlp, blobs, learning_rate=0.5, batch_size=0, epochs=3).history
    expected = numpy_run(blobs, 0.5, 0.0, 0.0, 0, epochs=3, batch_size=len(blobs.train.inputs))
    assert_same(expected, history, rtol=1e-4)


def test_shorter_runs_end_in_nan(blobs):
    history = train.sweep(mlp, blobs, learning_rate=0.5, epochs=[2, 3])
    assert np.isnan(history.test_loss.sel(epochs=2, epoch=3))
    assert np.isfinite(history.test_loss.sel(epochs=3)).all()


def test_every_optax_optimizer_trains(blobs):
    def with_adam(learning_rate):
        return train.Run(
            model=layers.dense(3), loss=losses.softmax_cross_entropy, epochs=3, batch_size=16,
            optimizer=optax.adam(learning_rate),
        )  # fmt: skip

    with jax.numpy_dtype_promotion("standard"):  # optax itself is not strict
        history = train.sweep(with_adam, blobs, learning_rate=[0.001, 0.1])
    assert (history.train_loss.isel(epoch=-1).diff("learning_rate") < 0).all()


def test_what_does_not_fit_is_refused_before_anything_compiles(blobs, compilations):
    with pytest.raises(ValueError, match="not enough for one batch of 1000"):
        train.sweep(mlp, blobs, learning_rate=0.1, batch_size=1000)
    with pytest.raises(ValueError, match=r"the strength of l2 must be .* got -1\.0"):
        train.sweep(mlp, blobs, learning_rate=0.1, l2=[0.0, -1.0])
    with pytest.raises(TypeError, match=r"must answer with a train\.Run, got 0\.1"):
        train.sweep(lambda learning_rate: learning_rate, blobs, learning_rate=0.1)
    with pytest.raises(ValueError, match="fit trains one run, but seed has the values"):
        train.fit(mlp, blobs, learning_rate=0.1, seed=range(3))
    with pytest.raises(ValueError, match="make 2"):
        train.sweep(mlp, blobs, learning_rate=0.1, width=[3, 4], return_params=True)
    with pytest.raises(ValueError, match="return_state need runs of one structure"):
        train.sweep(mlp, blobs, learning_rate=0.1, width=[3, 4], return_state=True)
    assert not compilations


def test_a_partial_is_a_setup_too(blobs):
    narrow = functools.partial(mlp, width=2)
    assert train.fit(narrow, blobs, learning_rate=0.1, epochs=1).params[0]["kernel"].shape == (2, 2)
    with pytest.raises(TypeError, match="has no hyperparameter 'learning_rat'"):
        train.fit(narrow, blobs, learning_rat=0.1)


def test_true_one_and_one_point_zero_are_three_structures(blobs):
    def own_setup(flag):
        return mlp(0.1, width=3 if flag is True else 4, epochs=1)

    widths = [
        train.fit(own_setup, blobs, flag=flag).params[0]["kernel"].shape for flag in (True, 1)
    ]
    assert widths == [(2, 3), (2, 4)]


def test_none_may_stand_among_other_values(blobs):
    def own_setup(size):
        return mlp(0.1, batch_size=size or 0, epochs=2)

    history = train.sweep(own_setup, blobs, size=[None, 16])
    assert list(history["size"].values) == ["None", "16"]
    assert np.isfinite(history.train_loss).all()


def test_a_setup_whose_structure_hangs_on_a_float_is_refused(blobs):
    def own_setup(learning_rate):
        return mlp(learning_rate, epochs=1 if learning_rate > 0.5 else 2)

    with pytest.raises(ValueError, match=r"\[\(1, 16\), \(2, 16\)\] for different floats"):
        train.sweep(own_setup, blobs, learning_rate=[0.1, 1.0])


def test_the_order_is_a_permutation_that_depends_on_seed_and_epoch():
    orders = [samples.order_of_examples(*pair, 100) for pair in [(0, 0), (0, 1), (1, 0), (0, 0)]]
    for order in orders:
        np.testing.assert_array_equal(np.sort(order), np.arange(100))
    assert len({order.tobytes() for order in orders}) == 3


def test_uint8_inputs_are_scaled_inside_the_program():
    pixels = np.arange(0, 240, 8, dtype=np.uint8).reshape(10, 3)
    labels = np.arange(10, dtype=np.int32) % 3
    raw = data.from_arrays(pixels, labels, scale=255.0)
    scaled = data.from_arrays((pixels / 255).astype(np.float32), labels)
    histories = [
        train.fit(mlp, dataset, learning_rate=0.5, batch_size=5).history
        for dataset in (raw, scaled)
    ]
    assert_same(*histories, rtol=1e-5)
    assert jnp.isfinite(histories[0].train_loss.values).all()


def test_a_lane_of_a_convolutional_network_has_the_bits_of_the_single_run_too():
    def conv_net(learning_rate):
        return train.Run(
            model=layers.serial(
                layers.conv2d(4, 3), layers.batch_norm(), layers.relu, layers.max_pool2d(2),
                layers.dropout(0.2), layers.flatten, layers.dense(10),
            ),
            loss=losses.softmax_cross_entropy, optimizer=optimizers.adam(learning_rate), epochs=2,
            batch_size=32,
        )  # fmt: skip

    digits = data.load("digits")
    x, y = digits.train
    few = data.from_arrays(x[:128], y[:128], x[128:200], y[128:200])
    history = train.sweep(conv_net, few, learning_rate=[0.001, 0.01], seed=range(2))
    alone = train.fit(conv_net, few, learning_rate=0.01, seed=1).history
    assert_same(history.sel(learning_rate=0.01, seed=1), alone, rtol=0, atol=0)
