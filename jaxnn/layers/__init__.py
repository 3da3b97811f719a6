"""Layers: triples of pure functions, each with its backward pass derived by hand."""

from jaxnn.layers.dense import affine as affine
from jaxnn.layers.dense import affine_vjp as affine_vjp
from jaxnn.layers.dense import dense as dense
from jaxnn.layers.elementwise import activation as activation
from jaxnn.layers.elementwise import flatten as flatten
from jaxnn.layers.elementwise import identity as identity
from jaxnn.layers.elementwise import relu as relu
from jaxnn.layers.elementwise import sigmoid as sigmoid
from jaxnn.layers.elementwise import tanh as tanh
from jaxnn.layers.layer import Layer as Layer
from jaxnn.layers.layer import serial as serial
from jaxnn.layers.layer import stateless as stateless
