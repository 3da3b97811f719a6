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
    import asyncio

    import orbax.checkpoint as ocp
    import tensorstore as ts

    class HostArrays(ocp.type_handlers.NumpyHandler):
        async def serialize(self, values, infos, args=None):
            async def write_one(value, info):
                path = f"{info.parent_dir / info.name}/"
                store = {"driver": "file", "path": path, "file_io_sync": False}
                spec = {"driver": "zarr", "kvstore": store, "metadata": {"compressor": None}}
                array = await ts.open(
                    spec,
                    create=True,
                    dtype=ts.dtype(value.dtype),
                    shape=value.shape,
                    chunk_layout=ts.ChunkLayout(chunk_shape=value.shape),
                )
                await array.write(value)

            writes = map(write_one, values, infos)
            outcomes = await asyncio.gather(*writes, return_exceptions=True)  # all have ended
            for error in filter(None, outcomes):
                raise error
            return []

    process = jax.process_index()
    alone = ocp.options.MultiprocessingOptions(primary_host=process, active_processes={process})
    registry = ocp.type_handlers.create_type_handler_registry(
        (np.ndarray, HostArrays()), (jax.Array, ocp.type_handlers.ArrayHandler())
    )
    return ocp.PyTreeCheckpointHandler(
        use_ocdbt=False, type_handler_registry=registry, multiprocessing_options=alone
    )
