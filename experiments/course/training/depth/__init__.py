"""What do hidden layers and activations add: straight and bent boundaries, depth and width?

Slides:   chapter5 5.3 (layers without activation: a linear classifier); cnn_session (deep learning
          is learning layered representations; the activation brings non-linearity)
Run:      python -m experiments run depth
Takes:    about 60 s on two CPU cores
Expects:  (written before the first run) without activation the layers are one affine map to
          rounding, and draw a straight line through the moons that is no better than one neuron's;
          with ReLU the line bends and the moons are parted. On two spirals of two turns
          deeper networks of as many parameters are more accurate up to three layers, and narrow
          deep ones fail on some seeds; a linear probe reads the class the better, the later the
          layer, and from the layers of an untrained network no better than from the inputs
"""

from experiments.course.training.depth.figure import draw as draw
from experiments.course.training.depth.judges import judge as judge
from experiments.course.training.depth.runs import DATA as DATA
from experiments.course.training.depth.runs import QUICK as QUICK
from experiments.course.training.depth.runs import TOLERANCES as TOLERANCES
from experiments.course.training.depth.runs import WHOLE_RUN as WHOLE_RUN
from experiments.course.training.depth.runs import Config as Config
from experiments.course.training.depth.runs import run as run
