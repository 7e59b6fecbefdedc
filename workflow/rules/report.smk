# The verdicts of all papers together, and whether they are the expected ones.


localrules:
    verdicts,
    as_expected,
    control_verdicts,
    controls_as_expected,
    reproductions,


rule verdicts:
    input:
        verdicts=suite.all_papers("results/{scale}/{slug}/verdicts.json"),
        figures=suite.all_papers("figures/{scale}/{slug}.svg"),
    output:
        report(
            "results/{scale}/verdicts.csv",
            caption="../report/table.rst",
            category="All verdicts",
            labels={"scale": "{scale}", "shows": "table"},
        ),
        "results/{scale}/verdicts.md",
        "results/{scale}/costs.csv",
    log:
        "logs/{scale}/verdicts.log",
    conda:
        "../../envs/core.yaml"
    message:
        "verdicts of all papers ({wildcards.scale})"
    shell:
        "python -m litmus summary --scale {wildcards.scale} > {log} 2>&1"


rule as_expected:
    input:
        "results/{scale}/verdicts.csv",
        # Named again, as a run that failed leaves a table without them.
        verdicts=suite.all_papers("results/{scale}/{slug}/verdicts.json"),
        figures=suite.all_papers("figures/{scale}/{slug}.svg"),
    output:
        touch("results/{scale}/as_expected"),
    log:
        "logs/{scale}/as_expected.log",
    conda:
        "../../envs/core.yaml"
    params:
        lenient="" if suite.settings["strict"] else "--lenient",
    message:
        "are all verdicts the expected ones? ({wildcards.scale})"
    shell:
        "python -m litmus gate --scale {wildcards.scale} {params.lenient} > {log} 2>&1"


rule control_verdicts:
    input:
        suite.all_controls,
    output:
        "results/smoke/controls.csv",
    log:
        "logs/smoke/control_verdicts.log",
    conda:
        "../../envs/core.yaml"
    message:
        "all controls together"
    shell:
        "python -m litmus summary --controls > {log} 2>&1"


rule controls_as_expected:
    input:
        "results/smoke/controls.csv",
        controls=suite.all_controls,  # named again, as a damaged one is made again while the table is there
    output:
        touch("results/smoke/controls_as_expected"),
    log:
        "logs/smoke/controls_as_expected.log",
    conda:
        "../../envs/core.yaml"
    message:
        "does every control break its claims?"
    shell:
        "python -m litmus gate --controls > {log} 2>&1"


rule reproductions:
    input:
        "results/desk/verdicts.csv",
    log:
        "logs/desk/reproductions.log",
    conda:
        "../../envs/core.yaml"
    message:
        "REPRODUCTIONS.md"
    shell:
        "python -m litmus reproductions > {log} 2>&1"
