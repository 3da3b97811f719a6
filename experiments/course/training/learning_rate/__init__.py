"""Which learning rates are too small, right and too big?

Slides:   r_tutorial 2.8 (0.01, 0.002, 0.005); chapter5 5.4 (too big, too small); basics (cost of W)
Run:      python -m experiments run learning_rate
Takes:    about 40 s on two CPU cores
Expects:  (written before the first run) on digits 0.1 to 1 is best, 0.0001 hardly moves, 100 ends
          worse than guessing; the three rates of the slides are stretched copies of one curve
"""

from experiments.course.training.learning_rate.figure import draw as draw
from experiments.course.training.learning_rate.judges import judge as judge
from experiments.course.training.learning_rate.runs import DATA as DATA
from experiments.course.training.learning_rate.runs import QUICK as QUICK
from experiments.course.training.learning_rate.runs import STEADY as STEADY
from experiments.course.training.learning_rate.runs import TOLERANCES as TOLERANCES
from experiments.course.training.learning_rate.runs import WHOLE_RUN as WHOLE_RUN
from experiments.course.training.learning_rate.runs import Config as Config
from experiments.course.training.learning_rate.runs import run as run
