"""The parameters of a scale, as a stage sees them."""

from collections.abc import Iterator, Mapping
from typing import Any

from litmus.errors import LitmusError


class Params(Mapping[str, Any]):
    """Read-only parameters, as ``params.n_users`` or ``params["n_users"]``.

    Asking for a name that the scale does not define is a `LitmusError`. The names that were read are in
    `read`, so that a parameter nobody reads can be reported.
    """

    def __init__(self, values: Mapping[str, Any], owner: str) -> None:
        self._values = dict(values)
        self._owner = owner
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        if name not in self._values:
            known = ", ".join(sorted(self._values)) or "none"
            raise LitmusError(f"{self._owner}: no parameter '{name}' (there are: {known})")
        self.read.add(name)
        return self._values[name]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __repr__(self) -> str:
        return f"Params({self._values!r})"

    @property
    def unread(self) -> set[str]:
        """Names that nobody has asked for."""
        return set(self._values) - self.read
