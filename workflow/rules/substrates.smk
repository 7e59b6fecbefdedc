# Models and corpora that several papers need, made once and first.


def substrate_code(wildcards):
    return SCANNER.inputs(Path(f"papers/substrates/{wildcards.substrate}/train.py").absolute())


rule substrate:
    input:
        code=substrate_code,
    output:
        "results/substrates/{substrate}/weights.npz",
    params:
        values=lambda wildcards: as_text(SUBSTRATES[wildcards.substrate].params),
    log:
        "logs/all/substrates/{substrate}/train.log",
    benchmark:
        "benchmarks/all/substrates/{substrate}/train.tsv"
    priority: 100
    resources:
        mem_mb=lambda wildcards, attempt: SUBSTRATES[wildcards.substrate].resources["mem_mb"] * attempt,
        runtime=lambda wildcards: SUBSTRATES[wildcards.substrate].resources["runtime"],
    conda:
        "../../envs/torch.yaml"
    message:
        "substrate {wildcards.substrate}"
    shell:
        "python -m litmus substrate {wildcards.substrate} > {log} 2>&1"
