import subprocess
import sys

import pytest

from jaxnn import data


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mnits", r"no data set is called 'mnits': did you mean 'mnist'\? there are breast_cancer"),
        ("Digit", r"did you mean 'digits'\? "),
        ("imagenet-21k", r"called 'imagenet-21k': there are breast_cancer, digits"),
    ],
)
def test_load_names_the_nearest_data_sets(name, message):
    with pytest.raises(ValueError, match=message):
        data.load(name)


@pytest.mark.parametrize("settings", [{"test_size": 0.2}, {"seed": 1}])
def test_load_does_not_split_what_was_published_with_a_split(settings):
    (name,) = settings
    with pytest.raises(ValueError, match=f"mnist has a published split, so {name} cannot"):
        data.load("mnist", **settings)


def test_importing_the_package_imports_nothing_heavy():
    heavy = {"sklearn", "tensorflow_datasets", "tensorflow", "PIL", "requests", "tqdm", "pandas"}
    script = f"import sys, jaxnn.data; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", script], text=True) == "[]\n"
