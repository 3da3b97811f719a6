"""Data sets by name, or from arrays, checked and ready for a run; without TensorFlow."""

from jaxnn.data import toy
from jaxnn.data.dataset import Dataset, Examples, from_arrays
from jaxnn.data.errors import DataCorruptError, DataNotFoundError
from jaxnn.data.own.image_folder import from_image_folder
from jaxnn.data.own.stream import Stream, from_source
from jaxnn.data.own.table import from_csv, from_frame
from jaxnn.data.prepare.labels import class_weights, label_noise, noisy_labels, one_hot
from jaxnn.data.prepare.min_max import MinMax, min_max
from jaxnn.data.prepare.parts import autoencoding, hold_out, pooled, select, standardized
from jaxnn.data.prepare.splits import SplitRows, balanced_rows, fold_rows, split_rows, subset_rows
from jaxnn.data.prepare.standardize import Standardizer, standardizer
from jaxnn.data.published.catalog import load, load_stream

__all__ = [
    "DataCorruptError",
    "DataNotFoundError",
    "Dataset",
    "Examples",
    "MinMax",
    "SplitRows",
    "Standardizer",
    "Stream",
    "autoencoding",
    "balanced_rows",
    "class_weights",
    "fold_rows",
    "from_arrays",
    "from_csv",
    "from_frame",
    "from_image_folder",
    "from_source",
    "hold_out",
    "label_noise",
    "load",
    "load_stream",
    "min_max",
    "noisy_labels",
    "one_hot",
    "pooled",
    "select",
    "split_rows",
    "standardized",
    "standardizer",
    "subset_rows",
    "toy",
]
