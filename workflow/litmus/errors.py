"""The errors that a user can act on."""

from pathlib import Path


class LitmusError(Exception):
    """What went wrong, in one line: the file, the field, and what was expected."""


class DamagedError(LitmusError):
    """A result that is not what was written. A job removes `files`, so that the next run makes them again."""

    def __init__(self, message: str, *files: Path) -> None:
        super().__init__(message)
        self.files = files
