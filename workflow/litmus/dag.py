"""What the Snakemake rules ask of the catalog: inputs, parameters and resources of each job."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from litmus import catalog
from litmus.catalog import Control, Paper, Substrate
from litmus.code_inputs import ImportScanner, parameters_read
from litmus.errors import LitmusError
from litmus.paths import KIT, root

InputFunction = Callable[[Any], list[str]]


def prepare_environment(config: Mapping[str, Any]) -> None:
    """Let jobs (plain ``python -m litmus`` calls) find this interpreter, kit, repository and `config`."""
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(KIT.parent), os.environ.get("PYTHONPATH")]))
    os.environ["LITMUS_ROOT"] = os.getcwd()
    os.environ["LITMUS_CONFIG"] = json.dumps(dict(config))
    root.cache_clear()


class Suite:
    """The papers that a run covers, and one method per thing that a rule asks.

    Methods that take `wildcards` are Snakemake's input and parameter functions. Text that ends up in `params`
    decides when a job is rerun, so it holds what the job's result depends on and nothing else.

    Raises
    ------
    LitmusError
        If a YAML file is wrong; the message has one line per complaint.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        complaints: list[str] = []

        def collect(load: Callable[[str], Any], names: list[str]) -> dict[str, Any]:
            found = {}
            for name in names:
                try:
                    found[name] = load(name)
                except LitmusError as error:
                    complaints.append(str(error))
            return found

        self.settings = catalog.load_config(config)
        self.papers: dict[str, Paper] = collect(catalog.load, catalog.select(self.settings))
        collect(catalog.check_files, list(self.papers))
        needed = sorted({name for paper in self.papers.values() for name in paper.substrates})
        self.substrates: dict[str, Substrate] = collect(catalog.load_substrate, needed)
        if complaints:
            raise LitmusError("\n".join(complaints))
        self._checksums: dict[str, bytes] = {}
        self._scanner = ImportScanner(cache=Path(".snakemake/litmus-imports.json"))

    def paper(self, wildcards: Any) -> Paper:
        slug = f"{wildcards.theme}/{wildcards.paper}"
        if slug not in self.papers:
            raise LitmusError(f"no paper '{slug}'{catalog.nearest(slug, self.papers)}")
        return self.papers[slug]

    def control(self, wildcards: Any) -> Control:
        paper = self.paper(wildcards)
        controls = {control.id: control for control in paper.controls}
        if wildcards.control not in controls:
            raise LitmusError(
                f"{paper.slug}: no control '{wildcards.control}'{catalog.nearest(wildcards.control, controls)}"
            )
        return controls[wildcards.control]

    # Inputs

    def code(self, *files: str) -> InputFunction:
        """The named files of the paper, and all repository files that they import."""

        def inputs(wildcards: Any) -> list[str]:
            folder = root() / "papers" / wildcards.theme / wildcards.paper
            return sorted({found for file in files for found in self._scanner.inputs(folder / file)})

        return inputs

    def substrate_code(self, wildcards: Any) -> list[str]:
        return self._scanner.inputs(root() / "papers" / "substrates" / wildcards.substrate / "train.py")

    def digest(self, inputs: InputFunction) -> Callable[[Any], str]:
        """Of the contents of these files: what changed is rerun even where a clock was set back."""

        def checksum(wildcards: Any) -> str:
            total = hashlib.sha256()
            for file in inputs(wildcards):
                if file not in self._checksums:
                    content = (root() / file).read_bytes() if (root() / file).is_file() else b""
                    self._checksums[file] = hashlib.sha256(content).digest()
                total.update(file.encode() + b"\0" + self._checksums[file])
            return total.hexdigest()[:16]

        return checksum

    def check_code(self, wildcards: Any) -> list[str]:
        return self._scanner.inputs(KIT / "claims.py")

    def substrate_weights(self, wildcards: Any) -> list[str]:
        return [f"results/substrates/{name}/weights.npz" for name in self.paper(wildcards).substrates]

    def shards(self, wildcards: Any) -> list[str]:
        paper = self.paper(wildcards)
        folder = f"results/{wildcards.scale}/{paper.slug}/shards"
        return [f"{folder}/{shard}/outcome.json" for shard in range(paper.shards)] if paper.shards > 1 else []

    def all_papers(self, pattern: str) -> InputFunction:
        """`pattern` for every paper that has the scale."""

        def inputs(wildcards: Any) -> list[str]:
            scale = wildcards.scale
            return [
                pattern.format(scale=scale, slug=slug) for slug, paper in self.papers.items() if scale in paper.scales
            ]

        return inputs

    def all_controls(self, wildcards: Any) -> list[str]:
        return [
            f"results/smoke/{slug}/controls/{control.id}.json"
            for slug, paper in self.papers.items()
            for control in paper.controls
        ]

    def save_cache(self) -> None:
        """Remember the imports that were read, for the next run."""
        self._scanner.save()

    # Parameters

    def n_seeds(self, wildcards: Any) -> int:
        return len(self.paper(wildcards).seed_list(wildcards.scale, self.settings["seeds"]))

    def seed_option(self, wildcards: Any) -> str:
        return f"--seeds {self.settings['seeds']}" if self.settings["seeds"] else ""

    def values(self, wildcards: Any) -> str:
        return _text(self.paper(wildcards).parameters(wildcards.scale))

    def values_of_data(self, wildcards: Any) -> str:
        """The parameters that data.py reads; the experiment's others cannot change the data."""
        paper = self.paper(wildcards)
        names = parameters_read(root() / "papers" / paper.slug / "data.py")
        values = paper.parameters(wildcards.scale)
        return _text({name: value for name, value in values.items() if names is None or name in names})

    def substrate_values(self, wildcards: Any) -> str:
        return _text(self.substrates[wildcards.substrate].params)

    def claims(self, wildcards: Any) -> str:
        return _text([vars(claim) for claim in self.paper(wildcards).claims_at(wildcards.scale)])

    def control_values(self, wildcards: Any) -> str:
        paper, control = self.paper(wildcards), self.control(wildcards)
        claims = [(c.id, c.metric, c.expect, c.over) for c in paper.claims if c.id in control.breaks]
        return _text([paper.parameters("smoke"), paper.seed_list("smoke"), control.set, control.at, claims])

    # Resources

    def environment(self, wildcards: Any) -> str:
        return str(KIT.parent.parent / "envs" / f"{self.paper(wildcards).env}.yaml")

    def memory(self, wildcards: Any, attempt: int) -> int:
        """Megabytes; more at each retry."""
        return _resource(self.paper(wildcards), "mem_mb") * attempt

    def runtime(self, wildcards: Any) -> int:
        """Minutes."""
        return _resource(self.paper(wildcards), "runtime")

    def substrate_memory(self, wildcards: Any, attempt: int) -> int:
        return _resource(self.substrates[wildcards.substrate], "mem_mb") * attempt

    def substrate_runtime(self, wildcards: Any) -> int:
        return _resource(self.substrates[wildcards.substrate], "runtime")


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _resource(owner: Paper | Substrate, name: str) -> int:
    return (owner.resources or catalog.DEFAULT_RESOURCES)[name]
