"""Values and gradients of jaxnn beside those of PyTorch, in float64.

    python -m experiments.benchmarks.torch_equality PAGE

Needs jaxnn and PyTorch in one environment, which `nox -s benchmarks -- --workload pytorch` makes.
Ends with 1 where the two disagree.
"""

import pathlib
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch
import torch.nn.functional as F  # noqa: N812 (PyTorch's own name for it)

import jaxnn
from experiments.benchmarks import torch_cases, torch_sequence_cases
from experiments.benchmarks.torch_cases import Case
from jaxnn import activations, initializers, optimizers, regularizers
from jaxnn.rules import vjp_of

TOLERANCE = 1e-12
STEPS = 100
DRAWN = 512  # rows and columns of the matrices whose moments are compared
MOMENT_TOLERANCE = 0.01  # 5 standard errors of the deviation of so many draws are 0.007


class Row(NamedTuple):
    """A line of a table, and whether the two agree."""

    cells: tuple[str, ...]
    agrees: bool


def main() -> int:
    """Writes the page; returns 0 where all agree."""
    jax.config.update("jax_enable_x64", True)
    warnings.filterwarnings("ignore", "Using padding='same' with even kernel")  # it copies: fine
    every_case = (*torch_cases.cases(), *torch_sequence_cases.cases())
    functions = [compare(case) for case in every_case]
    paths, draws = list(_optimizers()), list(_initializers())
    rows = [*functions, *paths, *draws]
    failed = [row for row in rows if not row.agrees]
    page = "\n\n".join([
        "<!-- Written by `nox -s benchmarks -- --workload pytorch`; changes here are lost. -->",
        "# Values and gradients beside those of PyTorch",
        f"{len(rows) - len(failed)} of {len(rows)} agree. Both in float64, jaxnn"
        f" {jaxnn.__version__} with its hand-derived gradients, PyTorch"
        f" {torch.__version__} with its autograd. An error is the largest difference between two"
        " arrays, divided by the largest element of PyTorch's; the worst array counts. PASS is at"
        f" most {TOLERANCE:g}.",
        "## Functions and layers",
        _table(["jaxnn", "PyTorch", "value", "gradient", "", "setting that makes them one"],
               functions),
        "## Where the slope jumps",
        "Slopes at the kinks themselves are a choice, and autodiff libraries choose differently.",
        _table(["jaxnn", "at", "our slope", "PyTorch's", ""], list(_kinks())),
        "## Optimizers",
        f"The largest error of the params over {STEPS} steps by the same gradients.",
        _table(["jaxnn", "PyTorch", "path", "", "setting that makes them one"], paths),
        "## Initialisers",
        f"Moments of {DRAWN} x {DRAWN} draws; PASS is a deviation within"
        f" {MOMENT_TOLERANCE:.0%} of the exact one, and for the orthogonal ones"
        f" max abs(Q' Q - I) of at most {TOLERANCE:g}.",
        _table(["jaxnn", "PyTorch", "exact deviation", "ours", "PyTorch's", "largest of ours",
                "of PyTorch's", ""], draws),
    ])  # fmt: skip
    pathlib.Path(sys.argv[1]).write_text(page + "\n")
    print(page)
    return 1 if failed else 0


def compare(case: Case) -> Row:
    """The largest relative error of the value and of every gradient."""
    ours = case.ours(*jax.tree.map(jnp.asarray, case.inputs))
    tensors = jax.tree.map(lambda leaf: torch.tensor(leaf, requires_grad=True), case.inputs)
    theirs = case.theirs(*tensors)
    of_value = _error(ours, theirs)
    if case.vjp is None:
        return _row(case.name, case.peer, of_value, None, case.setting)
    rng = np.random.default_rng(1)
    cotangent = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape), ours)
    grads = case.vjp(*jax.tree.map(jnp.asarray, (*case.inputs, cotangent)))
    torch_grads = torch.autograd.grad(
        jax.tree.leaves(theirs),
        jax.tree.leaves(tensors),
        [torch.from_numpy(leaf) for leaf in jax.tree.leaves(cotangent)],
    )
    return _row(case.name, case.peer, of_value, _error(grads, torch_grads), case.setting)


