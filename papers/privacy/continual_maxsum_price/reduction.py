"""The lower bound: one-way marginals of a secret table, read off a stream's running maximum, and traced.

A table Y in {0, 1}^{n x d} is embedded in a stream of T = n + 2nd steps: its n rows; then in round j = 1..d, n
copies of e_j and n copies of 1 - e_j. Coordinate j leads after its n copies, and after a round all coordinates
have gained n. So MaxSum at step 2nj, less nj, is the marginal count S_j = sum_i Y_ij. Only the first n records
depend on Y: what is read off a private release is private for the rows of Y.

Accurate marginals of many columns cannot be private, because they can be traced: a row of the table correlates
with the answers more than a fresh row does.
"""

import math

import numpy as np
from scipy.special import ndtr

# --- The stream -------------------------------------------------------------------------------------------


def stream_length(n_rows: int, n_columns: int) -> int:
    """T = n + 2nd."""
    return n_rows + 2 * n_rows * n_columns


def reduction_stream(table: np.ndarray) -> np.ndarray:
    """All records, shape (T, n_columns) of 0 and 1, for a table (n_rows, n_columns)."""
    n_rows, n_columns = table.shape
    units = np.eye(n_columns, dtype=np.int64)
    rounds = [np.repeat([unit, 1 - unit], n_rows, axis=0) for unit in units]
    return np.concatenate([table.astype(np.int64), *rounds])


def reduction_maxima(table: np.ndarray) -> np.ndarray:
    """MaxSum at every step, shape (T,), without the stream.

    In round j coordinate j goes from S_j up by n, then the others follow. Of these only the largest matters; if
    that is coordinate j itself, it has risen already.
    """
    n_rows, n_columns = table.shape
    counts = table.sum(axis=0)
    climb = np.arange(1, n_rows + 1)
    own = counts[:, None] + np.hstack([climb, np.full(n_rows, n_rows)])
    others = counts.max() + np.hstack([np.zeros(n_rows, dtype=int), climb])
    offsets = n_rows * np.arange(n_columns)[:, None]
    rounds = np.maximum(own, others) + offsets
    return np.concatenate([np.cumsum(table, axis=0).max(axis=1), rounds.ravel()])


def reading_steps(n_rows: int, n_columns: int) -> np.ndarray:
    """The steps 2nj, shape (n_columns,), at which marginal j is the maximum less nj."""
    return 2 * n_rows * np.arange(1, n_columns + 1)


def read_marginals(outputs: np.ndarray, n_rows: int, n_columns: int, late: bool = False) -> np.ndarray:
    """Marginal counts (n_columns,) as seen in continual outputs (T,).

    ``late`` reads at the ends of the rounds, when the other coordinates have caught up.
    """
    steps = reading_steps(n_rows, n_columns) + (n_rows if late else 0)
    return outputs[steps - 1] - n_rows * np.arange(1, n_columns + 1)


# --- Tracing ----------------------------------------------------------------------------------------------


def tracing_scores(rows: np.ndarray, marginals: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    """Scores <y - p, q - p>, shape (n_tables, n_rows): large where row y went into the answers q.

    Parameters
    ----------
    rows : ndarray, shape (n_tables, n_rows, n_columns)
    marginals, frequencies : ndarray, shape (n_tables, n_columns)
        p, that the rows were drawn from, and the answers q, as shares of the table's rows.
    """
    direction = frequencies - marginals
    return np.matmul(rows, direction[:, :, None])[:, :, 0] - (marginals * direction).sum(axis=1, keepdims=True)


def empirical_advantage(member_scores: np.ndarray, fresh_scores: np.ndarray) -> float:
    """Largest difference, over thresholds, between the shares of members and of fresh rows that score above it."""
    members, fresh = np.sort(member_scores, axis=None), np.sort(fresh_scores, axis=None)
    thresholds = np.concatenate([members, fresh])
    below = [np.searchsorted(scores, thresholds, side="right") / scores.size for scores in (members, fresh)]
    return float((below[1] - below[0]).max())


class TracingGame:
    """Tracing answers that carry Gaussian error: the advantage as a function of the error's size.

    With error N(0, sigma^2) on each count, a row's score is Gaussian around its score without error, with
    standard deviation sigma ||y - p|| / n. The mean over the error is therefore taken exactly, for each row, and
    only tables and rows are sampled.

    Parameters
    ----------
    members, fresh : ndarray, shape (n_tables, n_rows, n_columns)
        Rows that are in the tables, and rows of the same marginals that are not.
    marginals : ndarray, shape (n_tables, n_columns)
    """

    def __init__(self, members: np.ndarray, fresh: np.ndarray, marginals: np.ndarray) -> None:
        n_rows = members.shape[1]
        frequencies = members.mean(axis=1)
        self.scores = [tracing_scores(rows, marginals, frequencies).ravel() for rows in (members, fresh)]
        self.widths = [squared_distances(rows, marginals).ravel() ** 0.5 / n_rows for rows in (members, fresh)]

    def advantage(self, sigma: float, n_thresholds: int = 81) -> float:
        """Largest expected difference between true and false positive rates, over a grid of thresholds."""
        if sigma == 0:
            return empirical_advantage(*self.scores)
        # Beyond the two means, widened by the spread, no threshold is best.
        centres = [scores.mean() for scores in self.scores]
        margin = self.scores[1].std() + sigma * self.widths[1].mean()
        thresholds = np.linspace(min(centres) - margin, max(centres) + margin, n_thresholds)
        rates = [
            ndtr((scores - thresholds[:, None]) / (sigma * widths)).mean(axis=1)
            for scores, widths in zip(self.scores, self.widths, strict=True)
        ]
        return float((rates[0] - rates[1]).max())

    def noise_threshold(self, allowed: float, n_halvings: int = 12) -> float:
        """sigma*: the error at which the advantage falls to ``allowed``, by bisection of log sigma in [0.1, 1000]."""
        low, high = math.log(0.1), math.log(1000)
        for _ in range(n_halvings):
            middle = (low + high) / 2
            if self.advantage(math.exp(middle)) > allowed:
                low = middle
            else:
                high = middle
        return math.exp((low + high) / 2)


def squared_distances(rows: np.ndarray, marginals: np.ndarray) -> np.ndarray:
    """||y - p||^2 for bits y: sum of p^2 + y (1 - 2p); shape (n_tables, n_rows)."""
    return np.matmul(rows, (1 - 2 * marginals)[:, :, None])[:, :, 0] + (marginals**2).sum(axis=1, keepdims=True)


def allowed_advantage(epsilon: float) -> float:
    """(e^epsilon - 1)/(e^epsilon + 1): the most that epsilon-DP allows any test of membership."""
    return math.tanh(epsilon / 2)
