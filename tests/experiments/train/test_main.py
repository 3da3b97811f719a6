import contextlib
import os
import shlex
import signal
import subprocess
import sys

import jax
import numpy as np
import pytest

from experiments.record import results
from experiments.train import setups, task, watching
from experiments.train.__main__ import main
from jaxnn import data, train
from jaxnn.train.program import compiling

SMALL = ["--epochs", "2", "--hidden", "8", "--train-size", "128"]


@pytest.fixture
def nothing_is_compiled(monkeypatch):
    monkeypatch.setattr(compiling.Traced, "compiled", lambda *_, **__: pytest.fail("compiled"))


@pytest.mark.usefixtures("nothing_is_compiled")
@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("--dataset mnits", "did you mean 'mnist'"),
        ("--batch-size 5000", "more than the 1,617 training examples: lower --batch-size"),
        ("--train-size 32", "a batch of 64 is more than the 32 training examples"),
        ("--sweep train_size=32,640", "a batch of 64 is more than the 32 training examples"),
        ("--train-size 9999", "digits has 1,617 training examples, not 9,999"),
        ("--devices 4096", "4096"),
        ("--device tpu", "there is no tpu here, JAX finds a cpu; a GPU needs `pip install"),
        ("--sweep seed=0:0", "the axis seed is empty"),
        ("--sweep seeds=0:3", "did you mean seed?"),
        ("--sweep l2=0,1 --l2 0.1", "l2 is an axis, so --l2 has nothing to say"),
        ("--momentum 0.5", "momentum means nothing here, gradient_descent has none"),
        ("--model conv_net --hidden 8", "conv_net has none"),
        ("--model lstm_classifier --activation tanh", "lstm_classifier has none"),
        ("--model logistic_regression --hidden 8", "logistic_regression has none"),
        ("--model logistic_regression --sweep dropout=0,0.5", "logistic_regression has none"),
        ("--resume must", "needs the --checkpoint-dir"),
        ("--patience 3", "patience needs held-out examples to judge by: add --folds 5"),
        ("--sweep fold=0:5", "fold needs held-out examples"),
        ("--folds 5 --fold 7", "fold must be in [0, 5), got 7"),
        ("--out /dev/null/here", "choose another --out"),
        ("--code 8", "code means nothing here, mlp has none"),
        ("--model autoencoder --dropout 0.5", "autoencoder has none"),
        ("--model autoencoder --label-noise 0.1", "autoencoder learns no labels"),
        ("--model autoencoder --dataset iris", "those of iris go from"),
        ("--sweep model=mlp,autoencoder", "autoencoder learns to draw its inputs and has no acc"),
        ("--model conv_autoencoder --dataset breast_cancer", "choose a data set of images"),
        ("--schedule cosine --sweep train_size=640,1280", "give one --train-size"),
        ("--dataset iris --augment shift", "changes images, and iris has none"),
        ("--model autoencoder --augment shift", "leave it out"),
    ],
)
def test_what_cannot_be_is_said_in_one_line_before_anything_is_compiled(typed, message, capsys):
    assert main(typed.split()) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.startswith("error: ")
    assert len(said.splitlines()) == 1


@pytest.fixture
def zoo(monkeypatch):
    """The Zoo data; where they are not at hand, a table that goes from 0 to 8 as they do."""
    real, rows = data.load, np.arange(300, dtype=np.float32).reshape(150, 2) % 9
    made = data.from_arrays(rows, np.arange(150) % 3, rows[:9], np.arange(9) % 3, name="zoo")

    def load(name):
        try:
            return real(name)
        except data.DataNotFoundError:
            return made

    monkeypatch.setattr(task.data, "load", load)


@pytest.mark.quick
@pytest.mark.data
@pytest.mark.usefixtures("nothing_is_compiled", "zoo")
def test_an_autoencoder_is_refused_a_table_whose_values_it_cannot_draw(capsys):
    assert main(["--model", "conv_autoencoder", "--dataset", "zoo"]) == 2
    said = capsys.readouterr().err
    assert "those of zoo go from 0 to 8: choose a data set of images" in said


