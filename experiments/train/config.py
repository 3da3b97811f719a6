"""The flags of the script as one frozen dataclass, whose docstring is what --help says."""

import dataclasses
import inspect
import pathlib
import re
from typing import Annotated, Any, Literal, NamedTuple, get_type_hints

from experiments.train import kinds, setups
from experiments.train.kinds import Kind

Gradient = Literal["hand", "autodiff"]
Schedule = Literal["constant", "cosine"]
Precision = Literal["float32", "bfloat16"]
Device = Literal["cpu", "gpu", "tpu"]
Lanes = Literal["auto", "map", "vmap", "data"]
Resume = Literal["auto", "must", "never"]
Folder = pathlib.Path | None


class Flag(NamedTuple):
    """What a field of TrainConfig is on the command line."""

    group: str
    kind: Kind
    is_axis: bool = False  # of --sweep, --zip and --random


DATA, NETWORK, DESCENT, MANY, MACHINE, ANSWER = (
    "the data",
    "the network",
    "the descent",
    "many runs at once; what is marked * can be an axis",
    "the machine",
    "the answer",
)
_RATE, _STRENGTH, _COUNT = kinds.number(high=1.0), kinds.number(), kinds.whole_number()
_FRACTION = kinds.number(high=1.0, closed=True)
_SEED = kinds.whole_number(0, 2**32)
_LAW = dataclasses.replace(kinds.TEXTS, metavar=("N", "NAME=LAW"))


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Each field is a flag.

    Attributes:
      dataset: what to learn: digits (8x8 pixels, inside scikit-learn, trains in seconds), mnist
        (28x28), and what else `python -m experiments data list` shows
      train_size: use so many examples of the training set; without it, all
      label_noise: fraction of the training labels that is replaced: 0.2 spoils every fifth
      augment: changes every training image anew in each step: shift moves it by up to 2 pixels each
        way; without it, none is changed
      folds: deal the training set into so many parts, one of which validates: --folds 5 holds out
        part 0, --folds 5 --sweep fold=0:5 each in turn
      fold: which of the --folds is held out, from 0
      model: mlp (dense hidden layers), logistic_regression (none), conv_net and resnet (images),
        rnn_classifier, lstm_classifier and transformer_classifier (images, row by row); autoencoder
        and conv_autoencoder learn to draw their own inputs, and have a loss but no accuracy
      hidden: units of each hidden layer of the mlp, or between the image and the code of the
        autoencoder: 128,64 are two layers. In --sweep an x joins them: hidden=64,128x64 are two
        networks
      code: how many numbers the autoencoder keeps of an image
      activation: what follows each hidden layer: {activations}
      dropout: probability with which a hidden unit of the mlp, or what the conv_net has pooled, is
        set to 0 in a training step
      epochs: passes over the training set
      batch_size: examples per update; full takes the whole training set for each
      optimizer: the update rule: {optimizers}
      learning_rate: length of a step; 0.1 suits gradient_descent, 0.001 adam
      schedule: of the learning rate: constant, or cosine, along which it falls to 0 over the epochs
      momentum: share of its velocity that each step keeps, for momentum and nesterov
      l2: strength of the penalty on the squares of the weights, such as 0.0001
      l1: strength of the penalty on the absolute values of the weights
      seed: draws the first weights and the order of the examples; runs with the same seed can be
        compared in pairs
      evaluate_every: epochs between two evaluations on the test set
      patience: end a run after so many epochs without a better validation loss, and keep its best
        weights; needs --folds, so that the test set has no say
      gradient: hand walks the chain rule as we derived it, autodiff takes jax.grad; the same
        numbers up to rounding
      precision: of the arithmetic in a step; the weights stay float32
      sweep: every combination of these axes: learning_rate=0.01,0.1 (a list), seed=0:10 (0 to 9),
        epochs=10:60:10 (10, 20 to 50), learning_rate=log:1e-4:1:9 (9 values, each the same
        multiple of the one before)
      zip: axes walked side by side, their first values together, then their second:
        learning_rate=0.1,0.01 momentum=0,0.9 are two settings
      random: N settings at random, drawn by --seed: 20 learning_rate=loguniform:1e-4:1
        l2=uniform:0:0.001. Goes together with --sweep seed=0:5
      lanes: how runs share the devices: one after another on each (map, good on a CPU), all of a
        device at once (vmap, good on a GPU), every batch spread over all devices (data, for one
        large run), or as was measured to be fastest (auto)
      device: cpu, gpu or tpu; without it, the best that JAX finds
      devices: use so many of them or, where runs go one after another on a CPU, so many of its
        cores; without it, all. JAX_NUM_CPU_DEVICES=8 in the environment simulates eight devices
      processes: this command is one of several processes that share the runs, on one host or many:
        HOST:PORT,COUNT,INDEX, the address that process 0 opens, how many there are, and which this
        one is (0, 1, ...); or auto on a cluster that says so itself (SLURM, MPI, TPU pods)
      deterministic: the same bits twice on a GPU, too, and float32 products in float32 rather than
        TF32; costs speed. On a CPU both hold anyway
      checkpoint_dir: save the state here while training; the same command then goes on where it
        was stopped, to the same bits
      resume: go on from --checkpoint-dir if it holds something (auto); refuse one that holds
        nothing (must), or one that holds something (never)
      profile: write a trace here that TensorBoard and Perfetto show
      dry_run: train and compile nothing, print programs, lanes, memory, FLOPs and expected time
      summary: train nothing, print the layers of --model, or of each network of the sweep: output
        shape, parameters and FLOPs
      draw: train nothing, draw the layers of --model into this file, a .png or .svg: a box for each
        with its output shape and parameters
      out: write results.nc (for xarray), results.json (every flag, this command, the versions)
        and curves.png here
      log: write the curves of every run here while it trains, for TensorBoard; needs the extra:
        pip install -e ".[log]"
      quiet: show no progress; in a pipe there is none anyway
    """

    dataset: Annotated[str, Flag(DATA, kinds.NAME)] = "digits"
    train_size: Annotated[int | None, Flag(DATA, _COUNT, True)] = None
    label_noise: Annotated[float, Flag(DATA, _FRACTION, True)] = 0.0
    augment: Annotated[str | None, Flag(DATA, kinds.one_of(setups.AUGMENTATIONS))] = None
    folds: Annotated[int | None, Flag(DATA, kinds.whole_number(2))] = None
    fold: Annotated[int | None, Flag(DATA, kinds.whole_number(0), True)] = None
    model: Annotated[str, Flag(NETWORK, kinds.one_of(setups.MODELS), True)] = "mlp"
    hidden: Annotated[tuple[int, ...], Flag(NETWORK, kinds.WIDTHS, True)] = (128, 64)
    code: Annotated[int, Flag(NETWORK, _COUNT, True)] = 32
    activation: Annotated[str, Flag(NETWORK, kinds.one_of(setups.ACTIVATIONS), True)] = "relu"
    dropout: Annotated[float, Flag(NETWORK, _RATE, True)] = 0.0
    epochs: Annotated[int, Flag(DESCENT, _COUNT, True)] = 20
    batch_size: Annotated[int | None, Flag(DESCENT, kinds.BATCH_SIZE, True)] = 64
    optimizer: Annotated[str, Flag(DESCENT, kinds.one_of(setups.OPTIMIZERS), True)] = (
        "gradient_descent"
    )
    learning_rate: Annotated[float, Flag(DESCENT, _STRENGTH, True)] = 0.1
    schedule: Annotated[Schedule, Flag(DESCENT, kinds.literal(Schedule))] = "constant"
    momentum: Annotated[float, Flag(DESCENT, _RATE, True)] = 0.9
    l2: Annotated[float, Flag(DESCENT, _STRENGTH, True)] = 0.0
    l1: Annotated[float, Flag(DESCENT, _STRENGTH, True)] = 0.0
    seed: Annotated[int, Flag(DESCENT, _SEED, True)] = 0
    evaluate_every: Annotated[int, Flag(DESCENT, _COUNT)] = 1
    patience: Annotated[int | None, Flag(DESCENT, _COUNT)] = None
    gradient: Annotated[Gradient, Flag(DESCENT, kinds.literal(Gradient), True)] = "hand"
    precision: Annotated[Precision, Flag(DESCENT, kinds.literal(Precision), True)] = "float32"
    sweep: Annotated[tuple[str, ...], Flag(MANY, kinds.TEXTS)] = ()
    zip: Annotated[tuple[str, ...], Flag(MANY, kinds.TEXTS)] = ()
    random: Annotated[tuple[str, ...], Flag(MANY, _LAW)] = ()
    lanes: Annotated[Lanes, Flag(MANY, kinds.literal(Lanes))] = "auto"
    device: Annotated[Device | None, Flag(MACHINE, kinds.literal(Device))] = None
    devices: Annotated[int | None, Flag(MACHINE, _COUNT)] = None
    processes: Annotated[tuple[str, ...] | None, Flag(MACHINE, kinds.PROCESSES)] = None
    deterministic: Annotated[bool, Flag(MACHINE, kinds.SWITCH)] = False
    checkpoint_dir: Annotated[Folder, Flag(MACHINE, kinds.PATH)] = None
    resume: Annotated[Resume, Flag(MACHINE, kinds.literal(Resume))] = "auto"
    profile: Annotated[Folder, Flag(MACHINE, kinds.PATH)] = None
    dry_run: Annotated[bool, Flag(MACHINE, kinds.SWITCH)] = False
    summary: Annotated[bool, Flag(ANSWER, kinds.SWITCH)] = False
    draw: Annotated[Folder, Flag(ANSWER, kinds.FILE)] = None
    out: Annotated[Folder, Flag(ANSWER, kinds.PATH)] = None
    log: Annotated[Folder, Flag(ANSWER, kinds.PATH)] = None
    quiet: Annotated[bool, Flag(ANSWER, kinds.SWITCH)] = False


FLAGS: dict[str, Flag] = {
    name: hint.__metadata__[0]
    for name, hint in get_type_hints(TrainConfig, include_extras=True).items()
}
AXES: dict[str, Kind] = {name: flag.kind for name, flag in FLAGS.items() if flag.is_axis}


def explanations() -> dict[str, str]:
    """What the docstring says of each flag."""
    _, _, attributes = (inspect.getdoc(TrainConfig) or "").partition("Attributes:\n")
    entries = re.findall(r"^ {2}(\w+): (.*(?:\n {4}.*)*)", attributes, flags=re.MULTILINE)
    lists = {
        "activations": ", ".join(setups.ACTIVATIONS),
        "optimizers": ", ".join(setups.OPTIMIZERS),
    }
    return {name: " ".join(text.split()).format(**lists) for name, text in entries}


def as_typed(value: Any) -> str:
    """A value as one would type it."""
    if isinstance(value, tuple):
        return ",".join(map(as_typed, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
