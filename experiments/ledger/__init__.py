"""The claims about numbers and tables, recomputed by the library and held against the slides.

One file per subject, of small functions: each answers one or more claims of claims.toml with what
the library makes of their inputs.
"""

from experiments.ledger.answers import answer as answer
from experiments.ledger.answers import answered as answered
from experiments.ledger.answers import answers as answers
from experiments.ledger.record import changes as changes
from experiments.ledger.record import make as make
from experiments.ledger.rows import details as details
from experiments.ledger.rows import page as page
from experiments.ledger.rows import read as read
from experiments.ledger.rows import rows as rows
from experiments.ledger.rows import table as table
from experiments.ledger.rows import tally as tally
from experiments.ledger.rows import write as write
