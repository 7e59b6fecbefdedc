# Metrics and tables of all seeds of one paper; where a paper asks for shards, each on its own and then put together.


rule shard:
    input:
        code=suite.code("experiment.py"),
        data="results/{scale}/{theme}/{paper}/data.npz",
        substrates=suite.substrate_weights,
    output:
        "results/{scale}/{theme}/{paper}/shards/{shard}/outcome.json",
        directory("results/{scale}/{theme}/{paper}/shards/{shard}/tables"),
    log:
        "logs/{scale}/{theme}/{paper}/experiment_{shard}.log",
    benchmark:
        "benchmarks/{scale}/{theme}/{paper}/experiment_{shard}.tsv"
    priority: 20
    group:
        "{scale}.{theme}.{paper}"
    conda:
        suite.environment
    resources:
        mem_mb=suite.memory,
        runtime=suite.runtime,
    params:
        content=suite.digest(suite.code("experiment.py")),
        seeds=suite.n_seeds,
        values=suite.values,
        options=suite.seed_option,
    message:
        "shard {wildcards.shard}     {wildcards.theme}/{wildcards.paper} ({wildcards.scale})"
    shell:
        "python -m litmus experiment {wildcards.theme}/{wildcards.paper} --scale {wildcards.scale} --shard {wildcards.shard}"
        " {params.options} > {log} 2>&1"


rule experiment:
    input:
        code=suite.code("experiment.py"),
        data="results/{scale}/{theme}/{paper}/data.npz",
        substrates=suite.substrate_weights,
        shards=suite.shards,
    output:
        "results/{scale}/{theme}/{paper}/outcome.json",
        directory("results/{scale}/{theme}/{paper}/tables"),
    log:
        "logs/{scale}/{theme}/{paper}/experiment.log",
    benchmark:
        "benchmarks/{scale}/{theme}/{paper}/experiment.tsv"
    priority: 10
    group:
        "{scale}.{theme}.{paper}"
    conda:
        suite.environment
    resources:
        mem_mb=suite.memory,
        runtime=suite.runtime,
    params:
        content=suite.digest(suite.code("experiment.py")),
        seeds=suite.n_seeds,
        values=suite.values,
        options=suite.seed_option,
    message:
        "experiment  {wildcards.theme}/{wildcards.paper} ({wildcards.scale})"
    shell:
        "python -m litmus experiment {wildcards.theme}/{wildcards.paper} --scale {wildcards.scale} {params.options}"
        " > {log} 2>&1"
