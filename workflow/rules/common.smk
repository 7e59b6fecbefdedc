# What all rules share: the kit, the papers, wildcards, and the table at the end of a run.

import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

sys.path.insert(0, str(Path(workflow.basedir) / "workflow"))

from litmus import catalog, dag, lifecycle
from litmus.errors import LitmusError

dag.prepare_environment(config)
if workflow.is_main_process:
    lifecycle.mend_what_was_left()
try:
    suite = dag.Suite(config)
except LitmusError as error:
    raise WorkflowError(str(error)) from None


wildcard_constraints:
    scale="|".join(catalog.SCALES),
    theme=catalog.NAME.pattern,
    paper=catalog.NAME.pattern,
    control=catalog.NAME.pattern,
    substrate=catalog.NAME.pattern,
    shard=r"\d+",


onstart:
    suite.save_cache()
    lifecycle.started()


onsuccess:
    lifecycle.finished(failed=False)


onerror:
    lifecycle.finished(failed=True)
