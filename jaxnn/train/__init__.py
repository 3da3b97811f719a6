"""Training runs: one by `fit`, many by `sweep`, each a pure function compiled as a whole."""

from jaxnn.train.early_stopping import Stop as Stop
from jaxnn.train.early_stopping import early_stopping as early_stopping
from jaxnn.train.program import initial as initial
from jaxnn.train.run import Run as Run
from jaxnn.train.sweep import Result as Result
from jaxnn.train.sweep import fit as fit
from jaxnn.train.sweep import sweep as sweep
