"""Python looks for garbage rarely in our commands, and still when it is told to."""

import subprocess
import sys

import pytest

CYCLE = """
import gc
from experiments.process import garbage

class Node:
    def __del__(self):
        print("found")

{prelude}
node = Node()
node.itself = node
{finale}
"""


def said(prelude, finale=""):
    program = CYCLE.format(prelude=prelude, finale=finale)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.quick
@pytest.mark.parametrize(("prelude", "found"), [("", ["found"]), ("garbage.collect_rarely()", [])])
def test_what_is_left_at_the_end_is_not_looked_through(prelude, found):
    assert said(prelude) == found


def test_garbage_of_the_run_is_collected():
    assert said("garbage.collect_rarely()", "del node; gc.collect()") == ["found"]
    many = "for _ in range(200_000): node = Node(); node.itself = node; [].append(node)"
    assert "found" in said("garbage.collect_rarely()", many)