def test_a_sweep_prints_a_line_per_setting_and_writes_what_it_found(tmp_path, capsys):
    typed = [*SMALL, "--sweep", "learning_rate=0.1,1e30", "seed=0:3", "--out", str(tmp_path)]
    assert main(typed) == 0
    head, right, wrong, *told = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["learning_rate", "test", "accuracy"]
    assert right.split()[0] == "0.1"
    assert right.split()[-2:] == ["3", "0"]
    assert wrong.split() == ["1e+30", "-", "-", "0", "3"]
    assert told[0].startswith("diverged: learning_rate 1e+30, seed 0: at step 1 with loss ")
    assert "kernel" in told[0]
    history, record = results.load(tmp_path)
    accuracy = history.test_accuracy.sel(learning_rate=0.1).isel(epoch=-1).values.mean()
    assert right.split()[1] == f"{accuracy:.4f}"
    assert shlex.split(record["command"])[3:] == typed
    assert set(record["flags"]) == set(vars(task.DEFAULTS))
    assert record["flags"]["hidden"] == [8]
    assert record["flags"]["out"] == str(tmp_path)
    assert record["flags"]["learning_rate"] == 0.1
    assert record["flags"]["sweep"] == ["learning_rate=0.1,1e30", "seed=0:3"]
    assert record["data"]["digits"]["train"] == 1617
    assert (tmp_path / "curves.png").stat().st_size > 10_000


def test_the_script_trains_what_the_library_trains(tmp_path):
    typed = "--hidden 8 --l2 0.01 --optimizer momentum --momentum 0.5 --activation tanh --epochs 2"
    assert main([*typed.split(), "--seed", "3", "--out", str(tmp_path), "--quiet"]) == 0
    history, _ = results.load(tmp_path)
    same = train.sweep(
        setups.setup_for(10, (8, 8, 1)), data.load("digits"), model="mlp", hidden=(8,),
        activation="tanh", optimizer="momentum", momentum=0.5, learning_rate=0.1, l2=0.01,
        epochs=2, batch_size=64, gradient="hand", seed=3,
    )  # fmt: skip
    for name in ("train_loss", "test_accuracy"):
        np.testing.assert_array_equal(history[name], same[name])


