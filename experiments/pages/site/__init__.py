"""The reports as a static site: pages of HTML beside those of Markdown, and what only HTML can do.

It is made of what lies in the reports alone, so that the same results give the same bytes, and
needs neither a server nor a network.
"""

from experiments.pages.site.build import pages as pages
from experiments.pages.site.build import write as write
