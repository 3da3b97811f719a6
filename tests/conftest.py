"""Every test runs with strict dtypes, no silent broadcasting, and warnings as errors."""

import functools

import hypothesis
import jax
import jaxtyping
import pytest

from experiments.process import garbage, xla_flags

garbage.collect_rarely()
xla_flags.compile_quickly()  # the tests have thousands of small programs

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_num_cpu_devices", 2)

hypothesis.settings.register_profile("patient", deadline=None)  # cores may be busy with other tests
hypothesis.settings.load_profile("patient")


@pytest.fixture
def no_type_checker():
    """Bad input meets our own errors, as it does for a user who runs no type checker."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture
def jit_as_users():
    """`jax.jit` as XLA compiles where nobody told it to be quick: it fuses more."""
    from jaxnn import private_jax  # after the type checker has been hooked in

    options = {"xla_backend_optimization_level": 3, "xla_cpu_use_fusion_emitters": True}
    return functools.partial(jax.jit, compiler_options=private_jax.accepted(options))


@pytest.fixture
def assert_caught():
    """A row of the gradient table with a wrong rule is rejected, by these judges."""
    from jaxnn import gradcheck  # after the type checker has been hooked in

    def check(row, wrong, judges):
        report = gradcheck.check_case(row._replace(vjp=functools.partial(wrong, row.vjp)))
        assert report.failed == judges, str(report)
        assert {a.verdict.partition(":")[0] for a in report.arguments if a.failed} <= {
            "the hand-derived gradient is wrong",
            "hand and autodiff differ by less than the differences can tell",
        }

    return check
