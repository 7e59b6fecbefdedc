"""Tests run like jobs do: with one thread each."""

from litmus.jobs import single_thread

single_thread()
