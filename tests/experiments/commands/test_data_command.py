import pytest

from experiments import __main__ as cli
from jaxnn.data.published import catalog, release

pytestmark = pytest.mark.quick


@pytest.fixture
def root(tmp_path, monkeypatch):
    """An empty data folder, and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "data" / "tfds"


def run(root, *arguments):
    return cli.main(["data", *arguments, "--data-dir", str(root)])


def test_list_names_every_data_set_with_home_and_licence(root, capsys):
    assert run(root, "list") == 0
    printed = capsys.readouterr().out
    for name in catalog.names():
        assert f"\n{name} " in printed
    for record in catalog.PUBLISHED.values():
        assert f"{record.home}, licence: {record.licence}" in printed
    assert printed.count("not here") == len(catalog.PUBLISHED)


def test_list_says_where_files_lie(root, capsys):
    raw = release.raw_folder(catalog.PUBLISHED["zoo"], root)
    raw.mkdir(parents=True)
    (raw / "zoo.data").write_bytes(bytes(200_000))
    run(root, "list")
    assert f"as files    0.2 MB in {raw}\n" in capsys.readouterr().out


def test_prepare_says_what_is_missing_and_goes_on(root, capsys):
    assert run(root, "prepare", "simpsons", "iris") == 1
    out, err = capsys.readouterr()
    assert "Dataset('iris', train=135" in out
    assert err.startswith("simpsons: simpsons is not at hand")


def test_verify_names_a_file_that_was_changed(root, capsys):
    raw = release.raw_folder(catalog.PUBLISHED["zoo"], root)
    raw.mkdir(parents=True)
    (raw / "zoo.data").write_text("aardvark,1\n")
    assert run(root, "verify") == 1
    printed = capsys.readouterr().out
    assert f"DIFFERS: {raw}/zoo.data was changed or cut off" in printed
    assert printed.count("not at hand") == len(catalog.PUBLISHED) - 1
    assert printed.count("inside scikit-learn") == len(catalog.EMBEDDED)


def test_verify_fails_for_a_named_set_that_is_not_at_hand(root, capsys):
    assert run(root, "verify", "cifar10") == 1
    assert run(root, "verify", "iris") == 0


@pytest.mark.parametrize("command", ["prepare", "verify"])
def test_a_name_that_is_none_is_wrong_usage(root, capsys, command):
    assert run(root, command, "imagenet") == 2
    assert "no data set is called 'imagenet', there are breast_cancer" in capsys.readouterr().err
