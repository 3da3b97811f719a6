"""python -m experiments.survival: see experiments/benchmarks/survival.py."""

import sys

from experiments.benchmarks.survival import main

if __name__ == "__main__":
    sys.exit(main())
