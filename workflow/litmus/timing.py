"""CPU time of small pieces of code: repeated, paired, median."""

from collections.abc import Callable
from statistics import median
from time import process_time


def cpu_seconds(function: Callable[[], object], repeats: int = 3) -> list[float]:
    """CPU seconds of each of `repeats` calls. Call the function once beforehand if it compiles on first use."""
    seconds = []
    for _ in range(repeats):
        start = process_time()
        function()
        seconds.append(process_time() - start)
    return seconds


def median_seconds(function: Callable[[], object], repeats: int = 3) -> float:
    """Median CPU seconds of one call."""
    return median(cpu_seconds(function, repeats))


def paired_seconds(
    first: Callable[[], object], second: Callable[[], object], repeats: int = 3
) -> tuple[list[float], list[float]]:
    """CPU seconds of two functions called in turn, so that a slow spell of the machine hits both."""
    pairs = [(cpu_seconds(first, 1)[0], cpu_seconds(second, 1)[0]) for _ in range(repeats)]
    return [one for one, _ in pairs], [other for _, other in pairs]


def median_ratio(first: Callable[[], object], second: Callable[[], object], repeats: int = 3) -> float:
    """Median over paired calls of (seconds of `first`) / (seconds of `second`)."""
    return median(one / other for one, other in zip(*paired_seconds(first, second, repeats), strict=True))
