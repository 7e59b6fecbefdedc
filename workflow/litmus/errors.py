"""The errors that a user can act on."""

from pathlib import Path


class LitmusError(Exception):
    """What went wrong, in one line: the file, the field, and what was expected."""


class DamagedError(LitmusError):
    """A result that is not what was written: `what` says so. The next run makes `files` again."""

    def __init__(self, what: str, *files: Path) -> None:
        super().__init__(f"{what}; delete {' and '.join(file.name for file in files)} and run again")
        self.what = what
        self.files = files
