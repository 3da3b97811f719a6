"""Data sets by name, or from arrays, checked and ready for a run; without TensorFlow."""

from jaxnn.data.catalog import load
from jaxnn.data.dataset import Dataset, Examples, from_arrays
from jaxnn.data.errors import DataCorruptError, DataNotFoundError
from jaxnn.data.standardize import Standardizer, standardizer

__all__ = [
    "DataCorruptError",
    "DataNotFoundError",
    "Dataset",
    "Examples",
    "Standardizer",
    "from_arrays",
    "load",
    "standardizer",
]