@pytest.fixture
def machine_as_before(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", os.environ.get("XLA_FLAGS", ""))
    precision = jax.config.jax_default_matmul_precision
    yield
    jax.config.update("jax_default_matmul_precision", precision)


@pytest.mark.usefixtures("machine_as_before")
@pytest.mark.parametrize(
    "typed",
    [
        "--model logistic_regression --optimizer adam --batch-size full --evaluate-every 2",
        "--sweep model=mlp,logistic_regression dropout=0,0.5 l1=0,0.001 --device cpu",
        "--zip learning_rate=0.1,0.01 momentum=0,0.9 --optimizer momentum --sweep seed=0:2",
        "--random 3 learning_rate=loguniform:1e-3:1 l2=uniform:0:0.1 --seed 5",
        "--folds 3 --sweep fold=0:3 seed=0:2 learning_rate=0.1,1 --patience 1 --deterministic",
        "--model conv_autoencoder --activation elu --sweep l2=0,0.001",
        "--label-noise 0.2 --precision bfloat16 --gradient autodiff --lanes vmap --devices 1",
    ],
)
def test_each_kind_of_command_trains(typed, capsys):
    has_none = "logistic" in typed or "conv_autoencoder" in typed
    words = [word for word in SMALL if not (has_none and word in ("--hidden", "8"))]
    assert main([*words, *typed.split()]) == 0
    measured = "loss" if "autoencoder" in typed else "accuracy"
    assert f"test {measured}" in capsys.readouterr().out


def test_an_autoencoder_learns_its_inputs_and_is_compared_by_its_loss(tmp_path, capsys):
    typed = "--model autoencoder --hidden 16 --optimizer adam --learning-rate 0.01 --epochs 3"
    typed += f" --folds 5 --patience 3 --sweep code=2,16 seed=0:2 --out {tmp_path}"
    assert main(typed.split()) == 0
    head, small, large, _ = capsys.readouterr().out.splitlines()
    assert head.split()[:5] == ["code", "validation", "loss", "test", "loss"]
    history, _ = results.load(tmp_path)
    assert not [name for name in history if "accuracy" in name]
    assert float(large.split()[2]) < float(small.split()[2])
    digits = data.load("digits")
    own = setups.setup_for(10, (8, 8, 1))
    same = train.sweep(
        own, data.autoencoding(digits), model="autoencoder", hidden=(16,), code=[2],
        activation="relu", optimizer="adam", learning_rate=0.01, epochs=3, batch_size=64,
        gradient="hand", seed=[0], folds=5, patience=3,
    )  # fmt: skip
    np.testing.assert_array_equal(same.test_loss[0, 0], history.test_loss.isel(code=0, seed=0))
    blank = np.square(digits.test.inputs / 16.0).mean()  # of a network that draws nothing
    assert float(history.test_loss.isel(epoch=-1).max()) < blank


@pytest.mark.quick
def test_conv_autoencoder_says_which_images_it_cannot_halve():
    with pytest.raises(ValueError, match=r"which images of \(6, 8, 1\) do not allow"):
        setups.network("conv_autoencoder", 10, (6, 8, 1), {"activation": "relu"})


def test_a_cosine_schedule_ends_at_0_and_shifts_change_what_is_trained_on(capsys):
    given = {"model": "mlp", "hidden": (8,), "activation": "relu", "batch_size": 64, "epochs": 2,
             "optimizer": "gradient_descent", "gradient": "hand", "learning_rate": 0.1}  # fmt: skip
    run = setups.setup_for(10, (8, 8, 1), 128)(schedule="cosine", **given)
    params = {"kernel": jax.numpy.ones((2, 2))}
    state, seen = run.optimizer.init(params), []
    for _ in range(5):  # the first updates of 2 epochs of 2, and one beyond
        updates, state = run.optimizer.update(params, state, params)
        seen.append(-float(updates["kernel"][0, 0]))
    np.testing.assert_allclose(seen, 0.05 * (1 + np.cos(np.pi * np.arange(5) / 4)), atol=1e-8)
    assert run.augment is None
    assert main([*SMALL, "--schedule", "cosine", "--augment", "shift"]) == 0
    shifted = capsys.readouterr().out
    assert main([*SMALL, "--schedule", "cosine"]) == 0
    assert capsys.readouterr().out != shifted


@pytest.mark.parametrize("name", setups.ACTIVATIONS)
def test_each_activation_makes_a_network(name):
    model = setups.mlp(10, (4,), name, dropout=0.5)
    _, _, out_shape = model.init(jax.random.key(0), (3, 3))
    assert out_shape == (10,)


@pytest.mark.parametrize("name", setups.MODELS)
def test_each_model_reads_images_and_tells_classes_or_draws(name):
    given = {"hidden": (4,), "activation": "tanh", "dropout": 0.5, "code": 2}
    own = {option: given[option] for option in setups.options_of([name])}
    model = setups.network(name, 7, (8, 8, 1), own)
    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), (8, 8, 1))[0])
    assert jax.tree.leaves(shapes)
    outputs = 64 if name in setups.AUTOENCODERS else 7
    assert model.init(jax.random.key(0), (8, 8, 1))[2] == (outputs,)


@pytest.mark.usefixtures("nothing_is_compiled")
def test_a_dry_run_tells_the_plan_and_compiles_nothing(capsys, tmp_path):
    typed = ["--sweep", "hidden=8,16", "seed=0:5", "--dry-run", "--out", str(tmp_path / "none")]
    assert main(typed) == 0
    printed = capsys.readouterr().out
    assert "10 run(s), 2 program(s)" in printed
    assert "hidden=(16,)" in printed
    assert not (tmp_path / "none").exists()


@pytest.mark.usefixtures("nothing_is_compiled")
def test_a_summary_shows_the_layers_and_trains_nothing(capsys):
    assert main(["--model", "conv_net", "--summary"]) == 0
    head, first, *_, last = capsys.readouterr().out.splitlines()
    assert head.split() == ["layer", "output", "shape", "parameters", "FLOP"]
    assert first.split() == ["conv2d(32,", "(3,", "3))", "(8,", "8,", "32)", "320", "36,864"]
    assert last.startswith("all")
    assert main(["--model", "resnet", "--dataset", "iris", "--summary"]) == 2
    assert "resnet cannot read iris" in capsys.readouterr().err


@pytest.mark.usefixtures("nothing_is_compiled")
def test_a_summary_of_a_sweep_shows_each_of_its_networks_once(capsys):
    typed = ["--sweep", "model=mlp,conv_net", "hidden=8,16x4", "seed=0:3", "--dropout", "0.5"]
    assert main([*typed, "--summary"]) == 0
    printed = capsys.readouterr().out.splitlines()
    heads = [line for line in printed if line.endswith(":")]
    assert heads == ["mlp hidden=8:", "mlp hidden=16,4:", "conv_net:"]
    assert sum(line.startswith("all") for line in printed) == 3
    assert sum(line.startswith("dropout") for line in printed) == 1 + 2 + 2


