import numpy as np
import pytest

from jaxnn import data


@pytest.fixture(scope="session")
def blobs():
    """Three clouds of points in the plane: a data set on which a run takes milliseconds."""
    rng = np.random.default_rng(0)
    labels = np.arange(120, dtype=np.int32) % 3
    centres = np.array([[2.0, 0.0], [-1.0, 2.0], [-1.0, -2.0]])
    points = (centres[labels] + rng.normal(size=(120, 2))).astype(np.float32)
    return data.from_arrays(points[:90], labels[:90], points[90:], labels[90:], name="blobs")
