# The data of all seeds of one paper.


rule data:
    input:
        code=code("data.py"),
        substrates=substrate_weights,
    output:
        "results/{scale}/{theme}/{paper}/data.npz",
    params:
        seeds=seeds,
        values=values_of_data,
        options=seed_option,
    log:
        "logs/{scale}/{theme}/{paper}/data.log",
    benchmark:
        "benchmarks/{scale}/{theme}/{paper}/data.tsv"
    group:
        "{scale}.{theme}.{paper}"
    resources:
        mem_mb=memory,
        runtime=runtime,
    conda:
        environment
    message:
        "data        {wildcards.theme}/{wildcards.paper} ({wildcards.scale})"
    shell:
        "python -m litmus data {wildcards.theme}/{wildcards.paper} --scale {wildcards.scale} {params.options} > {log} 2>&1"
