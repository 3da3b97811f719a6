"""The claims about numbers and tables, recomputed by the library and held against the slides.

One file per subject, of small functions: each answers one or more claims of claims.toml with what
the library makes of their inputs.
"""

from experiments.ledger.pages import details as details
from experiments.ledger.pages import page as page
from experiments.ledger.pages import read as read
from experiments.ledger.pages import rows as rows
from experiments.ledger.pages import table as table
from experiments.ledger.pages import tally as tally
from experiments.ledger.pages import write as write
from experiments.ledger.record import changes as changes
from experiments.ledger.record import make as make
from experiments.ledger.register import answer as answer
from experiments.ledger.register import answered as answered
from experiments.ledger.register import answers as answers
