"""How fast one device runs the benchmark's networks, alone and more and more of them at once.

    nox -s benchmarks -- --workload accelerator              on whatever device JAX finds
    python -m experiments.benchmarks.accelerator FOLDER --quick

First what the device can do at most: large matrix products, a large copy, and a scan whose step
does nothing. Then each network through the public API, for 1, 4, 16, 64, ... lanes, until memory or
time ends. Each measurement is a line of JSON in FOLDER/accelerator.jsonl, from which the page
FOLDER/accelerator.md is made.
"""

import argparse
import datetime
import json
import pathlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.benchmarks import frame, table
from experiments.pages import report
from experiments.record import results
from jaxnn import compilation_cache, data, layers, losses, optimizers, train
from jaxnn.train.lanes import layout

NAME, TITLE = "accelerator", "One device, and what it makes of more and more runs"
DEFAULT = "float32, as JAX multiplies by default"
BATCH_SIZE, CLASSES = 64, 10
LANES = tuple(4**power for power in range(8))
REPEATS = 5
PATIENCE = 15.0  # seconds that the next call may be expected to take, or all repeats


def mlp(learning_rate: Any) -> train.Run:
    """W1: 784-128-64-10."""
    dense = [layer for width in (128, 64) for layer in (layers.dense(width), layers.relu)]
    return _run(layers.serial(layers.flatten, *dense, layers.dense(CLASSES)), learning_rate)


def conv_net(learning_rate: Any) -> train.Run:
    """W3: conv 32, 32, pool, conv 64, 64, pool, each with batch norm; dropout; dense 128."""
    blocks: list[layers.Layer] = []
    for channels in (32, 64):
        for _ in range(2):
            blocks += [layers.conv2d(channels, 3), layers.batch_norm(), layers.relu]
        blocks += [layers.max_pool2d(2), layers.dropout(0.4)]
    head = (layers.dense(128), layers.relu, layers.dropout(0.4), layers.dense(CLASSES))
    return _run(layers.serial(*blocks, layers.flatten, *head), learning_rate)


def _run(model: layers.Layer, learning_rate: Any) -> train.Run:
    return train.Run(
        model=model, loss=losses.softmax_cross_entropy,
        optimizer=optimizers.gradient_descent(learning_rate), epochs=1, batch_size=BATCH_SIZE,
    )  # fmt: skip


NETWORKS: dict[str, tuple[Callable[..., train.Run], int]] = {  # with the updates of a run
    "mlp": (mlp, 250),
    "conv_net": (conv_net, 20),
}
ON_ACCELERATOR = 10  # times as many


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--quick", action="store_true", help="a trial: small and short")
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    common = {"run": datetime.datetime.now().astimezone().isoformat(), "quick": options.quick}
    common |= {"versions": results.versions(), **results.platform_of_run()}
    common |= {"cores": layout.num_cores(), "busy": frame.busy_share()}
    with (options.folder / f"{NAME}.jsonl").open("a") as file:
        for line in measurements(quick=options.quick):
            print(json.dumps(common | line), file=file, flush=True)
            print(NAME, json.dumps(line), file=sys.stderr, flush=True)
    write_page(options.folder)
    return 0


