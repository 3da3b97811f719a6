"""python -m experiments: see experiments/commands/command_line.py."""

import os
import sys
from collections.abc import Sequence

from experiments.process import garbage, xla_flags
from experiments.record import unchanged


def main(arguments: Sequence[str] | None = None, *, keep_compiled: bool = False) -> int:
    """Returns the exit status of command_line.main; its imports take seconds, so they wait."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    garbage.collect_rarely()
    xla_flags.compile_quickly()
    if arguments == ["run", "--changed"] and (was := unchanged.whole_run()):
        print(f"nothing changed since {was}; `run` draws and judges anew, `run --force` computes")
        return 0
    if keep_compiled:
        from jaxnn import compilation_cache

        compilation_cache.enable()
    from experiments.commands import command_line

    return command_line.main(arguments, jobs=(os.cpu_count() or 1) if keep_compiled else 1)


if __name__ == "__main__":
    sys.exit(main(keep_compiled=True))
