"""A lesson in a notebook: run from top to bottom, edited, and run again in the same kernel."""

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

IMPORTS = """
import jax, jax.numpy as jnp, numpy as np, optax
from jaxnn import data, layers, train

x = np.linspace(-1, 1, 40, dtype=np.float32).reshape(20, 2)
dataset = data.from_arrays(x, 2 * x[:, :1] + 1, classes=())
"""
LOSS = """
WIDTH = 3

def loss(predictions, targets):
    return ((predictions - targets) ** 2).sum(-1)

def loss_vjp(predictions, targets, cotangent):
    return cotangent[:, None] * (predictions - targets)  # the slip: a factor of 2 is missing
"""
SETUP = """
def setup(learning_rate):
    return train.Run(
        model=layers.serial(layers.dense(WIDTH), layers.dense(1)), loss=loss, metrics={},
        optimizer=optax.sgd(learning_rate), epochs=3, batch_size=10,
    )
"""
RUN = """
result = train.fit(setup, dataset, learning_rate=0.1, progress=True)
print(result.params[0]["kernel"].tolist())
"""
CELLS = [IMPORTS, LOSS, SETUP, RUN]
EDITED = LOSS.replace("WIDTH = 3", "WIDTH = 5").replace("cotangent[", "2 * cotangent[")


@pytest.mark.filterwarnings("ignore:::(zmq|jupyter_client|nbclient|tornado|traitlets)")
def test_what_is_edited_and_run_again_is_what_a_fresh_start_gives():
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    client = NotebookClient(notebook, kernel_name="python3", timeout=300)
    with client.setup_kernel():
        first = _run(client, notebook, range(4))
        notebook.cells[1].source = EDITED
        second = _run(client, notebook, [1, 3])  # and not the set-up, which reads it
        third = _run(client, notebook, range(4))
        shown = "".join(o.get("text", "") for o in notebook.cells[3].outputs if o.name == "stderr")
    np.testing.assert_allclose(first, _here(CELLS), rtol=1e-5)
    np.testing.assert_allclose(second, _here([IMPORTS, EDITED, SETUP, RUN]), rtol=1e-5)
    assert third == second
    assert "epoch" in shown  # the progress bar


def _run(client, notebook, numbers):
    for number in numbers:
        client.execute_cell(notebook.cells[number], number)
    return eval("".join(o.text for o in notebook.cells[3].outputs if o.name == "stdout"))


def _here(cells):
    """As in a kernel that has run nothing else."""
    names = {"__name__": __name__}
    exec("\n".join(cells[:-1]), names)
    globals()["loss_vjp"] = names["loss_vjp"]  # where the rule of a loss of this module is sought
    exec(cells[-1], names)
    return names["result"].params[0]["kernel"]
