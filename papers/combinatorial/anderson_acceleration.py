"""Anderson acceleration (type I, safeguarded) of a fixed-point iteration x <- F(x).

References
----------
J. Zhang, B. O'Donoghue, S. Boyd, Globally convergent type-I Anderson acceleration for nonsmooth fixed-point
iterations, SIAM J. Optim. 30, 2020.
"""

import numpy as np

REGULARISATION = 1e-8
LARGEST_WEIGHT = 1e10


class AndersonAcceleration:
    """Extrapolates a fixed-point iteration from some of its last steps.

    Every `interval` steps one is recorded; once there are `memory` differences of recorded steps, the next point is
    extrapolated from them. If the map moves the extrapolated point further than it moved the recorded one, the
    extrapolation is undone and the records are dropped.

    Parameters
    ----------
    memory : int
        Number of differences; 0 leaves the iteration as it is.
    interval : int
        Steps between two recorded ones.
    """

    def __init__(self, memory: int = 10, interval: int = 10) -> None:
        self.memory, self.interval = memory, interval
        self.forget()

    def forget(self) -> None:
        """Drop the records, for instance because the map has changed."""
        self._steps = 0
        self._recorded: tuple[np.ndarray, np.ndarray] | None = None
        self._inputs: list[np.ndarray] = []
        self._residuals: list[np.ndarray] = []
        self._on_trial: tuple[np.ndarray, float] | None = None

    def advance(self, point: np.ndarray, image: np.ndarray) -> np.ndarray:
        """The point that follows `point`, whose image under the map is `image`; shapes (n,)."""
        residual = point - image
        if self._on_trial is not None:
            (plain, plain_norm), self._on_trial = self._on_trial, None
            if np.linalg.norm(residual) > plain_norm:
                self.forget()
                return plain
        self._steps += 1
        if self.memory == 0 or self._steps % self.interval:
            return image
        if self._recorded is not None:
            self._inputs = [*self._inputs, point - self._recorded[0]][-self.memory :]
            self._residuals = [*self._residuals, residual - self._recorded[1]][-self.memory :]
        self._recorded = point, residual
        proposal = self._extrapolate(image, residual)
        if proposal is None:
            return image
        self._on_trial = image, float(np.linalg.norm(residual))
        return proposal

    def _extrapolate(self, image: np.ndarray, residual: np.ndarray) -> np.ndarray | None:
        if len(self._inputs) < self.memory:
            return None
        inputs, residuals = np.array(self._inputs), np.array(self._residuals)
        ridge = REGULARISATION * np.linalg.norm(inputs) * np.linalg.norm(residuals)
        try:
            weights = np.linalg.solve(inputs @ residuals.T + ridge * np.eye(self.memory), inputs @ residual)
        except np.linalg.LinAlgError:
            return None
        if not np.linalg.norm(weights) < LARGEST_WEIGHT:
            return None
        return image - weights @ (inputs - residuals)