def _row(name: str, peer: str, of_value: float, of_gradient: float | None, setting: str) -> Row:
    agrees = max(of_value, of_gradient or 0.0) <= TOLERANCE
    shown = "none" if of_gradient is None else f"{of_gradient:.1e}"
    cells = (f"`{name}`", f"`{peer}`", f"{of_value:.1e}", shown, _verdict(agrees), setting)
    return Row(cells, agrees)


def _error(ours: Any, theirs: Any) -> float:
    pairs = zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True)
    return max(_relative(np.asarray(a), b.detach().numpy()) for a, b in pairs)


def _relative(a: np.ndarray, b: np.ndarray) -> float:
    if a.shape != b.shape or a.dtype != b.dtype:
        raise ValueError(f"{a.dtype} of shape {a.shape} beside {b.dtype} of shape {b.shape}")
    difference, size = np.abs(a - b).max(), np.abs(b).max()
    error = float(difference / size) if size else float(difference)
    return error if np.isfinite(error) else float("inf")


def _kinks() -> Iterator[Row]:
    peers: dict[Callable, tuple[Callable, tuple[float, ...]]] = {
        activations.relu: (F.relu, (0.0,)),
        activations.leaky_relu: (lambda x: F.leaky_relu(x, 0.1), (0.0,)),
        activations.elu: (F.elu, (0.0,)),
        activations.selu: (F.selu, (0.0,)),
        activations.hard_sigmoid: (F.hardsigmoid, (-3.0, 3.0)),
        activations.hard_tanh: (F.hardtanh, (-1.0, 1.0)),
        activations.hard_swish: (F.hardswish, (-3.0, 3.0)),
    }
    for ours, (theirs, places) in peers.items():
        for place in places:
            slope = float(vjp_of(ours)(jnp.asarray(place), jnp.ones(())))
            x = torch.tensor(place, dtype=torch.float64, requires_grad=True)
            (torch_slope,) = torch.autograd.grad(theirs(x), x)
            same = abs(slope - torch_slope.item()) < TOLERANCE
            verdict = "the same" if same else "different"
            cells = (f"`{ours.__name__}`", f"{place:g}", f"{slope:.4f}",
                     f"{torch_slope.item():.4f}", verdict)  # fmt: skip
            yield Row(cells, True)


def _optimizers() -> Iterator[Row]:
    sgd, strength, eps = torch.optim.SGD, 0.05, 1e-8
    eps_note = "eps outside the root in both; eps = 1e-8"
    yield _path("gradient_descent", optimizers.gradient_descent(0.05), sgd, {"lr": 0.05})
    yield _path("gradient_descent with regularizers.l2", optimizers.gradient_descent(0.05), sgd,
                {"lr": 0.05, "weight_decay": 2 * strength}, "weight_decay = 2 strength",
                regularizers.l2(strength).gradient)  # fmt: skip
    yield _path("momentum", optimizers.momentum(0.05), sgd, {"lr": 0.05, "momentum": 0.9},
                "a constant learning rate: ours is inside the velocity")  # fmt: skip
    yield _path("nesterov", optimizers.nesterov(0.05), sgd,
                {"lr": 0.05, "momentum": 0.9, "nesterov": True},
                "a constant learning rate")  # fmt: skip
    yield _path("adagrad", optimizers.adagrad(0.1), torch.optim.Adagrad, {"lr": 0.1, "eps": eps},
                eps_note)  # fmt: skip
    yield _path("rmsprop", optimizers.rmsprop(0.01), torch.optim.RMSprop,
                {"lr": 0.01, "alpha": 0.9, "eps": eps}, f"alpha = decay; {eps_note}")  # fmt: skip
    yield _path("adam", optimizers.adam(0.01), torch.optim.Adam, {"lr": 0.01, "eps": eps},
                eps_note)  # fmt: skip


