"""Neural networks as pure functions, every gradient derived by hand beside its function."""

from jaxnn import activations as activations
from jaxnn import losses as losses
from jaxnn import metrics as metrics
from jaxnn import perceptron as perceptron
from jaxnn import graph as graph
from jaxnn import gradcheck as gradcheck
from jaxnn import regularizers as regularizers
from jaxnn import initializers as initializers
from jaxnn import layers as layers
from jaxnn import models as models
from jaxnn import backprop as backprop
from jaxnn import optimizers as optimizers
from jaxnn import schedules as schedules
from jaxnn import logistic_regression as logistic_regression
from jaxnn import augment as augment
from jaxnn import data as data
from jaxnn import train as train

__version__ = "0.1.0"
