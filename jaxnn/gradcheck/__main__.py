"""Prints the verdict on every gradient of jaxnn, or on those whose names hold a text.

    python -m jaxnn.gradcheck                   all of them, in a minute or two
    python -m jaxnn.gradcheck lstm conv2d       those whose names hold one of these
    python -m jaxnn.gradcheck --seed 3          the same directions again

The exit status is 1 where one is wrong. A gradient of your own: `jaxnn.gradcheck.check_gradients`;
a layer of your own: `jaxnn.gradcheck.check_layer`.
"""

import argparse
import sys

from jaxnn import compilation_cache
from jaxnn.gradcheck.table import cases, table


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(
        "python -m jaxnn.gradcheck",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="text", help="a part of a name")
    parser.add_argument("--seed", type=int, help="of directions and cotangents; default a new one")
    options = parser.parse_args(arguments)
    rows = [
        row for row in cases() if not options.names or any(n in row.name for n in options.names)
    ]
    if not rows:
        parser.error(f"no gradient has {' or '.join(options.names)} in its name")
    compilation_cache.enable()
    text = table(rows, seed=options.seed)
    print(text)
    return int("FAIL" in text)


if __name__ == "__main__":
    sys.exit(main())
