"""The site over a copy of the committed reports."""

import shutil

import pytest

from experiments.course import registry
from experiments.pages import site
from experiments.record import results


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """The folder of the site, written by the present code."""
    folder = tmp_path_factory.mktemp("site") / "reports"
    shutil.copytree(results.ROOT / "reports", folder, ignore=shutil.ignore_patterns("*.html"))
    site.write(folder, registry.select())
    return folder
