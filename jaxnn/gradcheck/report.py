"""What the judges say about a gradient."""

from typing import NamedTuple

import numpy as np


class ArgumentReport(NamedTuple):
    """What the judges say about the gradient with respect to one argument.

    Attributes:
      argument: its position among the inputs.
      autodiff: largest elementwise error of the hand-derived gradient against autodiff.
      differences: the same against central differences, along random directions within each leaf
        and along single elements.
      autodiff_differences: the same for autodiff against central differences.
      slope: of log |f(x + hv) - f(x) - h <g, v>| over log h: 2, or more, for the right g and 1 for
        a wrong one; NaN where the remainder is mere rounding, as it is for a linear f.
      kinks: number of the single elements at which the slopes on the two sides differ.
      failed: the judges that reject: "structure", "autodiff", "differences", "taylor".
      verdict: which side is wrong, in words.
    """

    argument: int
    autodiff: float
    differences: float
    autodiff_differences: float
    slope: float
    kinks: int
    failed: tuple[str, ...]
    verdict: str

    def __str__(self) -> str:
        return (
            f"argument {self.argument}: {self.verdict} (against autodiff {self.autodiff:.1e},"
            f" against differences {self.differences:.1e}, autodiff against differences"
            f" {self.autodiff_differences:.1e}, Taylor slope {self.slope:.2f}, kinks {self.kinks})"
        )


class GradientReport(NamedTuple):
    """The reports on all arguments, and the seed that repeats this check."""

    arguments: tuple[ArgumentReport, ...]
    seed: int

    @property
    def failed(self) -> tuple[str, ...]:
        """The judges that reject the gradient of some argument."""
        return tuple(dict.fromkeys(judge for report in self.arguments for judge in report.failed))

    @property
    def passed(self) -> bool:
        return not self.failed

    def worst(self, judge: str) -> float:
        """The largest of all arguments' errors before this judge; 0 without an argument."""
        return max((getattr(report, judge) for report in self.arguments), default=0.0)

    @property
    def slope(self) -> float:
        """The lowest of all arguments' Taylor slopes; NaN if f is linear in all of them."""
        slopes = (report.slope for report in self.arguments)
        return min((slope for slope in slopes if not np.isnan(slope)), default=np.nan)

    def __str__(self) -> str:
        return "\n".join([*map(str, self.arguments), f"repeat with seed={self.seed}"])
