import dataclasses
import json

import jax
import pytest

from experiments.benchmarks import accelerator
from jaxnn import layers, losses, optimizers, train
from jaxnn.train.lanes import layout


def tiny(learning_rate):
    """Tiny: one linear layer."""
    return train.Run(
        model=layers.serial(layers.flatten, layers.dense(10)), loss=losses.softmax_cross_entropy,
        optimizer=optimizers.gradient_descent(learning_rate), epochs=1, batch_size=64,
    )  # fmt: skip


@pytest.fixture
def only_tiny(monkeypatch):
    monkeypatch.setattr(accelerator, "NETWORKS", {"tiny": (tiny, 50)})
    monkeypatch.setattr(accelerator, "REPEATS", 2)
    monkeypatch.setattr(layout, "MAX_LANES", layout.MAX_LANES)  # which the benchmark raises


@pytest.mark.usefixtures("only_tiny")
def test_each_line_says_what_was_done_and_the_page_is_made_of_them(tmp_path):
    assert accelerator.main([str(tmp_path), "--quick"]) == 0
    text = (tmp_path / "accelerator.jsonl").read_text()
    limits, *measured = map(json.loads, text.splitlines())
    assert limits["device"] == jax.devices()[0].device_kind
    assert len(limits["flops_per_second"]) == 3
    assert limits["bytes_per_second"] > 1e8
    assert 0 < limits["empty_step"] < 1e-3
    assert [line["lanes"] for line in measured] == [1, 4]
    for line in measured:
        assert line["flops"] == 2 * 2 * 64 * 784 * 10  # forward, and backward to the kernel
        assert line["bytes"] >= 2 * 4 * 7850 + 64 * 784
        assert len(line["seconds"]) == 2
    page = (tmp_path / "accelerator.md").read_text()
    assert "## Tiny: one linear layer." in page
    assert "**This is a CPU: no accelerator was at hand.**" in page
    assert "A quick trial" in page


def test_where_memory_ends_a_line_says_so(monkeypatch):
    plan = train.plan

    def small(*arguments, **settings):
        (program,) = (found := plan(*arguments, **settings)).programs
        cut = program.layout._replace(how="vmap", at_once=1)
        return dataclasses.replace(found, programs=(dataclasses.replace(program, layout=cut),))

    monkeypatch.setattr(train, "plan", small)
    monkeypatch.setattr(accelerator, "LANES", (4, 16))
    monkeypatch.setattr(layout, "MAX_LANES", layout.MAX_LANES)
    limits = {"platform": "cpu"}
    (line,) = accelerator.lanes_of("tiny", tiny, 1, limits, quick=True)
    assert line["end"] == "more lanes do not fit into memory"


def line(lanes, seconds, **more):
    return {
        "network": "tiny", "lanes": lanes, "updates": 10, "how": "vmap", "seconds": seconds,
        "least_seconds": 0.1 * lanes,
    } | more  # fmt: skip


@pytest.mark.quick
def test_the_page_computes_rates_and_shares(monkeypatch):
    monkeypatch.setattr(accelerator, "NETWORKS", {"tiny": (tiny, 10)})
    limits = {
        "device": "H100", "platform": "gpu", "flops_per_second": {"float32": 6e13},
        "bytes_per_second": 3e12, "empty_step": 2e-6, "run": "2026-01-02T03:04:05", "quick": False,
        "versions": {"jax": "1"}, "busy": 0.0, "cores": 16, "processor": "", "system": "Linux",
    }  # fmt: skip
    end = {"network": "tiny", "lanes": 16, "updates": 10, "end": "more lanes do not fit"}
    page = accelerator.page([limits, line(1, [1.0, 2.0, 1.0]), line(4, [2.0, 2.0, 2.0]), end])
    assert "no accelerator" not in page
    assert "| product, float32 | 6e+04 GFLOP/s |" in page
    assert "| 1 | vmap | 10 | 100 | 1 [0.5, 1] | 1.00 | 10.0% |" in page
    assert "| 4 | vmap | 10 | 200 | 2 [2, 2] | 2.00 | 20.0% |" in page
    assert "16 runs: more lanes do not fit." in page


@pytest.mark.quick
def test_the_convolutional_network_is_that_of_the_slides():
    model = accelerator.conv_net(0.1).model
    params = jax.eval_shape(lambda key: model.init(key, (28, 28, 1))[0], jax.random.key(0))
    kernels = [leaf.shape for leaf in jax.tree.leaves(params) if len(leaf.shape) > 1]
    assert kernels == [
        (3, 3, 1, 32), (3, 3, 32, 32), (3, 3, 32, 64), (3, 3, 64, 64), (7 * 7 * 64, 128), (128, 10),
    ]  # fmt: skip
