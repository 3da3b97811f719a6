"""Prints the table of all gradients; the exit status is 1 if one is wrong."""

import sys

from jaxnn import compilation_cache
from jaxnn.gradcheck.table import table

compilation_cache.enable()
text = table()
print(text)
sys.exit("FAIL" in text)
