"""Training runs: one by `fit`, many by `sweep`, each a pure function compiled as a whole."""

from jaxnn.train.designs import Trials as Trials
from jaxnn.train.designs import log_uniform as log_uniform
from jaxnn.train.designs import random as random
from jaxnn.train.designs import uniform as uniform
from jaxnn.train.designs import zipped as zipped
from jaxnn.train.early_stopping import EarlyStopping as EarlyStopping
from jaxnn.train.early_stopping import Stop as Stop
from jaxnn.train.early_stopping import early_stopping as early_stopping
from jaxnn.train.errors import CheckpointDamagedWarning as CheckpointDamagedWarning
from jaxnn.train.errors import CheckpointError as CheckpointError
from jaxnn.train.execute import Result as Result
from jaxnn.train.interrupt import Interrupted as Interrupted
from jaxnn.train.lanes import Progress as Progress
from jaxnn.train.plan import Plan as Plan
from jaxnn.train.plan import plan as plan
from jaxnn.train.program import initial as initial
from jaxnn.train.run import ENDINGS as ENDINGS
from jaxnn.train.run import Run as Run
from jaxnn.train.sweep import fit as fit
from jaxnn.train.sweep import sweep as sweep
