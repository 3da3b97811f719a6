"""A long run does not grow."""

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[2]
PROCESS = """
import resource, sys
import numpy as np
from jaxnn import data, layers, losses, optimizers, train

def setup(learning_rate):
    return train.Run(
        model=layers.dense(2), loss=losses.softmax_cross_entropy,
        optimizer=optimizers.momentum(learning_rate, 0.5), epochs=1000, batch_size=4,
    )

peaks = []

def on_chunk(done):
    assert done.num_epochs == 20
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)

from jaxnn.train.lanes import layout
layout.MIN_CHUNKS, layout.MIN_CHUNK_SECONDS = 50, 0
points = np.random.default_rng(0).normal(size=(400, 2))
dataset = data.from_arrays(points, (points[:, 0] > 0).astype(int), points[:4], [0, 1, 0, 1])
result = train.fit(setup, dataset, learning_rate=0.1, on_chunk=on_chunk)
assert len(peaks) == 50 and np.isfinite(result.history.train_loss).all()
unit = 1 if sys.platform == "darwin" else 1024
print(unit * peaks[5], unit * peaks[-1])
"""


def test_after_a_tenth_of_100_000_steps_the_memory_does_not_grow():
    """The largest resident memory so far, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", PROCESS], cwd=ROOT, capture_output=True, text=True, check=True
    )
    after_a_tenth, at_the_end = map(int, done.stdout.split())
    assert at_the_end - after_a_tenth < 2**20, done.stdout
