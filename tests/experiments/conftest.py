"""A toy experiment and a toy ledger in a folder of their own, run by the real frame."""

import importlib
import sys
import textwrap

import pytest

from experiments.claims import ledger
from experiments.claims.ledger.register import Answer
from experiments.commands import plan
from experiments.course import neurons, registry
from experiments.pages import gradients
from experiments.record import store, unchanged
from jaxnn.data.published import release
from jaxnn.train.program import compiling

TOY = '''
"""Does a ramp
rise?

Slides:   none
Run:      python -m experiments run toy
Takes:    no time
Expects:  it rises | always,
          at 50 %
"""

import dataclasses

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from experiments.claims.verdicts import Verdict, verdict_on
from experiments.pages import style

DATA = ("digits",)
TOLERANCES = {"loss": (1e-6, 1e-7)}
WHOLE_RUN = ("last",)
RUNS = []


@dataclasses.dataclass(frozen=True)
class Config:
    """Each field is a command-line flag."""

    learning_rates: tuple[float, ...] = (0.1, 1.0)
    seeds: int = 3
    epochs: int = 4
    shuffle: bool = True
    slope: float = 1.0


QUICK = Config(seeds=2, epochs=2)


def run(config: Config) -> xr.Dataset:
    RUNS.append(config)
    rates, seeds = np.array(config.learning_rates), np.arange(config.seeds)
    epochs = np.arange(config.epochs)
    loss = np.add.outer(np.add.outer(rates, seeds), config.slope * epochs).astype(np.float32)
    return xr.Dataset(
        {"loss": (("learning_rate", "seed", "epoch"), loss),
         "last": (("learning_rate", "seed"), loss[:, :, -1])},
        {"learning_rate": rates, "seed": seeds, "epoch": epochs},
        {"seconds": 1.5},
    )


def draw(results: xr.Dataset) -> Figure:
    """Loss by epoch, one band per learning rate."""
    figure, ax = style.subplots()
    for rate, loss in zip(results.learning_rate.values, results.loss, strict=True):
        line = style.band(ax, results.epoch, loss, label=f"{rate:g}")
        style.label_line(ax, line, f"{rate:g}")
    ax.set(xlabel="epoch", ylabel="loss")
    return figure


def judge(results: xr.Dataset) -> list[Verdict]:
    rise = results.loss.isel(epoch=-1) - results.loss.isel(epoch=0)
    return [
        verdict_on("lr-too-big", bool((rise > 0).all()), measured=f"{float(rise.min()):.2f} | up",
                   evidence="every run, *all* seeds"),
        verdict_on("r-lr-sweep-no-improvement", False, measured="none", evidence="see_loss"),
    ]
'''


def _write_gradients(folder, families):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "README.md").write_text(gradients.page(families), "utf-8")
    for name in gradients.SHEETS:  # drawing them takes a second each
        for kind in ("svg", "png"):
            (folder / f"{name}.{kind}").touch()


QUICKLY = {"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False}


@pytest.fixture(autouse=True)
def programs_are_compiled_quickly(monkeypatch):
    """What a test trains is small: compiling it well would take twice as long as all else."""
    for name in ("FOR_CONVOLUTIONS", "WITHOUT_CONVOLUTIONS", "ONCE"):
        monkeypatch.setattr(compiling, name, QUICKLY)


@pytest.fixture(autouse=True, scope="module")
def nothing_is_downloaded():
    """Data that are not at hand are missed at once: nobody answers at the mirror's address."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(release.MIRROR, "http://127.0.0.1:9")
        yield


TOY_ANSWER = Answer("sigmoid-at-1", "reproduced", 0.731058)


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """The path of the toy's source; the frame knows no other experiment and writes to tmp_path."""
    folder = tmp_path / "modules"
    folder.mkdir()
    path = folder / "toy.py"
    path.write_text(textwrap.dedent(TOY).lstrip(), "utf-8")
    monkeypatch.setattr(neurons, "__path__", [*neurons.__path__, str(folder)])
    monkeypatch.setattr(registry, "CHAPTERS", {"neurons": ("toy",)})
    monkeypatch.setattr(registry, "NAMES", ("toy",))
    monkeypatch.setattr(gradients, "tasks", lambda: {"none": (dict, ())})  # all take a minute
    monkeypatch.setattr(gradients, "judge_all", lambda result_of: {})
    monkeypatch.setattr(gradients, "write", _write_gradients)
    monkeypatch.setattr(store, "FOLDER", tmp_path / "store")
    monkeypatch.setattr(unchanged, "REPORTS", tmp_path / "reports")
    monkeypatch.setattr(unchanged, "NOTE", tmp_path / "whole_run.json")
    monkeypatch.setattr(plan, "BUILD", tmp_path / "build")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # two versions may share a second
    monkeypatch.setattr(ledger, "make", lambda: [TOY_ANSWER])
    importlib.invalidate_caches()
    yield path
    sys.modules.pop("experiments.course.neurons.toy", None)
    vars(neurons).pop("toy", None)


@pytest.fixture
def rewrite(toy):
    """Changes the toy's source and forgets the imported module."""

    def rewrite_fn(old, new):
        source = toy.read_text("utf-8")
        assert old in source
        toy.write_text(source.replace(old, new), "utf-8")
        sys.modules.pop("experiments.course.neurons.toy", None)
        vars(neurons).pop("toy", None)
        importlib.invalidate_caches()

    return rewrite_fn
