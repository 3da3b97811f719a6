"""What became of every claim of the slides; what needs no training is recomputed here.

One file per subject, of small functions: each answers one or more claims of claims.toml with what
the library makes of their inputs. What the experiments found out stands beside it in one record.
"""

from experiments.ledger.pages import details as details
from experiments.ledger.pages import page as page
from experiments.ledger.pages import refresh as refresh
from experiments.ledger.pages import table as table
from experiments.ledger.pages import tally as tally
from experiments.ledger.pages import write as write
from experiments.ledger.record import Row as Row
from experiments.ledger.record import answers_of as answers_of
from experiments.ledger.record import changes as changes
from experiments.ledger.record import load as load
from experiments.ledger.record import make as make
from experiments.ledger.record import rows as rows
from experiments.ledger.register import answer as answer
from experiments.ledger.register import answered as answered
from experiments.ledger.register import answers as answers
from experiments.ledger.register import verdict as verdict
