"""The report: a static site of all verdicts, papers and figures, made from the results of a run."""

from litmus.site.build import build

__all__ = ["build"]
