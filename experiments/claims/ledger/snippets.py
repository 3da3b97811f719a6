"""The slides' code where it is wrong: what is printed is run, or its syntax read."""

import ast
import builtins
import os
import subprocess
import sys
import textwrap

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.preprocessing import OneHotEncoder

from experiments.claims.ledger import training
from experiments.claims.ledger.register import NotJudgedError, answers
from jaxnn import logistic_regression


@answers("sample-first-five")
def share_of_draws_from_the_first(files, drawn, seeds):
    """R's v[sample(5)] and sample(v, 5): how often all that is drawn is among the first five."""
    keys = jax.random.split(jax.random.key(0), seeds)
    draws = [
        jax.vmap(lambda key, among=among: jax.random.permutation(key, among)[:drawn])(keys)
        for among in (drawn, files)
    ]
    return [(draw < drawn).all(axis=1).mean() for draw in draws]


@answers("r-propagate-called-twice")
def calls_in_each_iteration(X, Y, learning_rate, iterations):  # noqa: N803 (the tutorial's letters)
    """Propagations per iteration as printed and put right, and how far the weights end apart."""
    calls = 0

    def propagate(params):
        nonlocal calls
        calls += 1
        return logistic_regression.propagate(params, X.T, jnp.asarray(Y))

    def optimize(evaluate):
        params = logistic_regression.initialize_with_zeros(len(X))
        for _ in range(iterations):
            _, grads = evaluate(params)
            params = jax.tree.map(lambda p, g: p - learning_rate * g, params, grads)
        return params["kernel"]

    printed = optimize(lambda params: (propagate(params)[0], propagate(params)[1]))
    as_printed, calls = calls, 0
    right = optimize(propagate)
    return as_printed / iterations, calls / iterations, abs(printed - right).max()


@answers("r-cost-offset")
def costs_before_and_after(X, Y, learning_rate, iteration):  # noqa: N803
    """The cost that the loop records, and those after i - 1 and after i updates."""
    params, labels = logistic_regression.initialize_with_zeros(len(X)), jnp.asarray(Y)

    def fit(num_steps):
        return logistic_regression.optimize(
            params, X.T, labels, learning_rate=float(learning_rate), num_steps=num_steps
        )

    after = [
        logistic_regression.cost(fit(steps).params, X.T, labels)
        for steps in (iteration - 1, iteration)
    ]
    return fit(iteration).costs[-1], *after


@answers("animals-return-prediction")
def number_of_predictions(**settings):
    """Of ten test rows: what `return prediction` and `return predictions` give back."""
    predictions = []
    for prediction in training.predictions(**settings):
        predictions.append(prediction)  # as the slide's loop does
    return np.size(prediction), np.size(predictions)


@answers("animals-label-order")
def numberings(names, processes):
    """Whether processes of several hash seeds number the classes alike, unsorted and sorted."""
    alike = []
    for classes in ("set(names)", "sorted(set(names))"):
        code = f"names = {names!r}\nprint({{name: i for i, name in enumerate({classes})}})"
        maps = {
            str(sorted(ast.literal_eval(_run(code, hash_seed)).items()))
            for hash_seed in range(processes)
        }
        alike.append(len(maps) == 1)
    return alike


def _run(code, hash_seed):
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
    command = [sys.executable, "-S", "-c", code]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True
    ).stdout


@answers("purenet-unused-imports", "digits-onehot-unused")
def never_read(code):
    """Names that the code binds and never reads, by its syntax tree."""
    tree = _tree(code)
    read = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    return sorted({*_imported(tree), *_assigned(tree)} - read)


@answers("animals-module-alias")
def never_bound(code):
    """Names that the code calls without having defined or imported them."""
    tree = _tree(code)
    known = {*_imported(tree), *_assigned(tree), *_defined(tree), *dir(builtins)}
    calls = [n.func for n in ast.walk(tree) if isinstance(n, ast.Call)]
    called = [function.id for function in calls if isinstance(function, ast.Name)]
    return [name for name in dict.fromkeys(called) if name not in known]


@answers("mnist-import-mix")
def packages(code):
    """The packages that one script takes its network from."""
    imports = [n for n in ast.walk(_tree(code)) if isinstance(n, ast.ImportFrom)]
    modules = [node.module or "" for node in imports]
    return sorted({module.partition(".")[0] for module in modules})


@answers("mnist-metrics-string")
def type_of_the_metrics(printed, right):
    """The type of the argument, as printed and put right."""
    calls = [ast.parse(text, mode="eval").body for text in (printed, right)]
    given = [next(k.value for k in call.keywords if k.arg == "metrics") for call in calls]
    return [type(ast.literal_eval(value)).__name__ for value in given]


@answers("digits-onehot-n-values")
def what_the_encoder_says(argument, labels):
    """What scikit-learn makes of the printed call, and the columns that a call without it gives."""
    try:
        OneHotEncoder(**{argument: 10})
    except TypeError as error:
        outcome = type(error).__name__
    else:
        outcome = "accepted"
    encoded = OneHotEncoder(categories=[range(10)]).fit_transform(np.asarray(labels)[:, None])
    return [outcome, encoded.shape[1]]


@answers("cnn-code-rescaling-path")
def where_rescaling_lives():
    raise NotJudgedError(
        "a matter of Keras's own layout, and Keras is not among what the ledger runs with; its"
        " documentation has the layer in keras.layers"
    )


def _tree(code):
    return ast.parse(textwrap.dedent("\n".join(code)))


def _imported(tree):
    nodes = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
    return [alias.asname or alias.name for node in nodes for alias in node.names]


def _assigned(tree):
    names = [n for n in ast.walk(tree) if isinstance(n, ast.Name)]
    return [name.id for name in names if isinstance(name.ctx, ast.Store)]


def _defined(tree):
    return [n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
