"""Losses per example, each with its hand-derived gradient; the caller chooses mean, sum or weights.

`loss(predictions, targets)` gives one value per example, and `loss_vjp(predictions, targets,
cotangent)` the gradient with respect to the predictions, d loss / d predictions times the cotangent
of each example. `reduce` makes one number of the values.

Every logarithm is natural, so that entropies are in nats; divide by log 2 for bits, by log 10 for
the base of the table in basics. Where a target is 0, so is its share of the loss, even against an
infinite logarithm: 0 * inf = 0, in the value and in the gradient.

Shapes and dtypes are always checked. Values are where they are known: class indices outside their
range, hinge targets other than -1 and +1, and probabilities or soft targets outside [0, 1] are a
ValueError outside of `jit`, `grad` and `vmap`, and for a constant inside. A traced value passes: of
what is then wrong, a class index costs inf; the others are put into the formula. Whether
probabilities add up to 1 is not checked anywhere, nor are predictions that are NaN.
"""

from jaxnn.losses.classification import binary_cross_entropy as binary_cross_entropy
from jaxnn.losses.classification import binary_cross_entropy_vjp as binary_cross_entropy_vjp
from jaxnn.losses.classification import categorical_cross_entropy as categorical_cross_entropy
from jaxnn.losses.classification import (
    categorical_cross_entropy_vjp as categorical_cross_entropy_vjp,
)
from jaxnn.losses.classification import negative_log_likelihood as negative_log_likelihood
from jaxnn.losses.classification import negative_log_likelihood_vjp as negative_log_likelihood_vjp
from jaxnn.losses.classification import sigmoid_binary_cross_entropy as sigmoid_binary_cross_entropy
from jaxnn.losses.classification import (
    sigmoid_binary_cross_entropy_vjp as sigmoid_binary_cross_entropy_vjp,
)
from jaxnn.losses.classification import softmax_cross_entropy as softmax_cross_entropy
from jaxnn.losses.classification import softmax_cross_entropy_vjp as softmax_cross_entropy_vjp
from jaxnn.losses.classification import (
    softmax_cross_entropy_with_soft_targets as softmax_cross_entropy_with_soft_targets,
)
from jaxnn.losses.classification import (
    softmax_cross_entropy_with_soft_targets_vjp as softmax_cross_entropy_with_soft_targets_vjp,
)
from jaxnn.losses.divergence import js_divergence as js_divergence
from jaxnn.losses.divergence import js_divergence_vjp as js_divergence_vjp
from jaxnn.losses.divergence import kl_divergence as kl_divergence
from jaxnn.losses.divergence import kl_divergence_vjp as kl_divergence_vjp
from jaxnn.losses.margin import hinge as hinge
from jaxnn.losses.margin import hinge_vjp as hinge_vjp
from jaxnn.losses.margin import multiclass_hinge as multiclass_hinge
from jaxnn.losses.margin import multiclass_hinge_vjp as multiclass_hinge_vjp
from jaxnn.losses.pairing import aligned as aligned
from jaxnn.losses.reduction import reduce as reduce
from jaxnn.losses.reduction import reduce_vjp as reduce_vjp
from jaxnn.losses.regression import absolute_error as absolute_error
from jaxnn.losses.regression import absolute_error_vjp as absolute_error_vjp
from jaxnn.losses.regression import huber as huber
from jaxnn.losses.regression import huber_vjp as huber_vjp
from jaxnn.losses.regression import squared_error as squared_error
from jaxnn.losses.regression import squared_error_vjp as squared_error_vjp
from jaxnn.losses.smoothing import smooth_labels as smooth_labels
from jaxnn.losses.smoothing import smooth_labels_vjp as smooth_labels_vjp
from jaxnn.losses.smoothing import smoothed_softmax_cross_entropy as smoothed_softmax_cross_entropy
from jaxnn.losses.smoothing import (
    smoothed_softmax_cross_entropy_vjp as smoothed_softmax_cross_entropy_vjp,
)
