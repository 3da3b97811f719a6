"""What does the Keras lab on MNIST reach, and what becomes of it with the array that it fits on?

Slides:   chapter5, the lab (784-128-64-10, 0.9758; fit on train_x where train_x2 was prepared)
Run:      python -m experiments run keras_lab
Takes:    40 minutes on two CPU cores that much else was running on
Expects:  (written before the first run) right, the test accuracy is between 0.970 and 0.978, and
          0.9758 within the 95 % prediction interval of one more run; fitted on pixels up to 255 the
          network learns little or nothing, and on the scaled test images it is worse still
"""

from experiments.course.classifiers.keras_lab.figure import draw as draw
from experiments.course.classifiers.keras_lab.judges import judge as judge
from experiments.course.classifiers.keras_lab.runs import DATA as DATA
from experiments.course.classifiers.keras_lab.runs import QUICK as QUICK
from experiments.course.classifiers.keras_lab.runs import TOLERANCES as TOLERANCES
from experiments.course.classifiers.keras_lab.runs import Config as Config
from experiments.course.classifiers.keras_lab.runs import run as run
