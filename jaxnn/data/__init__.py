"""Data sets by name, or from arrays, checked and ready for a run; without TensorFlow."""

from jaxnn.data.catalog import load
from jaxnn.data.dataset import Dataset, Examples, from_arrays
from jaxnn.data.errors import DataCorruptError, DataNotFoundError
from jaxnn.data.standardize import Standardizer, standardizer
from jaxnn.data.stream import Stream, from_source

__all__ = [
    "DataCorruptError",
    "DataNotFoundError",
    "Dataset",
    "Examples",
    "Standardizer",
    "Stream",
    "from_arrays",
    "from_source",
    "load",
    "standardizer",
]
