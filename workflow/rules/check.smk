# Each claim against its expectation, and each control against the claims that it must break.


rule check:
    input:
        code=suite.check_code,
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
    log:
        "logs/{scale}/{theme}/{paper}/check.log",
    benchmark:
        "benchmarks/{scale}/{theme}/{paper}/check.tsv"
    priority: 5
    group:
        "{scale}.{theme}.{paper}"
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=200,
        runtime=5,
    params:
        content=suite.digest(suite.check_code),
        claims=suite.claims,
    message:
        "check       {wildcards.theme}/{wildcards.paper} ({wildcards.scale})"
    shell:
        "python -m litmus check {wildcards.theme}/{wildcards.paper} --scale {wildcards.scale} > {log} 2>&1"


rule control:
    input:
        code=suite.code("data.py", "experiment.py"),
        substrates=suite.substrate_weights,
    output:
        "results/smoke/{theme}/{paper}/controls/{control}.json",
    log:
        "logs/smoke/{theme}/{paper}/control_{control}.log",
    group:
        "smoke.{theme}.{paper}"
    conda:
        suite.environment
    resources:
        mem_mb=suite.memory,
        runtime=suite.runtime,
    params:
        content=suite.digest(suite.code("data.py", "experiment.py")),
        values=suite.control_values,
    message:
        "control     {wildcards.theme}/{wildcards.paper}: {wildcards.control}"
    shell:
        "python -m litmus control-job {wildcards.theme}/{wildcards.paper} --id {wildcards.control} > {log} 2>&1"
