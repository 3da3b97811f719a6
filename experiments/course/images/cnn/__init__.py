"""What do convolutions, batch norm and dropout bring on few images, and what do they learn?

Slides:   cnn_session (the network of 32-32-pool-64-64-pool, Dropout(0.4), BatchNormalization,
          adam, binary_crossentropy), r_tutorial 3.4
Run:      python -m experiments run cnn
Takes:    about 8 minutes on two CPU cores, with --full; else it is redrawn
Expects:  (written before the first full run, at half of the slides' widths) with as many parameters
          and 1,000 images the CNN is two to five points above the dense network; shuffled pixels
          cost the CNN points and the dense network none; without batch norm the first epochs are
          slower, without dropout and batch norm the gap between seen and unseen images is wider;
          categorical and binary cross-entropy end within a point of each other; deeper features are
          easier to read out
"""

from experiments.course.images.cnn.figure import draw as draw
from experiments.course.images.cnn.judges import judge as judge
from experiments.course.images.cnn.runs import DATA as DATA
from experiments.course.images.cnn.runs import QUICK as QUICK
from experiments.course.images.cnn.runs import TOLERANCES as TOLERANCES
from experiments.course.images.cnn.runs import WHOLE_RUN as WHOLE_RUN
from experiments.course.images.cnn.runs import Config as Config
from experiments.course.images.cnn.runs import run as run

HEAVY = True
