"""The two ways in which a data set can fail to load."""


class DataNotFoundError(FileNotFoundError):
    """The data set is not at hand and could not be fetched."""


class DataCorruptError(ValueError):
    """A file is not what it should be: changed, cut off, or of another form."""
