"""The referee: hand-derived gradients against autodiff and against differences, in float64.

`check_gradients(f, f_vjp, *inputs)` judges one gradient and says which side is wrong, `check_layer`
a layer, through jit, vmap and shard_map too. `cases()` is the table of all that is differentiable
in jaxnn; `python -m jaxnn.gradcheck` prints its verdicts.
"""

from jaxnn.gradcheck.case import Case as Case
from jaxnn.gradcheck.case import Parts as Parts
from jaxnn.gradcheck.case import case as case
from jaxnn.gradcheck.case import layer_case as layer_case
from jaxnn.gradcheck.check import ArgumentReport as ArgumentReport
from jaxnn.gradcheck.check import GradientReport as GradientReport
from jaxnn.gradcheck.check import check_gradients as check_gradients
from jaxnn.gradcheck.check import check_rules as check_rules
from jaxnn.gradcheck.exact import exact_slopes as exact_slopes
from jaxnn.gradcheck.layers import check_layer as check_layer
from jaxnn.gradcheck.table import cases as cases
from jaxnn.gradcheck.table import check_case as check_case
from jaxnn.gradcheck.table import check_rules_of_case as check_rules_of_case
from jaxnn.gradcheck.table import dtype_errors as dtype_errors
from jaxnn.gradcheck.table import table as table
