# Each claim against its expectation, and each control against the claims that it must break.


def claims(wildcards):
    return as_text([vars(claim) for claim in paper_of(wildcards).claims_at(wildcards.scale)])


def control_of(wildcards):
    paper = paper_of(wildcards)
    for control in paper.controls:
        if control.id == wildcards.control:
            return control
    raise WorkflowError(f"{paper.slug}: no control '{wildcards.control}'")


def control_values(wildcards):
    control = control_of(wildcards)
    claims = [vars(claim) for claim in paper_of(wildcards).claims if claim.id in control.breaks]
    return as_text([paper_of(wildcards).parameters("smoke"), vars(control), claims])


rule check:
    input:
        outcome="results/{scale}/{theme}/{paper}/outcome.json",
    output:
        "results/{scale}/{theme}/{paper}/verdicts.json",
        report(
            "results/{scale}/{theme}/{paper}/verdicts.html",
            caption="../report/verdicts.rst",
            category="{theme}",
            subcategory="{paper}",
            labels={"scale": "{scale}", "shows": "claims"},
        ),
    params:
        claims=claims,
    log:
        "logs/{scale}/{theme}/{paper}/check.log",
    benchmark:
        "benchmarks/{scale}/{theme}/{paper}/check.tsv"
    group:
        "{scale}.{theme}.{paper}"
    priority: 5
    resources:
        mem_mb=200,
        runtime=5,
    conda:
        "../../envs/core.yaml"
    message:
        "check       {wildcards.theme}/{wildcards.paper} ({wildcards.scale})"
    shell:
        "python -m litmus check {wildcards.theme}/{wildcards.paper} --scale {wildcards.scale} > {log} 2>&1"


rule control:
    input:
        code=code("data.py", "experiment.py"),
        substrates=substrate_weights,
    output:
        "results/smoke/{theme}/{paper}/controls/{control}.json",
    params:
        values=control_values,
    log:
        "logs/smoke/{theme}/{paper}/control_{control}.log",
    group:
        "smoke.{theme}.{paper}"
    resources:
        mem_mb=memory,
        runtime=runtime,
    conda:
        environment
    message:
        "control     {wildcards.theme}/{wildcards.paper}: {wildcards.control}"
    shell:
        "python -m litmus control-job {wildcards.theme}/{wildcards.paper} --id {wildcards.control} > {log} 2>&1"
