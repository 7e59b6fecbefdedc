# The figure of one paper.


rule figure:
    input:
        code=code("figure.py"),
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
    params:
        caption=lambda wildcards: paper_of(wildcards).caption,
    log:
        "logs/{scale}/{theme}/{paper}/figure.log",
    benchmark:
        "benchmarks/{scale}/{theme}/{paper}/figure.tsv"
    group:
        "{scale}.{theme}.{paper}"
    resources:
        mem_mb=memory,
        runtime=runtime,
    conda:
        "../../envs/core.yaml"
    message:
        "figure      {wildcards.theme}/{wildcards.paper} ({wildcards.scale})"
    shell:
        "python -m litmus figure {wildcards.theme}/{wildcards.paper} --scale {wildcards.scale} > {log} 2>&1"
