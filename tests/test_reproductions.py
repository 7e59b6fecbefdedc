"""The committed table of all papers is not stale."""

import re

from helpers import REPOSITORY

from litmus import catalog


def test_every_paper_and_claim_is_listed(monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    listed = {
        (match[1], match[2])
        for match in re.finditer(r"^\| (\w+) \| (\w+) \|", (REPOSITORY / "REPRODUCTIONS.md").read_text(), re.M)
    } - {("paper", "claim")}
    expected = {
        (paper.name, claim.id) for paper in map(catalog.load, catalog.slugs()) for claim in paper.claims_at("desk")
    }
    assert listed == expected, "REPRODUCTIONS.md is stale: run `make reproduce` and `make reproductions`"
