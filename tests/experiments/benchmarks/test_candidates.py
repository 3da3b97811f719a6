"""Candidates that need no other library than the tests do, on data that anything can learn."""

import jax
import numpy as np
import pytest

from experiments.benchmarks import cnn_peers, cnn_run, mlp_peers, mlp_run, sweep_run


@pytest.fixture(autouse=True)
def folder(tmp_path):
    """Bright pixels tell the class, in the files of both workloads; JAX is as its users have it."""
    rng = np.random.default_rng(0)

    def draw(n, pixels):
        y = rng.integers(0, 10, n)
        x = rng.integers(0, 4, (n, pixels), np.uint8)
        x[np.arange(n), y] = x[np.arange(n), y + 10] = 255 if pixels == 784 else 16
        return x, y

    x, y = draw(320, 784)
    x_test, y_test = draw(100, 784)
    arrays = {"x": x, "y": y, "x_test": x_test, "y_test": y_test}
    for name, array in arrays.items():
        is_image = name.startswith("x")
        np.save(tmp_path / f"mnist_{name}.npy", array.reshape(-1, 28, 28, 1) if is_image else array)
    x, y = draw(100, 64)
    np.save(tmp_path / "digits_x.npy", x.reshape(-1, 8, 8, 1))
    np.save(tmp_path / "digits_y.npy", y)
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        yield tmp_path


@pytest.mark.parametrize(
    "prepare",
    [mlp_run.jaxnn, mlp_run.plain_jax, mlp_peers.flax_linen, mlp_peers.flax_nnx],
)
def test_the_network_learns_and_every_run_starts_anew(folder, prepare):
    run = prepare(folder, epochs=40)
    first, second = run(), run()
    assert first["units"] == 40
    assert first["accuracy"] == second["accuracy"] > 0.3  # by chance 0.1


@pytest.mark.quick
def test_the_limit_makes_eight_products_per_step_and_three_for_the_validation(folder, monkeypatch):
    products, matmul = [], np.matmul

    def counted(a, b, out):
        products.append(2 * a.shape[0] * a.shape[1] * b.shape[1])
        return matmul(a, b, out=out)

    monkeypatch.setattr(np, "matmul", counted)
    assert mlp_run.matrix_products(folder, epochs=1)() == {"units": 1}
    layers = 784 * 128 + 128 * 64 + 64 * 10
    backwards = 2 * layers - 784 * 128  # kernels, and inputs but for the first layer's
    assert len(products) == 5 * 8 + 3
    assert sum(products) == 2 * (320 * (layers + backwards) + 100 * layers)


@pytest.mark.parametrize("batch_size", [50, None])
@pytest.mark.parametrize("name", ["jaxnn", "plain_sweep", "plain_calls"])
def test_the_sweep_learns(folder, monkeypatch, name, batch_size):
    monkeypatch.setattr(sweep_run, "_use_every_core", lambda: None)  # conftest.py has done it
    epochs = 40 if batch_size else 100
    part = {"part": 3} if name == "plain_calls" else {}
    answer = getattr(sweep_run, name)(
        folder, configs=4, epochs=epochs, batch_size=batch_size, **part
    )()
    assert answer["units"] == part.get("part", 4)
    assert answer.get("scaled") == ("3 of 4 configurations" if part else None)
    assert answer["accuracy"] > 0.3  # the mean of slow and fast learning rates, by chance 0.1


def test_the_convolutional_network_trains_and_every_run_starts_anew(folder, monkeypatch):
    for module in (cnn_run, cnn_peers):
        monkeypatch.setattr(module, "BLOCKS", ((2, 2), (2, 2)))
        monkeypatch.setattr(module, "HIDDEN", 8)
    accuracies = []
    for prepare in (cnn_run.jaxnn, cnn_run.plain_scan, cnn_run.plain_steps, cnn_peers.flax_linen):
        run = prepare(folder, steps=5)
        first, second = run(), run()
        assert first["units"] == 0.005
        assert first["accuracy"] == second["accuracy"] > 0
        accuracies.append(first["accuracy"])
    assert accuracies[1] == pytest.approx(
        accuracies[2], abs=2 / 320
    )  # one network, called in two ways
