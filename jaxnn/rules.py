"""Where the hand-derived rule of a function is found: right under it, as `<name>_vjp`."""

import functools
import sys
from collections.abc import Callable


def vjp_of(function: Callable) -> Callable:
    """The hand-derived vector-Jacobian product of `function`.

    The naming convention is the registry: the rule of `op(*inputs)` is `op_vjp(*inputs, cotangent)`
    of the same module. Keyword settings bound by `functools.partial` are handed to both.

    Raises:
      LookupError: there is no such rule; the message names the module where it was looked for.
    """
    if isinstance(function, functools.partial):
        return functools.partial(vjp_of(function.func), *function.args, **function.keywords)
    name, module = getattr(function, "__name__", repr(function)), function.__module__
    rule = getattr(sys.modules.get(module), f"{name}_vjp", None)
    if rule is None:
        raise LookupError(
            f"no hand-derived gradient for {name}: define {name}_vjp(*inputs, cotangent) beside it"
            f' in module {module}, or train with gradient="autodiff"'
        )
    return rule
