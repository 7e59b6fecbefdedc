"""Random generators that depend on the paper, the stage and the seed, and on nothing else."""

import hashlib

import numpy as np


def generator(owner: str, stage: str, seed: int) -> np.random.Generator:
    """A generator for one stage ("data", "experiment", "train") of one paper or substrate at one seed.

    Results then never depend on what else ran, on the scale, or on the order of jobs.
    """
    digest = hashlib.sha256(f"{owner}/{stage}".encode()).digest()
    words = np.frombuffer(digest, dtype="<u4").tolist()
    return np.random.default_rng(np.random.SeedSequence([seed, *words]))
