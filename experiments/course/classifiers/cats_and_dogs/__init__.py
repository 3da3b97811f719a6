"""Does logistic regression on pixels tell cats from dogs, and does the learning rate matter?

Slides:   r_tutorial 2.2 to 2.8 (12,288 pixels, 5,000 iterations, rates 0.01, 0.002 and 0.005)
Run:      python -m experiments run cats_and_dogs
Takes:    36 minutes on two CPU cores that much else was running on
Expects:  (written before the first run) every training image is learned and 55 to 65 % of the
          unseen ones are right, whatever the rate; the printed costs, which name no size of the
          training set, fit the smallest best
"""

from experiments.course.classifiers.cats_and_dogs.figure import draw as draw
from experiments.course.classifiers.cats_and_dogs.judges import judge as judge
from experiments.course.classifiers.cats_and_dogs.runs import DATA as DATA
from experiments.course.classifiers.cats_and_dogs.runs import QUICK as QUICK
from experiments.course.classifiers.cats_and_dogs.runs import TOLERANCES as TOLERANCES
from experiments.course.classifiers.cats_and_dogs.runs import Config as Config
from experiments.course.classifiers.cats_and_dogs.runs import run as run
