# The verdicts of all papers together, and whether they are the expected ones.


localrules:
    verdicts,
    as_expected,
    control_verdicts,
    controls_as_expected,
    reproductions,


rule verdicts:
    input:
        of_all_papers("results/{scale}/{slug}/verdicts.json"),
        of_all_papers("figures/{scale}/{slug}.svg"),
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
    message:
        "verdicts of all papers ({wildcards.scale})"
    shell:
        "python -m litmus summary --scale {wildcards.scale} > {log} 2>&1"


rule as_expected:
    input:
        "results/{scale}/verdicts.csv",
    output:
        touch("results/{scale}/as_expected"),
    params:
        lenient="" if SETTINGS["strict"] else "--lenient",
    log:
        "logs/{scale}/as_expected.log",
    message:
        "are all verdicts the expected ones? ({wildcards.scale})"
    shell:
        "python -m litmus gate --scale {wildcards.scale} {params.lenient} > {log} 2>&1"


rule control_verdicts:
    input:
        [
            f"results/smoke/{slug}/controls/{control.id}.json"
            for slug, paper in PAPERS.items()
            for control in paper.controls
        ],
    output:
        "results/smoke/controls.csv",
    log:
        "logs/smoke/control_verdicts.log",
    message:
        "all controls together"
    shell:
        "python -m litmus summary --controls > {log} 2>&1"


rule controls_as_expected:
    input:
        "results/smoke/controls.csv",
    output:
        touch("results/smoke/controls_as_expected"),
    log:
        "logs/smoke/controls_as_expected.log",
    message:
        "does every control break its claims?"
    shell:
        "python -m litmus gate --controls > {log} 2>&1"


rule reproductions:
    input:
        "results/desk/verdicts.csv",
    output:
        touch("results/desk/reproductions"),
    log:
        "logs/desk/reproductions.log",
    message:
        "REPRODUCTIONS.md"
    shell:
        "python -m litmus reproductions > {log} 2>&1"
