"""What we take of JAX and XLA that is private or experimental there; no other file does.

It may change without notice. What stands here was tried with the versions of TRIED; a later one
does without an option that it does not know, and is told no flag. This file imports nothing but the
standard library where it begins: the flags are read before JAX is imported.
"""

import functools
import importlib.metadata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

TRIED = ("0.10.0", "0.10.2", "0.11.2", "0.12.0.1")  # of jax and jaxlib

# XLA's newer library of CPU kernels runs convolutions at half the speed of the older one.
# docs/convolutions.md has the measurement. The fusion emitters are an option of jaxlib 0.10: from
# 0.11 on they are all that there is.
FOR_CONVOLUTIONS = {
    "xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_REDUCE",
    "xla_cpu_use_fusion_emitters": True,
    "xla_backend_optimization_level": 3,
}

# LLVM's last level of optimisation took a quarter of the time to compile, and brought nothing to
# the Dense networks of W1 and W2; of convolutional ones it was not measured.
WITHOUT_CONVOLUTIONS = {"xla_cpu_use_fusion_emitters": True, "xla_backend_optimization_level": 2}

# What runs once, and is of threefry: its rounds take LLVM's last level as long as all else that a
# small network does. At this level the bits are the same, in a third of the time. (At level 0 they
# are not: there are no fused multiplications and additions.)
ONCE = {"xla_cpu_use_fusion_emitters": False, "xla_backend_optimization_level": 2}

# For XLA_FLAGS, where a process has hundreds of programs of an operation or two. One that is not
# known ends the process, so they are listed by release.
_LEAST = "--xla_backend_optimization_level=0"
_QUICK = {
    "0.10": (_LEAST, "--xla_cpu_use_fusion_emitters=false"),
    "0.11": (_LEAST,),
    "0.12": (_LEAST,),
}

DETERMINISTIC_GPU = "--xla_gpu_deterministic_ops=true"


def accepted(options: Mapping[str, Any]) -> dict[str, Any]:
    """Those that this XLA knows: their names are no promise of its makers."""
    items = tuple(options.items())
    return dict(items if _are_known(items) else (item for item in items if _are_known((item,))))


@functools.cache
def _are_known(items: tuple[tuple[str, Any], ...]) -> bool:
    import jax

    try:
        jax.jit(lambda: 0, compiler_options=dict(items)).lower().compile()
    except jax.errors.JaxRuntimeError:
        return False
    return True


def quick_flags() -> tuple[str, ...]:
    """Those with which the installed XLA spends least on compiling for CPUs."""
    release = importlib.metadata.version("jaxlib").split(".")[:2]
    return _QUICK.get(".".join(release), ())


def gathered(array: Any) -> Any:
    """The array of every process, with an axis of processes in front."""
    from jax.experimental import multihost_utils

    return multihost_utils.process_allgather(array)


def what_is_needed(jaxpr: Any) -> Any:
    """The jaxpr without the operations on which none of its results depends."""
    from jax.interpreters import partial_eval

    needed, _ = partial_eval.dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars))
    return needed


def __getattr__(name: str) -> Any:
    """The types that a traced program is made of; JAX is imported where one is asked for."""
    if name not in ("ClosedJaxpr", "Jaxpr", "Literal"):
        raise AttributeError(f"{__name__} has no {name}")
    from jax.extend import core

    return getattr(core, name)


def as_function(jaxpr: Any, constants: Sequence[Any]) -> Callable:
    """(*args) -> the list of results of the jaxpr."""
    from jax.extend.core import ClosedJaxpr, jaxpr_as_fun

    return jaxpr_as_fun(ClosedJaxpr(jaxpr, constants))


def bilinear_primitive(
    name: str,
    *,
    type_of: Callable,
    alone: Callable,
    transposes: Sequence[Callable],
    batched: Callable,
    forms: Mapping[str, Callable],
) -> Any:
    """An operation of two arrays that JAX knows by name, linear in each of them.

    Args:
      name: in what JAX prints of a program.
      type_of: (one, other, **settings) -> the type of the result.
      alone: (primitive, one, other, **settings) -> the result, outside of any program.
      transposes: by each array: (cotangent, one, other, **settings) -> its cotangent.
      batched: (primitive, arrays, axes, **settings) -> the results of all, and their axis.
      forms: platform -> how it is computed there; "" for all others.
    """
    from jax.extend.core import Primitive
    from jax.interpreters import ad, batching, mlir

    primitive = Primitive(name)
    primitive.def_abstract_eval(type_of)
    primitive.def_impl(functools.partial(alone, primitive))
    ad.defbilinear(primitive, *transposes)
    batching.primitive_batchers[primitive] = functools.partial(batched, primitive)
    for platform, compute in forms.items():
        rule = mlir.lower_fun(compute, multiple_results=False)
        mlir.register_lowering(primitive, rule, platform=platform or None)
    return primitive
