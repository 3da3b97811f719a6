"""What became of every claim of the slides; what needs no training is recomputed here.

One file per subject, of small functions: each answers one or more claims of claims.toml with what
the library makes of their inputs. What the experiments found out stands beside it in one record.
"""

from experiments.claims.ledger.record import Row as Row
from experiments.claims.ledger.record import answers_of as answers_of
from experiments.claims.ledger.record import changes as changes
from experiments.claims.ledger.record import load as load
from experiments.claims.ledger.record import make as make
from experiments.claims.ledger.record import rows as rows
from experiments.claims.ledger.register import answer as answer
from experiments.claims.ledger.register import answered as answered
from experiments.claims.ledger.register import answers as answers
from experiments.claims.ledger.register import verdict as verdict
