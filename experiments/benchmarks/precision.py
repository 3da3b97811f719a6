"""What bfloat16 costs in accuracy: the same runs in both precisions, compared seed by seed.

    nox -s benchmarks -- --workload precision
    python -m experiments.benchmarks.precision FOLDER --quick

The weights, the updates and the loss are float32 in both; the network's own arithmetic is not. Each
data set is a line of JSON in FOLDER/precision.jsonl, from which FOLDER/precision.md is made.
"""

import argparse
import datetime
import json
import pathlib
import sys
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from experiments.benchmarks import table
from experiments.claims.verdicts import paired_difference
from experiments.pages import report
from experiments.record import results
from jaxnn import compilation_cache, data, layers, losses, optimizers, train

NAME, TITLE = "precision", "What bfloat16 costs in accuracy"
PRECISIONS = ("float32", "bfloat16")
LEARNING_RATE, WIDTHS = 0.1, (128, 64)  # those of the training script


def mlp(
    learning_rate: Any, precision: Literal["float32", "bfloat16"], epochs: int, classes: int
) -> train.Run:
    hidden = [layer for width in WIDTHS for layer in (layers.dense(width), layers.relu)]
    return train.Run(
        model=layers.serial(layers.flatten, *hidden, layers.dense(classes)),
        loss=losses.softmax_cross_entropy, optimizer=optimizers.gradient_descent(learning_rate),
        epochs=epochs, batch_size=64, precision=precision, evaluate_every=epochs,
    )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 fine, 2 no data."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--quick", action="store_true", help="digits, two seeds and two epochs")
    options = parser.parse_args(arguments)
    names, seeds, epochs = ["mnist", "fashion_mnist"], 10, 10
    if options.quick:
        names, seeds, epochs = ["digits"], 2, 2
    options.folder.mkdir(parents=True, exist_ok=True)
    common = {"run": datetime.datetime.now().astimezone().isoformat(), "quick": options.quick}
    common |= {"versions": results.versions(), **results.platform_of_run()}
    with (options.folder / f"{NAME}.jsonl").open("a") as file:
        for name in names:
            try:
                dataset = data.load(name)
            except data.DataNotFoundError as error:
                print(f"error: {error}", file=sys.stderr)
                return 2
            line = {"dataset": name, "epochs": epochs, **accuracies(dataset, seeds, epochs)}
            print(json.dumps(common | line), file=file, flush=True)
    write_page(options.folder)
    return 0


def accuracies(dataset: data.Dataset, seeds: int, epochs: int) -> dict[str, Any]:
    """The test accuracy of each run after its last epoch, by precision and seed."""
    history = train.sweep(
        mlp, dataset, learning_rate=LEARNING_RATE, precision=list(PRECISIONS), seed=range(seeds),
        epochs=epochs, classes=len(dataset.classes),
    )  # fmt: skip
    last = history.test_accuracy.isel(epoch=-1)
    return {name: last.sel(precision=name).values.astype(float).tolist() for name in PRECISIONS}


def write_page(folder: pathlib.Path) -> None:
    """precision.md, from the lines of the last run; nothing where there are none."""
    if lines := table.last_run(folder / f"{NAME}.jsonl"):
        results.write(folder / f"{NAME}.md", page(lines))


def page(lines: Sequence[table.Line]) -> str:
    rows = []
    for line in lines:
        single, half = (np.array(line[name]) for name in PRECISIONS)
        cost, low, high, _, diverged = map(float, paired_difference(single, half))
        lost = f", {diverged:.0f} diverged" if diverged else ""
        told = (
            "lower in bfloat16" if low > 0
            else "higher in bfloat16" if high < 0
            else "not told apart"
        )  # fmt: skip
        means = (f"{values.mean():.4f}" for values in (single, half))
        rows.append([
            report.escape(line["dataset"]), str(line["epochs"]), str(len(single)), *means,
            f"{cost:+.4f} [{low:+.4f}, {high:+.4f}]{lost}", told,
        ])  # fmt: skip
    header = [
        "data set", "epochs", "runs of each", "float32", "bfloat16",
        "float32 - bfloat16, 95 % interval", "test accuracy",
    ]  # fmt: skip
    last = lines[-1]
    versions = ", ".join(f"{name} {number}" for name, number in last["versions"].items())
    return "\n\n".join([
        f"<!-- Written by `nox -s benchmarks -- --workload {NAME}`; changes here are lost. -->",
        f"# {TITLE}",
        f"{'-'.join(map(str, WIDTHS))} hidden units, ReLU, softmax cross entropy, gradient descent"
        f" {LEARNING_RATE:g}, batches of 64. In bfloat16 the network computes forward and backward"
        " in bfloat16; weights, updates and loss stay float32. A run in either precision starts"
        " from the same weights and sees the same batches as the other with its seed, so that they"
        " are compared in pairs (Student's t over seeds).",
        report.table(header, rows),
        report.escape(
            ("A quick trial with less work. " if last["quick"] else "")
            + f"On {last['device']} ({last['processor']}), {last['run'][:10]}; {versions}."
        ),
    ]) + "\n"  # fmt: skip


if __name__ == "__main__":
    compilation_cache.enable()
    sys.exit(main())
