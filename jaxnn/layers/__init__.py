"""Layers: triples of pure functions, each with its backward pass derived by hand.

Numbers up to 1e4, subnormal ones, equal ones, and one far above the others give finite values and
gradients. Beyond, sums and products follow IEEE arithmetic: what overflows is inf, and inf - inf
and 0 * inf are NaN, as wherever matrices are multiplied; a training run records the first step at
which that happens. Layers that neither add nor multiply (activations, maxima, dropout, embedding,
changes of shape) have a value and a gradient for infinite inputs too.
"""

from jaxnn.layers.attention import add_positions as add_positions
from jaxnn.layers.attention import add_positions_vjp as add_positions_vjp
from jaxnn.layers.attention import causal_mask as causal_mask
from jaxnn.layers.attention import dot_product_attention as dot_product_attention
from jaxnn.layers.attention import dot_product_attention_vjp as dot_product_attention_vjp
from jaxnn.layers.attention import encoder_block as encoder_block
from jaxnn.layers.attention import multi_head_attention as multi_head_attention
from jaxnn.layers.attention import multi_head_attention_vjp as multi_head_attention_vjp
from jaxnn.layers.attention import positional_encoding as positional_encoding
from jaxnn.layers.attention import self_attention as self_attention
from jaxnn.layers.attention import sinusoidal_encoding as sinusoidal_encoding
from jaxnn.layers.cells import elman_cell as elman_cell
from jaxnn.layers.cells import elman_cell_vjp as elman_cell_vjp
from jaxnn.layers.cells import gru_cell as gru_cell
from jaxnn.layers.cells import gru_cell_vjp as gru_cell_vjp
from jaxnn.layers.cells import lstm_cell as lstm_cell
from jaxnn.layers.cells import lstm_cell_vjp as lstm_cell_vjp
from jaxnn.layers.conv import conv2d as conv2d
from jaxnn.layers.conv import convolve2d as convolve2d
from jaxnn.layers.conv import convolve2d_vjp as convolve2d_vjp
from jaxnn.layers.dense import affine as affine
from jaxnn.layers.dense import affine_vjp as affine_vjp
from jaxnn.layers.dense import dense as dense
from jaxnn.layers.dropout import add_branch as add_branch
from jaxnn.layers.dropout import add_branch_vjp as add_branch_vjp
from jaxnn.layers.dropout import drop_connect as drop_connect
from jaxnn.layers.dropout import drop_elements as drop_elements
from jaxnn.layers.dropout import drop_elements_vjp as drop_elements_vjp
from jaxnn.layers.dropout import dropout as dropout
from jaxnn.layers.dropout import stochastic_depth as stochastic_depth
from jaxnn.layers.elementwise import activation as activation
from jaxnn.layers.elementwise import elu as elu
from jaxnn.layers.elementwise import flatten as flatten
from jaxnn.layers.elementwise import gelu as gelu
from jaxnn.layers.elementwise import gelu_tanh as gelu_tanh
from jaxnn.layers.elementwise import hard_sigmoid as hard_sigmoid
from jaxnn.layers.elementwise import hard_swish as hard_swish
from jaxnn.layers.elementwise import hard_tanh as hard_tanh
from jaxnn.layers.elementwise import identity as identity
from jaxnn.layers.elementwise import leaky_relu as leaky_relu
from jaxnn.layers.elementwise import log_softmax as log_softmax
from jaxnn.layers.elementwise import maxout as maxout
from jaxnn.layers.elementwise import relu as relu
from jaxnn.layers.elementwise import reshape as reshape
from jaxnn.layers.elementwise import selu as selu
from jaxnn.layers.elementwise import sigmoid as sigmoid
from jaxnn.layers.elementwise import softmax as softmax
from jaxnn.layers.elementwise import softplus as softplus
from jaxnn.layers.elementwise import step as step
from jaxnn.layers.elementwise import swish as swish
from jaxnn.layers.elementwise import tanh as tanh
from jaxnn.layers.embedding import embedding as embedding
from jaxnn.layers.embedding import lookup as lookup
from jaxnn.layers.embedding import lookup_vjp as lookup_vjp
from jaxnn.layers.fractional import fractional_max_pool2d as fractional_max_pool2d
from jaxnn.layers.fractional import max_of_regions as max_of_regions
from jaxnn.layers.fractional import max_of_regions_vjp as max_of_regions_vjp
from jaxnn.layers.layer import Layer as Layer
from jaxnn.layers.layer import serial as serial
from jaxnn.layers.layer import stateless as stateless
from jaxnn.layers.norm import batch_norm as batch_norm
from jaxnn.layers.norm import layer_norm as layer_norm
from jaxnn.layers.norm import normalize_batch as normalize_batch
from jaxnn.layers.norm import normalize_batch_vjp as normalize_batch_vjp
from jaxnn.layers.norm import normalize_features as normalize_features
from jaxnn.layers.norm import normalize_features_vjp as normalize_features_vjp
from jaxnn.layers.norm import standardize as standardize
from jaxnn.layers.norm import standardize_vjp as standardize_vjp
from jaxnn.layers.pool import avg_pool2d as avg_pool2d
from jaxnn.layers.pool import global_avg_pool2d as global_avg_pool2d
from jaxnn.layers.pool import global_max_pool2d as global_max_pool2d
from jaxnn.layers.pool import max_of_image as max_of_image
from jaxnn.layers.pool import max_of_image_vjp as max_of_image_vjp
from jaxnn.layers.pool import max_of_windows as max_of_windows
from jaxnn.layers.pool import max_of_windows_vjp as max_of_windows_vjp
from jaxnn.layers.pool import max_pool2d as max_pool2d
from jaxnn.layers.pool import mean_of_image as mean_of_image
from jaxnn.layers.pool import mean_of_image_vjp as mean_of_image_vjp
from jaxnn.layers.pool import mean_of_windows as mean_of_windows
from jaxnn.layers.pool import mean_of_windows_vjp as mean_of_windows_vjp
from jaxnn.layers.recurrent import elman as elman
from jaxnn.layers.recurrent import gru as gru
from jaxnn.layers.recurrent import lstm as lstm
from jaxnn.layers.recurrent import unroll as unroll
from jaxnn.layers.recurrent import unroll_vjp as unroll_vjp
from jaxnn.layers.residual import residual as residual
