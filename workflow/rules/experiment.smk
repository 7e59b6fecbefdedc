# Metrics and tables of all seeds of one paper; where a paper asks for shards, each on its own and then put together.


def shards(wildcards):
    number = paper_of(wildcards).shards
    pattern = f"results/{wildcards.scale}/{wildcards.theme}/{wildcards.paper}/shards/{{}}/outcome.json"
    return [pattern.format(shard) for shard in range(number)] if number > 1 else []


rule shard:
    input:
        code=code("experiment.py"),
        data="results/{scale}/{theme}/{paper}/data.npz",
        substrates=substrate_weights,
    output:
        "results/{scale}/{theme}/{paper}/shards/{shard}/outcome.json",
        directory("results/{scale}/{theme}/{paper}/shards/{shard}/tables"),
    params:
        seeds=seeds,
        values=values,
        options=seed_option,
    log:
        "logs/{scale}/{theme}/{paper}/experiment_{shard}.log",
    benchmark:
        "benchmarks/{scale}/{theme}/{paper}/experiment_{shard}.tsv"
    group:
        "{scale}.{theme}.{paper}"
    priority: 20
    resources:
        mem_mb=memory,
        runtime=runtime,
    conda:
        environment
    message:
        "shard {wildcards.shard}     {wildcards.theme}/{wildcards.paper} ({wildcards.scale})"
    shell:
        "python -m litmus experiment {wildcards.theme}/{wildcards.paper} --scale {wildcards.scale} --shard {wildcards.shard}"
        " {params.options} > {log} 2>&1"


rule experiment:
    input:
        code=code("experiment.py"),
        data="results/{scale}/{theme}/{paper}/data.npz",
        substrates=substrate_weights,
        shards=shards,
    output:
        "results/{scale}/{theme}/{paper}/outcome.json",
        directory("results/{scale}/{theme}/{paper}/tables"),
    params:
        seeds=seeds,
        values=values,
        options=seed_option,
    log:
        "logs/{scale}/{theme}/{paper}/experiment.log",
    benchmark:
        "benchmarks/{scale}/{theme}/{paper}/experiment.tsv"
    group:
        "{scale}.{theme}.{paper}"
    priority: 10
    resources:
        mem_mb=memory,
        runtime=runtime,
    conda:
        environment
    message:
        "experiment  {wildcards.theme}/{wildcards.paper} ({wildcards.scale})"
    shell:
        "python -m litmus experiment {wildcards.theme}/{wildcards.paper} --scale {wildcards.scale} {params.options}"
        " > {log} 2>&1"
