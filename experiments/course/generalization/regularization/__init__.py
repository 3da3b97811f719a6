"""Which ways to regularise a network help where there are only a hundred images to learn from?

Slides:   chapter5 5.6 (dropout, DropConnect, batch normalisation, fractional max pooling,
          stochastic depth, Cutout and Mixup, a simpler model); r_tutorial 3.1 and 3.2
Run:      python -m experiments run regularization
Takes:    about 100 s on two CPU cores
Expects:  (written before the first run) dropout, DropConnect, Mixup and batch norm raise the test
          accuracy by one to three points; Cutout and stochastic depth are worth less than a point
          in so small and shallow a case, and fewer units nothing; every one of them narrows the gap
          of the losses; with batch norm the network learns in a third of the time, and at rates
          that are ten times as large
"""

from experiments.course.generalization.regularization.figure import draw as draw
from experiments.course.generalization.regularization.judges import judge as judge
from experiments.course.generalization.regularization.runs import DATA as DATA
from experiments.course.generalization.regularization.runs import QUICK as QUICK
from experiments.course.generalization.regularization.runs import TOLERANCES as TOLERANCES
from experiments.course.generalization.regularization.runs import WHOLE_RUN as WHOLE_RUN
from experiments.course.generalization.regularization.runs import Config as Config
from experiments.course.generalization.regularization.runs import run as run
