"""The networks of the slides, every one a Layer with its backward pass derived by hand."""

from jaxnn.models.networks import ACTIVATIONS as ACTIVATIONS
from jaxnn.models.networks import autoencoder as autoencoder
from jaxnn.models.networks import conv_autoencoder as conv_autoencoder
from jaxnn.models.networks import conv_net as conv_net
from jaxnn.models.networks import logistic_regression as logistic_regression
from jaxnn.models.networks import lstm_classifier as lstm_classifier
from jaxnn.models.networks import mlp as mlp
from jaxnn.models.networks import resnet as resnet
from jaxnn.models.networks import rnn_classifier as rnn_classifier
from jaxnn.models.networks import transformer_classifier as transformer_classifier
