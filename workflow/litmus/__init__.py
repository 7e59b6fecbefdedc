"""The kit of Litmus: everything that is not about one paper."""

__version__ = "0.1.0"
