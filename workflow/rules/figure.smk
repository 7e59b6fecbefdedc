# The figure of one paper.


rule figure:
    input:
        code=suite.code("figure.py"),
        outcome="results/{scale}/{theme}/{paper}/outcome.json",
        tables="results/{scale}/{theme}/{paper}/tables",
    output:
        report(
            "figures/{scale}/{theme}/{paper}.svg",
            caption="../report/figure.rst",
            category="{theme}",
            subcategory="{paper}",
            labels={"scale": "{scale}", "shows": "figure"},
        ),
        "figures/{scale}/{theme}/{paper}.png",
    log:
        "logs/{scale}/{theme}/{paper}/figure.log",
    benchmark:
        "benchmarks/{scale}/{theme}/{paper}/figure.tsv"
    group:
        "{scale}.{theme}.{paper}"
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=suite.memory,
        runtime=suite.runtime,
    params:
        content=suite.digest(suite.code("figure.py")),
        caption=lambda wildcards: suite.paper(wildcards).caption,
    message:
        "figure      {wildcards.theme}/{wildcards.paper} ({wildcards.scale})"
    shell:
        "python -m litmus figure {wildcards.theme}/{wildcards.paper} --scale {wildcards.scale} > {log} 2>&1"