def _path(name, ours, peer, settings, note="", penalty=None) -> Row:
    """Both are given the same gradients.

    Those of a cost would differ with the params, and RMSProp, whose steps do not shrink towards a
    minimum, makes 1e-2 of a difference of 1e-16 within 100 steps.
    """
    rng = np.random.default_rng(2)
    start, pulls = rng.normal(size=(4, 3)), rng.normal(size=(STEPS, 4, 3))
    params = {"kernel": jnp.asarray(start)}
    opt_state, path = ours.init(params), []
    theta = torch.tensor(start, requires_grad=True)
    optimizer, torch_path = peer([theta], **settings), []
    for pull in pulls:
        grads = {"kernel": jnp.asarray(pull)}
        if penalty is not None:
            grads = jax.tree.map(jnp.add, grads, penalty(params))
        updates, opt_state = ours.update(grads, opt_state, params)
        params = optax.apply_updates(params, updates)
        path.append(params["kernel"])
        theta.grad = torch.from_numpy(pull)
        optimizer.step()
        torch_path.append(theta.detach().numpy().copy())
    error = _relative(np.stack(path), np.stack(torch_path))
    agrees = error <= TOLERANCE
    cells = (f"`{name}`", f"`{peer.__name__}`", f"{error:.1e}", _verdict(agrees), note)
    return Row(cells, agrees)


def _initializers() -> Iterator[Row]:
    init, n = torch.nn.init, DRAWN
    relu, linear = {"nonlinearity": "relu"}, {"nonlinearity": "linear"}
    rows: list[tuple[str, Callable, Callable, dict[str, Any], float]] = [
        ("zeros", initializers.zeros, init.zeros_, {}, 0.0),
        ("constant", initializers.constant(0.3), init.constant_, {"val": 0.3}, 0.0),
        ("uniform", initializers.uniform(0.3), init.uniform_, {"b": 0.3}, 0.3 / 12**0.5),
        ("normal", initializers.normal(0.3), init.normal_, {"std": 0.3}, 0.3),
        ("xavier_uniform", initializers.xavier_uniform(), init.xavier_uniform_, {}, n**-0.5),
        ("xavier_normal, cut at 2 deviations, PyTorch's not", initializers.xavier_normal(),
         init.xavier_normal_, {}, n**-0.5),
        ("he_uniform", initializers.he_uniform(), init.kaiming_uniform_, relu, (2 / n) ** 0.5),
        ("he_normal, cut at 2 deviations, PyTorch's not", initializers.he_normal(),
         init.kaiming_normal_, relu, (2 / n) ** 0.5),
        ("lecun_uniform", initializers.lecun_uniform(), init.kaiming_uniform_,
         linear, n**-0.5),
        ("lecun_normal, cut at 2 deviations, PyTorch's not", initializers.lecun_normal(),
         init.kaiming_normal_, linear, n**-0.5),
        ("orthogonal", initializers.orthogonal(), init.orthogonal_, {}, n**-0.5),
    ]  # fmt: skip
    torch.manual_seed(0)
    for name, ours, theirs, settings, exact in rows:
        a = np.asarray(ours(jax.random.key(0), (n, n), jnp.float64))
        b = theirs(torch.empty(n, n, dtype=torch.float64), **settings).numpy()
        agrees = all(abs(x.std() - exact) <= MOMENT_TOLERANCE * exact + 1e-15 for x in (a, b))
        agrees &= abs(a.mean() - b.mean()) <= 10 * exact / n + 1e-15
        if name == "orthogonal":
            agrees &= all(np.abs(x.T @ x - np.eye(n)).max() <= TOLERANCE for x in (a, b))
        numbers = [f"{x:.4f}" for x in (exact, a.std(), b.std(), np.abs(a).max(), np.abs(b).max())]
        kind, _, note = name.partition(",")
        cells = (f"`{kind}`{',' * bool(note)}{note}", f"`{theirs.__name__}`", *numbers)
        yield Row((*cells, _verdict(agrees)), bool(agrees))


def _verdict(agrees: bool) -> str:
    return "PASS" if agrees else "**FAIL**"


def _table(header: list[str], rows: list[Row]) -> str:
    lines = [header, ["---"] * len(header), *(row.cells for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    sys.exit(main())
