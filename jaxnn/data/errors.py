"""The two ways in which a named data set can fail to load."""


class DataNotFoundError(FileNotFoundError):
    """The data set is not at hand and could not be fetched."""


class DataCorruptError(ValueError):
    """A file of the data set is not what its publisher released."""
