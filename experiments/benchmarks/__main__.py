"""Times jaxnn and its peers in turn, and writes the table.

    python -m experiments.benchmarks [--rounds 5] [--epochs 5] [--out reports/benchmarks]

Machines are noisy, so the candidates take turns within each round, after one round to compile and
warm up, and what counts is the ratio to jaxnn within a round.
"""

import argparse
import pathlib
import sys
import time
from collections.abc import Callable

import numpy as np

from experiments import report, results
from experiments.__main__ import use_every_core
from experiments.benchmarks import mlp_run
from jaxnn import data


def main() -> int:
    """Returns the exit status: 0 fine, 2 without the data."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds, default 5")
    parser.add_argument("--epochs", type=int, default=5, help="epochs of each run, default 5")
    parser.add_argument("--out", type=pathlib.Path, default=results.ROOT / "reports" / "benchmarks")
    options = parser.parse_args()
    if options.rounds < 1 or options.epochs < 1:
        parser.error("--rounds and --epochs must be at least 1")
    use_every_core()
    try:
        candidates = mlp_run.candidates()
    except data.DataNotFoundError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    seconds, accuracies = measure(candidates, options.rounds, options.epochs)
    table = table_of(seconds, accuracies)
    print(table)
    options.out.mkdir(parents=True, exist_ok=True)
    page = (
        f"# Benchmarks\n\n{__doc__}\n## W1\n\n{mlp_run.__doc__}\n{table}\n\n{_made_with(options)}\n"
    )
    results.write(options.out / "README.md", page)
    return 0


def measure(
    candidates: dict[str, Callable[[int], float]], rounds: int, epochs: int
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Seconds per epoch of each candidate in each round, and the accuracy that it reached."""
    accuracies = {name: train(epochs) for name, train in candidates.items()}
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for number in range(rounds):
        for name, train in candidates.items():
            start = time.perf_counter()
            train(epochs)
            seconds[name].append((time.perf_counter() - start) / epochs)
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
    return {name: np.array(values) for name, values in seconds.items()}, accuracies


def table_of(seconds: dict[str, np.ndarray], accuracies: dict[str, float]) -> str:
    """A Markdown table: the median and range over rounds, and how many times as long as ours."""
    ours = next(iter(seconds.values()))
    lines = [
        "| | s per epoch, median [range] | times ours, by round | validation accuracy |",
        "| --- | --- | --- | --- |",
    ]
    for name, values in seconds.items():
        spread = f"{np.median(values):.3f} [{values.min():.3f}, {values.max():.3f}]"
        ratio = np.median(values / ours)
        lines.append(f"| {report.escape(name)} | {spread} | {ratio:.2f} | {accuracies[name]:.4f} |")
    return "\n".join(lines)


def _made_with(options: argparse.Namespace) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in results.versions().items())
    where = results.platform_of_run()
    return (
        f"{options.rounds} rounds of {options.epochs} epochs; {report.escape(where['processor'])},"
        f" {where['system']} {report.escape(where['machine'])}; {report.escape(versions)}."
    )


if __name__ == "__main__":
    sys.exit(main())
