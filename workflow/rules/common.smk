# What all rules share: the papers, their code files, the environment of the jobs, and the table at the end.

import json
import os
import subprocess
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

KIT = str(Path(workflow.basedir) / "workflow")
if KIT not in sys.path:
    sys.path.insert(0, KIT)
# Jobs are plain `python -m litmus` calls: with this interpreter, this kit, this repository and these settings.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [KIT, os.environ.get("PYTHONPATH")]))
os.environ["LITMUS_ROOT"] = os.getcwd()
os.environ["LITMUS_CONFIG"] = json.dumps(config)

from litmus import catalog
from litmus.code_inputs import ImportScanner, parameters_read
from litmus.errors import LitmusError
from litmus.paths import root

root.cache_clear()


def load_everything():
    """The settings, the papers and the substrates; all complaints about them at once."""
    complaints, papers, substrates = [], {}, {}
    try:
        settings = catalog.load_config(config)
        for slug in catalog.select(settings):
            try:
                papers[slug] = catalog.load(slug)
            except LitmusError as error:
                complaints.append(str(error))
        for name in sorted({name for paper in papers.values() for name in paper.substrates}):
            try:
                substrates[name] = catalog.load_substrate(name)
            except LitmusError as error:
                complaints.append(str(error))
    except LitmusError as error:
        complaints.append(str(error))
    if complaints:
        raise WorkflowError("\n".join(complaints))
    return settings, papers, substrates


SETTINGS, PAPERS, SUBSTRATES = load_everything()
SCANNER = ImportScanner(cache=Path(".snakemake/litmus-imports.json"))


wildcard_constraints:
    scale="|".join(catalog.SCALES),
    theme=catalog.NAME.pattern,
    paper=catalog.NAME.pattern,
    control=catalog.NAME.pattern,
    substrate=catalog.NAME.pattern,
    shard=r"\d+",


def paper_of(wildcards):
    slug = f"{wildcards.theme}/{wildcards.paper}"
    if slug not in PAPERS:
        raise WorkflowError(f"no paper '{slug}'{catalog.nearest(slug, PAPERS)}")
    return PAPERS[slug]


def code(*files):
    """Input function: the named files of the paper, and all repository files that they import."""

    def inputs(wildcards):
        folder = Path(f"papers/{wildcards.theme}/{wildcards.paper}").absolute()
        try:
            return sorted({found for file in files for found in SCANNER.inputs(folder / file)})
        except LitmusError as error:
            raise WorkflowError(str(error))

    return inputs


def substrate_weights(wildcards):
    return [f"results/substrates/{name}/weights.npz" for name in paper_of(wildcards).substrates]


def environment(wildcards):
    return f"../../envs/{paper_of(wildcards).env}.yaml"


def memory(wildcards, attempt):
    return paper_of(wildcards).resources["mem_mb"] * attempt


def runtime(wildcards):
    return paper_of(wildcards).resources["runtime"]


def seed_option(wildcards):
    return f"--seeds {SETTINGS['seeds']}" if SETTINGS["seeds"] else ""


def seeds(wildcards):
    return len(paper_of(wildcards).seed_list(wildcards.scale, SETTINGS["seeds"]))


def as_text(value):
    """A value as text, for `params`: a change of the text reruns the job."""
    return json.dumps(value, sort_keys=True, default=str)


def values_of_data(wildcards):
    """The parameters that data.py reads; the experiment's others cannot change the data."""
    paper = paper_of(wildcards)
    values = paper.parameters(wildcards.scale)
    names = parameters_read(Path(f"papers/{paper.slug}/data.py"))
    return as_text({name: value for name, value in values.items() if names is None or name in names})


def values(wildcards):
    return as_text(paper_of(wildcards).parameters(wildcards.scale))


def of_all_papers(pattern):
    """Input function: `pattern` for every paper that has the scale."""

    def inputs(wildcards):
        return [
            pattern.format(scale=wildcards.scale, slug=slug)
            for slug, paper in PAPERS.items()
            if wildcards.scale in paper.scales
        ]

    return inputs


def scales_run():
    """The scales whose results this run may have touched."""
    return [scale for scale in catalog.SCALES if Path("results", scale).is_dir()]


def litmus(*arguments):
    subprocess.run([sys.executable, "-m", "litmus", *arguments], check=False)


SCANNER.save()


onsuccess:
    finish()


onerror:
    finish()


def finish():
    """Write the tables also where a paper failed, and print the one of each scale that was asked for."""
    marks = Path(".snakemake/litmus-started")
    started = marks.stat().st_mtime if marks.is_file() else 0
    for scale in scales_run():
        touched = [
            path
            for kind in ("logs", "figures")
            for path in Path(kind, scale).glob("*/*/*" if kind == "logs" else "*/*")
            if path.stat().st_mtime >= started
        ]
        if touched:
            litmus("summary", "--scale", scale)
            if os.environ.get("LITMUS_TABLE") != "no":
                litmus("verdicts", "--scale", scale)


onstart:
    Path(".snakemake/litmus-started").touch()
