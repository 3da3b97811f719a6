import pathlib
import re

import numpy as np

from jaxnn.data.published import catalog, release

PAGE = (pathlib.Path(__file__).parents[1] / "docs" / "data.md").read_text("utf-8")


def test_the_examples_run_and_give_what_the_page_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the page writes a file
    names: dict = {}
    exec("\n".join(re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)), names)
    digits, iris = names["digits"], names["iris"]
    assert f"# {len(digits.train.labels)}, {len(digits.validation.labels)}\n" in PAGE
    assert iris.train.inputs.dtype == np.float32
    for name in ("right", "slide"):
        numbers = ", ".join(f"{x:.2f}" for x in names[name][:, 0])
        assert re.search(rf"^{name} = .*# {numbers}:", PAGE, re.M)
    assert len(names["mine"].train.labels) == 40
    assert names["ready"].scale == 1.0
    there, same = names["there"], names["same"]
    assert f"# {there.features}, {there.classes}\n" in PAGE
    np.testing.assert_array_equal(there.train.inputs, same.train.inputs)
    np.testing.assert_allclose(there.train.inputs[1], [1, 0, (22 + 38 + 35) / 3, 7.9], rtol=1e-6)


def test_every_data_set_and_variable_is_on_the_page():
    assert [name for name in catalog.names() if f"`{name}`" not in PAGE] == []
    for record in catalog.PUBLISHED.values():
        assert " + ".join(f"{size:,}" for size in record.sizes.values()) in PAGE
    assert release.MIRROR in PAGE
