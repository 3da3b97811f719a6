"""Training runs: one by `fit`, many by `sweep`, each a pure function compiled as a whole."""

from jaxnn.train.errors import CheckpointDamagedWarning as CheckpointDamagedWarning
from jaxnn.train.errors import CheckpointError as CheckpointError
from jaxnn.train.lanes.execute import Result as Result
from jaxnn.train.lanes.interrupt import Interrupted as Interrupted
from jaxnn.train.lanes.lanes import Progress as Progress
from jaxnn.train.plan import Plan as Plan
from jaxnn.train.plan import plan as plan
from jaxnn.train.program.program import initial as initial
from jaxnn.train.setup.designs import Trials as Trials
from jaxnn.train.setup.designs import log_uniform as log_uniform
from jaxnn.train.setup.designs import random as random
from jaxnn.train.setup.designs import uniform as uniform
from jaxnn.train.setup.designs import zipped as zipped
from jaxnn.train.setup.early_stopping import EarlyStopping as EarlyStopping
from jaxnn.train.setup.early_stopping import Stop as Stop
from jaxnn.train.setup.early_stopping import early_stopping as early_stopping
from jaxnn.train.setup.run import ENDINGS as ENDINGS
from jaxnn.train.setup.run import Run as Run
from jaxnn.train.sweep import fit as fit
from jaxnn.train.sweep import sweep as sweep