@pytest.mark.usefixtures("nothing_is_compiled")
def test_a_network_is_drawn_and_nothing_trained(capsys, tmp_path):
    path = tmp_path / "new" / "net.svg"
    assert main(["--model", "conv_net", "--draw", str(path)]) == 0
    assert path.read_bytes().startswith(b"<?xml")
    assert capsys.readouterr().out == f"wrote {path}\n"
    assert main(["--sweep", "hidden=8,16", "--draw", str(path)]) == 2
    assert "--draw draws one network, but this command has 2" in capsys.readouterr().err
    assert main(["--draw", str(tmp_path / "net.txt")]) == 2
    assert "end its name in .png or .svg" in capsys.readouterr().err


def test_what_breaks_within_is_no_wrong_usage(monkeypatch):
    def broken(*_, **__):
        raise TypeError("a bug")

    monkeypatch.setattr(train, "sweep", broken)
    with pytest.raises(TypeError, match="a bug"):
        main(SMALL)


@pytest.mark.quick
def test_ctrl_c_without_a_checkpoint_says_that_nothing_is_saved(monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "sweep", interrupted)
    assert main(SMALL) == 130
    assert "nothing was saved; with --checkpoint-dir DIR" in capsys.readouterr().err


def test_after_ctrl_c_the_same_command_goes_on_to_the_same_bits(monkeypatch, capsys, tmp_path):
    @contextlib.contextmanager
    def impatient(*_):
        yield lambda done: os.kill(os.getpid(), signal.SIGINT)

    typed = [*SMALL, "--epochs", "12", "--sweep", "seed=0:2"]
    kept = [*typed, "--checkpoint-dir", str(tmp_path / "kept"), "--log", str(tmp_path / "log")]
    with monkeypatch.context() as patched:
        patched.setattr(watching, "tensorboard", impatient)
        assert main(kept) == 130
    said = capsys.readouterr().err
    assert f"saved in {tmp_path / 'kept'}; to go on, run again: python -m experiments.train" in said
    assert shlex.join(kept) in said
    assert main([*kept, "--resume", "must", "--out", str(tmp_path / "resumed")]) == 0
    assert main([*typed, "--out", str(tmp_path / "undisturbed")]) == 0
    resumed, undisturbed = (
        (tmp_path / name / "results.nc").read_bytes() for name in ("resumed", "undisturbed")
    )
    assert resumed == undisturbed
    assert main([*kept, "--learning-rate", "0.2"]) == 2
    assert "learning_rate" in capsys.readouterr().err


@pytest.mark.quick
def test_what_is_at_its_default_leaves_the_program_as_it_was():
    hyperparameters = task.task_of(task.DEFAULTS, set()).hyperparameters
    assert hyperparameters == {
        "model": "mlp", "hidden": (128, 64), "activation": "relu", "epochs": 20, "batch_size": 64,
        "optimizer": "gradient_descent", "learning_rate": 0.1, "seed": 0, "gradient": "hand",
    }  # fmt: skip


def test_a_profile_is_written(tmp_path):
    assert (
        main(["--model", "logistic_regression", "--epochs", "1", "--profile", str(tmp_path)]) == 0
    )
    assert list(tmp_path.rglob("*.xplane.pb"))


def test_matplotlib_is_asked_for_by_drawings_alone_and_before_training(tmp_path):
    program = """
import sys
sys.modules["matplotlib"] = None
from experiments.train import __main__ as script
train = script._sweep
script._sweep = lambda *given: print("trains") or train(*given)
try:
    script.main([*sys.argv[2:], "--out", sys.argv[1]])
except ImportError:
    print("no matplotlib")
print(script.main(sys.argv[2:]))
"""
    typed = [sys.executable, "-c", program, str(tmp_path / "runs"), *SMALL, "--quiet"]
    done = subprocess.run(typed, capture_output=True, text=True)
    told = [line for line in done.stdout.splitlines() if line in ("no matplotlib", "trains", "0")]
    assert told == ["no matplotlib", "trains", "0"], done.stderr
