"""What must hold where jaxnn is installed and no checkout is near: python installed.py README.md.

`nox -s package` runs it, with the wheel and with the sdist, each in an environment of its own.
"""

import importlib.metadata
import importlib.util
import pathlib
import re
import sys

DISTRIBUTION = "jaxnn-by-hand"


def main(readme: pathlib.Path) -> None:
    import jaxnn

    folder = pathlib.Path(jaxnn.__file__).parent
    assert folder.parent.name == "site-packages", folder
    assert jaxnn.__version__ == importlib.metadata.version(DISTRIBUTION)
    assert (folder / "py.typed").is_file()
    files = importlib.metadata.files(DISTRIBUTION) or []
    tops = {file.parts[0] for file in files if ".dist-info" not in file.parts[0]}
    assert tops == {"jaxnn"}, tops
    assert list((folder / "data" / "published" / "checksums").iterdir())
    assert importlib.util.find_spec("experiments") is None
    (example,) = re.findall(r"^```python\n(.*?)^```", readme.read_text("utf-8"), re.M | re.S)
    exec(example, {})
    print(f"{DISTRIBUTION} {jaxnn.__version__} in {folder}")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
