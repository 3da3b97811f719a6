"""The data sets on the command line: what is at hand, get it, check it to the byte.

python -m experiments data list
python -m experiments data prepare zoo mnist
python -m experiments data verify                   all that are at hand
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxnn import data
from jaxnn.data.published import catalog, loading, release


def add_data_command(commands: Any) -> None:
    """Adds `data` with its own commands and their options."""
    parser = commands.add_parser(
        "data", help="the data sets: what is at hand, get one, check them to the byte"
    )
    commands = parser.add_subparsers(
        dest="data_command", required=True, metavar="list | prepare | verify"
    )
    commands.add_parser("list", help="examples, size, home and licence of each, and where it lies")
    prepare = commands.add_parser("prepare", help="download or convert, and decode, by name")
    prepare.add_argument("names", nargs="+", metavar="name", help="a data set")
    verify = commands.add_parser(
        "verify",
        help="check files and decoded arrays against what was published",
        description="Reads what is at hand again, past every cache, and compares the publisher's "
        "files and the decoded arrays with their registered SHA-256.",
    )
    verify.add_argument("names", nargs="*", metavar="name", help="a data set; without one, all")
    for command in commands.choices.values():
        command.add_argument(
            "--data-dir",
            metavar="FOLDER",
            help="of tensorflow-datasets; by default TFDS_DATA_DIR, or ~/tensorflow_datasets",
        )


def run_data_command(options: argparse.Namespace) -> int:
    """Returns the exit status: 0 fine, 1 something is missing or differs, 2 wrong usage."""
    root = release.data_root(options.data_dir)
    if options.data_command == "list":
        return _list(root)
    unknown = [name for name in options.names if name not in catalog.names()]
    if unknown:
        print(
            f"error: no data set is called {unknown[0]!r}, there are {', '.join(catalog.names())}",
            file=sys.stderr,
        )
        return 2
    return (_prepare if options.data_command == "prepare" else _verify)(options.names, root)


def _list(root: Path) -> int:
    print(f"in {root}, and in raw/ beside it\n")
    for name in catalog.names():
        record = catalog.PUBLISHED.get(name)
        if record is None:
            print(
                f"{name:<15} at hand     inside scikit-learn\n{'':<15} {catalog.EMBEDDED[name]}\n"
            )
            continue
        sizes = " + ".join(f"{size:,} {split}" for split, size in record.sizes.items())
        if record.otherwise and release.prepared_folder(record.otherwise, root):
            record = record.otherwise
        folder, raw = release.prepared_folder(record, root), release.raw_folder(record, root)
        where = "not here    "
        if folder is not None:
            where = f"prepared    {_megabytes(folder)} in {folder}"
        elif raw.is_dir():
            where = f"as files    {_megabytes(raw)} in {raw}"
        elif record.listing is None or record.otherwise is not None:
            where += "`prepare` downloads it"
        shape = "x".join(map(str, record.shape))
        print(
            f"{name:<15} {where}\n{'':<15} {sizes}, {shape}, {len(record.classes)} classes\n"
            f"{'':<15} {record.home}, licence: {record.licence}\n"
        )
    return 0


def _prepare(names: Sequence[str], root: Path) -> int:
    status = 0
    for name in names:
        start = time.perf_counter()
        try:
            dataset = data.load(name, data_dir=root)
        except (data.DataNotFoundError, data.DataCorruptError) as error:
            print(f"{name}: {error}", file=sys.stderr)
            status = 1
        else:
            print(f"{name:<15} {time.perf_counter() - start:5.1f} s  {dataset!r}", flush=True)
    return status


def _verify(names: Sequence[str], root: Path) -> int:
    status = 0
    for name in names or catalog.names():
        start = time.perf_counter()
        try:
            checked = _check(name, root)
        except data.DataCorruptError as error:
            checked, status = f"DIFFERS: {error}", 1
        if checked is None:
            checked = "not at hand"
            status = 1 if names else status
        print(f"{name:<15} {time.perf_counter() - start:5.1f} s  {checked}", flush=True)
    return status


def _check(name: str, root: Path) -> str | None:
    """What was found to be as published; None where nothing is at hand."""
    record = catalog.PUBLISHED.get(name)
    if record is None:
        return f"inside scikit-learn, {data.load(name)!r}"
    found = []
    if release.raw_folder(record, root).is_dir():
        from jaxnn.data.published import builder

        found.append(f"{builder.check_files(record, root)} files as published")
    for version in filter(None, (record, record.otherwise)):
        folder = release.prepared_folder(version, root)
        if folder is not None:
            loading.decode(version, folder)
            known = "as published" if version.sha256 else "readable, of no registered SHA-256"
            found.append(f"all arrays of {version.version} {known}")
    return ", ".join(found) or None


def _megabytes(folder: Path) -> str:
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return f"{size / 1e6:,.1f} MB"
