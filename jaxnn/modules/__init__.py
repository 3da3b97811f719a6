"""The networks of the slides as Flax NNX modules, and the doors between Flax and jaxnn.

`as_layer` makes a Layer of any Flax module; `train.Run(model=...)` goes through it by itself.
`params_of` and `load` carry weights from our networks to our layers and back, exactly. Needs Flax,
and is the only part of jaxnn that imports it: `import jaxnn.modules`.
"""

from jaxnn.modules.adapter import as_layer as as_layer
from jaxnn.modules.bridge import load as load
from jaxnn.modules.bridge import params_of as params_of
from jaxnn.modules.networks import MLP as MLP
from jaxnn.modules.networks import Autoencoder as Autoencoder
from jaxnn.modules.networks import ConvAutoencoder as ConvAutoencoder
from jaxnn.modules.networks import ConvNet as ConvNet
from jaxnn.modules.networks import LogisticRegression as LogisticRegression
from jaxnn.modules.networks import LSTMClassifier as LSTMClassifier
from jaxnn.modules.networks import ResNet as ResNet
from jaxnn.modules.networks import RNNClassifier as RNNClassifier
from jaxnn.modules.networks import TransformerClassifier as TransformerClassifier
from jaxnn.modules.parts import Chain as Chain
from jaxnn.modules.parts import Dropout as Dropout
from jaxnn.modules.parts import Network as Network
from jaxnn.modules.parts import Residual as Residual
