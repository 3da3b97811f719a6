"""What a workload is; light to import, since every peer's environment does."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Goal(NamedTuple):
    """What ours is to reach against the candidate in whose row it stands.

    Attributes:
      limit: at most this, the median over the rounds.
      kind: "ratio", ours / the candidate; "difference", ours - the candidate, in seconds;
        "seconds", of ours; "first call", by how many seconds our first call is longer.
    """

    limit: float
    kind: str = "ratio"


class Candidate(NamedTuple):
    """One way to do the work.

    Attributes:
      label: its name in the table.
      prepare: (data folder, **settings) -> run, a function at the top of its module that imports
        the library, loads the data and builds what can be built once. run() does the work once,
        to the end, and answers with a dict: `units`, how many epochs or configurations it did (1
        by default), and what else is to stand in the results, such as `accuracy` and `scaled`.
      family: the environment that it runs in.
      goal: what ours is to reach against it.
      settings: over those of the workload.
    """

    label: str
    prepare: Callable[..., Callable[[], dict[str, Any]]]
    family: str = "jax"
    goal: Goal | None = None
    settings: Mapping[str, Any] = {}


class Workload(NamedTuple):
    """The same work for several candidates, of which the first is ours.

    Attributes:
      name: as `--workload` takes it; W2 stands for W2-batch64-n16 and all others that begin so.
      title: one line.
      about: what exactly is done.
      unit: what the seconds count.
      candidates: by their names in the results.
      write_data: (folder) writes the .npy files that the candidates load.
      settings: for every candidate.
      quick: over the settings, for a trial.
      fresh: every measurement is a new process, timed as a whole: start, imports, data, compiling.
    """

    name: str
    title: str
    about: str
    unit: str
    candidates: Mapping[str, Candidate]
    write_data: Callable[[Any], None]
    settings: Mapping[str, Any] = {}
    quick: Mapping[str, Any] = {}
    fresh: bool = False
