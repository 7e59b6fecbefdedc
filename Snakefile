# Litmus: every claim of every paper, from data to verdict. `snakemake --cores` runs the desk scale.


include: "workflow/rules/common.smk"
include: "workflow/rules/substrates.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/experiment.smk"
include: "workflow/rules/figure.smk"
include: "workflow/rules/check.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        "results/desk/as_expected",


rule smoke:
    input:
        "results/smoke/as_expected",


rule paper:
    input:
        "results/paper/as_expected",


rule controls:
    input:
        "results/smoke/controls_as_expected",
