# Models and corpora that several papers need, made once and first.


rule substrate:
    input:
        code=suite.substrate_code,
    output:
        "results/substrates/{substrate}/weights.npz",
    log:
        "logs/all/substrates/{substrate}/train.log",
    benchmark:
        "benchmarks/all/substrates/{substrate}/train.tsv"
    priority: 100
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=suite.substrate_memory,
        runtime=suite.substrate_runtime,
    params:
        content=suite.digest(suite.substrate_code),
        values=suite.substrate_values,
    message:
        "substrate {wildcards.substrate}"
    shell:
        "python -m litmus substrate {wildcards.substrate} > {log} 2>&1"
