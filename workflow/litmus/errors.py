"""The error that a user can act on."""


class LitmusError(Exception):
    """What went wrong, in one line: the file, the field, and what was expected."""
