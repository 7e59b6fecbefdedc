# The data of all seeds of one paper.


rule data:
    input:
        code=suite.code("data.py"),
        substrates=suite.substrate_weights,
    output:
        "results/{scale}/{theme}/{paper}/data.npz",
    log:
        "logs/{scale}/{theme}/{paper}/data.log",
    benchmark:
        "benchmarks/{scale}/{theme}/{paper}/data.tsv"
    group:
        "{scale}.{theme}.{paper}"
    conda:
        suite.environment
    resources:
        mem_mb=suite.memory,
        runtime=suite.runtime,
    params:
        content=suite.digest(suite.code("data.py")),
        seeds=suite.n_seeds,
        values=suite.values_of_data,
        options=suite.seed_option,
    message:
        "data        {wildcards.theme}/{wildcards.paper} ({wildcards.scale})"
    shell:
        "python -m litmus data {wildcards.theme}/{wildcards.paper} --scale {wildcards.scale} {params.options} > {log} 2>&1"
