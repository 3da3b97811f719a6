"""The networks of the slides, every one a Layer with its backward pass derived by hand."""

from jaxnn.models.files import FileError as FileError
from jaxnn.models.files import Loaded as Loaded
from jaxnn.models.files import load as load
from jaxnn.models.files import save as save
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
from jaxnn.models.summary import Row as Row
from jaxnn.models.summary import rows as rows
from jaxnn.models.summary import summary as summary
from jaxnn.models.trees import TreeMismatchError as TreeMismatchError
