"""What is each kind of augmented image worth where there are only two hundred to learn from?

Slides:   chapter5 5.6 (data augmentation: flips, crops, colours, hue and brightness, translation,
          rotation, stretching, shearing, lens distortion)
Run:      python -m experiments run augmentation
Takes:    about 2 min on two CPU cores
Expects:  (written before the first run) every kind narrows the gap between the loss of images that
          were seen and of unseen ones; translation, flips, crops and rotation raise the test
          accuracy by two to four points, colours, stretching, shearing and the lens by less, and
          hue by nothing: a Simpson is told by his colours
"""

from experiments.course.generalization.augmentation.figure import draw as draw
from experiments.course.generalization.augmentation.judges import judge as judge
from experiments.course.generalization.augmentation.runs import DATA as DATA
from experiments.course.generalization.augmentation.runs import QUICK as QUICK
from experiments.course.generalization.augmentation.runs import TOLERANCES as TOLERANCES
from experiments.course.generalization.augmentation.runs import WHOLE_RUN as WHOLE_RUN
from experiments.course.generalization.augmentation.runs import Config as Config
from experiments.course.generalization.augmentation.runs import run as run
