"""Initialisers: what a layer's weights are before the first update.

They are those of `jax.nn.initializers`, under the names of the field. An initialiser maps (key,
shape) to an array. For a kernel [n_in, n_out], `xavier_uniform` and its like are made by a call and
draw with a variance such that signals, or their gradients, neither grow nor shrink on the way
through many layers; of a convolution [h, w, c_in, c_out], n_in = h w c_in and n_out = h w c_out.

    zeros            0: biases. Kernels of zeros stay alike: all units learn the same
    constant(c)      c
    uniform(s)       between 0 and s, not between -s and s
    normal(s)        mean 0, standard deviation s
    xavier_uniform   variance 2 / (n_in + n_out): tanh, sigmoid  [Glorot and Bengio 2010, eq. 16]
    xavier_normal    the same variance                           [Glorot and Bengio 2010, eq. 12]
    he_uniform       variance 2 / n_in: ReLU, which halves it    [He et al. 2015, eq. 10]
    he_normal        the same variance                           [He et al. 2015, eq. 10]
    lecun_uniform    variance 1 / n_in: SELU                     [LeCun et al. 1998, section 4.6]
    lecun_normal     the same variance                           [Klambauer et al. 2017]
    orthogonal       rows or columns of length 1 at right angles [Saxe et al. 2014]

A uniform draw of variance v lies between -sqrt(3 v) and sqrt(3 v). The three normals are cut off at
two standard deviations of the uncut normal, which is widened so that the variance is the one named.
Glorot is the first name of Xavier.
"""

from jax.nn.initializers import constant as constant
from jax.nn.initializers import glorot_normal as glorot_normal
from jax.nn.initializers import glorot_uniform as glorot_uniform
from jax.nn.initializers import he_normal as he_normal
from jax.nn.initializers import he_uniform as he_uniform
from jax.nn.initializers import lecun_normal as lecun_normal
from jax.nn.initializers import lecun_uniform as lecun_uniform
from jax.nn.initializers import normal as normal
from jax.nn.initializers import orthogonal as orthogonal
from jax.nn.initializers import uniform as uniform
from jax.nn.initializers import zeros as zeros

xavier_normal, xavier_uniform = glorot_normal, glorot_uniform
