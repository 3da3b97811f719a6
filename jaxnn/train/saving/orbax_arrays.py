"""Host arrays in an Orbax checkpoint, written by each process on its own.

`orbax.checkpoint.PyTreeCheckpointer().restore(folder)` reads it, too.
"""

import functools
from pathlib import Path
from typing import Any

import jax
import numpy as np


def write(folder: Path, tree: Any) -> None:
    """Writes a tree of dicts with NumPy arrays, none of them empty, to a folder that is new.

    A kill leaves a folder that is not whole, and a power cut files that are not: the caller syncs
    it, once for all files, and makes it count by moving it into place.
    """
    import orbax.checkpoint as ocp
    from etils import epath

    folder.mkdir()
    _handler().save(epath.Path(folder.absolute()), args=ocp.args.PyTreeSave(tree))


def prepare() -> None:
    """Imports Orbax, so that the first of `write` and `read` takes no longer than the others."""
    _handler()


def read(folder: Path) -> Any:
    """What `write` wrote, to the bit."""
    from etils import epath

    return _handler().restore(epath.Path(folder.absolute()))


@functools.cache
def _handler() -> Any:
    """Orbax for this process alone; its import takes a second.

    Orbax's own handler of NumPy arrays takes them to be the same in every process, and writes them
    in process 0 only. Here they are the lanes of the process.
    """
    import orbax.checkpoint as ocp
    import tensorstore as ts

    class HostArrays(ocp.type_handlers.NumpyHandler):
        async def serialize(self, values, infos, args=None):
            # in one context and one transaction they make one file, and several each without
            together, context = ts.Transaction(atomic=True), ts.Context()
            for value, info in zip(values, infos, strict=True):
                base = {"driver": "file", "path": f"{info.parent_dir}/", "file_io_sync": False}
                store = {"driver": "ocdbt", "base": base, "path": f"{info.name}/"}
                array = await ts.open(
                    {"driver": "zarr", "kvstore": store, "metadata": {"compressor": None}},
                    create=True,
                    dtype=ts.dtype(value.dtype),
                    shape=value.shape,
                    chunk_layout=ts.ChunkLayout(chunk_shape=value.shape),
                    context=context,
                    transaction=together,
                )
                await array.write(value)
            await together.commit_async()
            return []

    process = jax.process_index()
    alone = ocp.options.MultiprocessingOptions(primary_host=process, active_processes={process})
    registry = ocp.type_handlers.create_type_handler_registry(
        (np.ndarray, HostArrays()), (jax.Array, ocp.type_handlers.ArrayHandler())
    )
    return ocp.PyTreeCheckpointHandler(
        type_handler_registry=registry, multiprocessing_options=alone
    )