def measurements(*, quick: bool) -> Iterator[dict[str, Any]]:
    """The limits of the device, then a line for every network and number of lanes."""
    limits = limits_of(jax.local_devices()[0], quick=quick)
    yield limits
    for network, (setup, updates) in NETWORKS.items():
        if quick:
            updates = max(updates // 20, 1)
        elif limits["platform"] != "cpu":
            updates *= ON_ACCELERATOR
        yield from lanes_of(network, setup, updates, limits, quick=quick)


def limits_of(device: jax.Device, *, quick: bool) -> dict[str, Any]:
    """FLOP/s of a large product by precision, bytes/s of a copy, seconds of an empty scan step."""
    is_small = quick or device.platform == "cpu"
    size, numbers, steps = (1024, 2**24, 1000) if is_small else (8192, 2**28, 10_000)
    x = jnp.ones((size, size))
    kinds = {
        DEFAULT: (x, None),
        "float32, every bit": (x, "highest"),
        "bfloat16": (x.astype(jnp.bfloat16), None),
    }
    flops: dict[str, float] = {}
    for kind, (x, precision) in kinds.items():
        product = jax.jit(lambda x, precision=precision: jnp.matmul(x, x, precision=precision))
        flops[kind] = 2 * size**3 / min(_seconds(product, x))
    copies = 10  # in place, as a fresh array costs the system more than the copy
    add = jax.jit(lambda x, times: jax.lax.fori_loop(0, times, lambda _, x: x + 1, x))
    copied = min(_seconds(add, jnp.zeros(numbers), copies)) / copies
    empty = jax.jit(lambda x: jax.lax.scan(lambda x, _: (x + 1, None), x, None, steps)[0])
    return {
        "device": device.device_kind,
        "platform": device.platform,
        "flops_per_second": flops,
        "bytes_per_second": 2 * 4 * numbers / copied,
        "empty_step": min(_seconds(empty, jnp.zeros(()))) / steps,
    }


def lanes_of(
    network: str, setup: Callable[..., train.Run], updates: int, limits: dict[str, Any], *,
    quick: bool,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """A line for every number of lanes, until memory is full or a call would take too long."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (updates * BATCH_SIZE, 28, 28, 1), np.uint8)
    labels = rng.integers(0, CLASSES, len(images))
    dataset = data.from_arrays(images, labels, name="noise", scale=255.0)
    for lanes in LANES[:2] if quick else LANES:
        layout.MAX_LANES = max(LANES)  # in one call, or what more lanes bring could not be seen
        settings: dict[str, Any] = {"learning_rate": 0.01, "seed": range(lanes)}
        if limits["platform"] != "cpu":
            settings["num_devices"] = 1
        line = {"network": network, "lanes": lanes, "updates": updates}
        try:
            (program,) = train.plan(setup, dataset, **settings).programs
            is_cut = program.layout.how == "vmap" and program.layout.at_once < lanes
            if is_cut:
                yield line | {"end": "more lanes do not fit into memory"}
                return
            seconds = _seconds(lambda **x: train.sweep(setup, dataset, **x), **settings)
        except (ValueError, jax.errors.JaxRuntimeError) as error:
            yield line | {"end": str(error).splitlines()[0]}
            return
        flops = program.flops / (lanes * updates)
        num_bytes = program.layout.need.lane + BATCH_SIZE * images[0].nbytes  # carried in and out
        least = max(
            flops / limits["flops_per_second"][DEFAULT], num_bytes / limits["bytes_per_second"]
        )
        yield line | {
            "how": program.layout.how,
            "seconds": seconds,
            "flops": flops,
            "bytes": num_bytes,
            "least_seconds": least * lanes * updates,
        }
        if 4 * float(np.median(seconds)) > PATIENCE:
            return


def write_page(folder: pathlib.Path) -> None:
    """accelerator.md, from the lines of the last run; nothing where there are none."""
    if lines := table.last_run(folder / f"{NAME}.jsonl"):
        results.write(folder / f"{NAME}.md", page(lines))


def page(lines: Sequence[table.Line]) -> str:
    """The limits of the device, and a table for each network."""
    limits, *measured = lines
    parts = [
        "<!-- Written by `nox -s benchmarks -- --workload accelerator`; changes here are lost. -->",
        f"# {TITLE}",
        f"Measured on {report.escape(limits['device'])}.",
    ]
    if limits["platform"] == "cpu":
        parts.append(
            "**This is a CPU: no accelerator was at hand.** On a machine that has one, the same"
            " command measures it. On a CPU runs go one after another, in a worker for each core,"
            " so that nothing is gained by more of them than there are cores."
        )
    products = limits["flops_per_second"].items()
    best = [
        *([f"product, {kind}", f"{flops / 1e9:.4g} GFLOP/s"] for kind, flops in products),
        ["copy of an array, read and written", f"{limits['bytes_per_second'] / 1e9:.4g} GB/s"],
        ["a step of a scan that does nothing", f"{limits['empty_step'] * 1e6:.3g} us"],
    ]
    parts += [report.table(["the device at its best", ""], best)]
    parts.append(
        "The roofline is the time that an update would take if its matrix products and convolutions"
        " ran like the largest, or if its params, in and out, and its batch moved like the copy,"
        " whichever is longer; its share is that time over the measured one, with evaluation and"
        " all else included. Images are 28 x 28, batches of 64."
    )
    for network, (setup, _) in NETWORKS.items():
        rows = [line for line in measured if line["network"] == network]
        parts += [f"## {setup.__doc__}", *_table(rows)]
    return "\n\n".join([*parts, made_with(limits)]) + "\n"


def _table(lines: Sequence[table.Line]) -> list[str]:
    done = [line for line in lines if "seconds" in line]
    rates = [line["lanes"] / float(np.median(line["seconds"])) for line in done]
    rows = [
        [
            f"{line['lanes']:,}",
            line["how"],
            f"{line['updates']:,}",
            f"{1e3 * float(np.median(line['seconds'])) / line['updates']:.4g}",
            f"{rate:.4g} [{line['lanes'] / max(line['seconds']):.4g},"
            f" {line['lanes'] / min(line['seconds']):.4g}]",
            f"{rate / rates[0]:.2f}",
            f"{line['least_seconds'] / float(np.median(line['seconds'])):.1%}",
        ]
        for line, rate in zip(done, rates, strict=True)
    ]
    header = [
        "runs at once", "lanes", "updates of each", "ms per update of all", "runs per second",
        "times one", "share of the roofline",
    ]  # fmt: skip
    ends = [
        f"{line['lanes']:,} runs: {report.escape(line['end'])}." for line in lines if "end" in line
    ]
    return [*([report.table(header, rows)] if rows else []), *ends]


def made_with(line: table.Line) -> str:
    """When, where and with which versions."""
    versions = ", ".join(f"{name} {number}" for name, number in line["versions"].items())
    notes = "A quick trial with less work. " if line["quick"] else ""
    if (line["busy"] or 0) > table.BUSY:
        notes += f"Others took {line['busy']:.0%} of the machine's time: not a fair measurement. "
    return report.escape(
        f"{notes}Medians of up to {REPEATS} [smallest, largest], on {line['run'][:10]};"
        f" {line['cores']} cores of {line['processor']}, {line['system']}; {versions}."
    )


def _seconds(work: Callable[..., Any], *arguments: Any, **settings: Any) -> list[float]:
    """Of each repeat, after a first call that compiles; fewer repeats where they take long."""
    jax.block_until_ready(work(*arguments, **settings))
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        jax.block_until_ready(work(*arguments, **settings))
        seconds.append(time.perf_counter() - start)
        if sum(seconds) > PATIENCE:
            break
    return seconds


if __name__ == "__main__":
    compilation_cache.enable()
    sys.exit(main())
