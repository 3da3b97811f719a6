"""What can be wrong with a checkpoint directory; every message names it and says what to do."""


class CheckpointError(Exception):
    """Any of the errors below."""


class CheckpointLockedError(CheckpointError):
    """Another run writes to the directory."""


class CheckpointMismatchError(CheckpointError, ValueError):
    """The directory belongs to a run that differs in the lines of the message."""


class CheckpointResumeError(CheckpointError, ValueError):
    """The directory holds a run that should not be there, or does not hold one that should."""


class CheckpointDamagedError(CheckpointError):
    """The file that says what the directory belongs to cannot be read."""


class CheckpointWriteError(CheckpointError, OSError):
    """The directory cannot be written: its place, its permissions, a full disk, a quota."""


class CheckpointDamagedWarning(UserWarning):
    """A saved part is not what was written; the one before it is used."""


class CheckpointVersionWarning(UserWarning):
    """The run goes on under other versions, so that its bits may differ."""
