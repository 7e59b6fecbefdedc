"""Stages in one process: what they write, and the one line that each fault gives."""

import json

import numpy as np
import pytest
from helpers import edit, run_stages

from litmus import catalog, simulate, stages
from litmus.errors import LitmusError
from litmus.files import saved_arrays
from litmus.paths import results_dir


def test_scaffold_runs_and_its_claim_holds(repository, add_paper):
    add_paper("toy/a")
    (verdict,) = run_stages("toy/a")
    assert verdict["verdict"] == "holds"
    assert verdict["as_expected"]
    samples = simulate.generate(catalog.load("toy/a"), catalog.load("toy/a").params("smoke"), 0)[0]["samples"]
    assert verdict["value"] == pytest.approx(samples.var(axis=1, ddof=1).mean(), rel=1e-14)
    assert (repository / "figures/smoke/toy/a.svg").read_text().startswith("<?xml")
    assert "toy/a" in (results_dir("toy/a", "smoke") / "verdicts.html").read_text()


def test_arrays_have_one_layout_before_and_after_they_are_saved(add_paper):
    add_paper(
        "toy/a", data={"rng.standard_normal(": "rng.standard_normal((2, 3, 4)).T, 'one': 3.0, 'more': rng.normal("}
    )
    stages.data(catalog.load("toy/a"), "smoke", [0])
    generated, _ = simulate.generate(catalog.load("toy/a"), catalog.load("toy/a").params("smoke"), 0)
    with saved_arrays(results_dir("toy/a", "smoke") / "data.npz") as loaded:
        for name, shape in (("samples", (4, 3, 2)), ("one", ())):
            for array in (generated[name], loaded[f"0/{name}"]):
                assert array.shape == shape
                assert array.flags.c_contiguous


def test_two_runs_give_the_same_bits(repository, add_paper):
    add_paper("toy/a")
    files = ["data.npz", "outcome.json", "tables/estimates.csv"]
    run_stages("toy/a", "desk")
    first = [(results_dir("toy/a", "desk") / file).read_bytes() for file in files]
    run_stages("toy/a", "desk")
    assert first == [(results_dir("toy/a", "desk") / file).read_bytes() for file in files]


def test_shards_give_what_one_job_gives(add_paper):
    folder = add_paper("toy/a")
    run_stages("toy/a", "desk")
    whole = [(results_dir("toy/a", "desk") / file).read_bytes() for file in ("outcome.json", "tables/estimates.csv")]
    edit(folder / "paper.yaml", "env: core", "shards: 2\nenv: core")
    run_stages("toy/a", "desk")
    assert whole == [
        (results_dir("toy/a", "desk") / file).read_bytes() for file in ("outcome.json", "tables/estimates.csv")
    ]


FAULTS = [
    ("data", "params.n_repeats", "params.n_repeat", "no parameter 'n_repeat'"),
    (
        "data",
        "rng.standard_normal((params.n_repeats, params.n_samples))",
        "np.array([None])",
        "Python objects",
    ),
    ("data", "def generate", "def generates", "expected a function 'generate'"),
    (
        "experiment",
        "params.unbiased",
        "True",
        "scales.smoke.unbiased: neither data.py nor experiment.py reads it",
    ),
    ("experiment", "params.unbiased", "params.biased", "no parameter 'biased'"),
    (
        "experiment",
        'pd.DataFrame({"estimate": estimates})',
        'pd.DataFrame({"estimate": []})',
        "'estimates' has no rows",
    ),
    ("experiment", "return Outcome", "return dict", "expected an Outcome"),
    ("figure", "return figure", "return None", "no matplotlib Figure"),
]


@pytest.mark.parametrize(("module", "old", "new", "message"), FAULTS)
def test_faults_are_one_line(repository, add_paper, module, old, new, message):
    edit(add_paper("toy/a") / f"{module}.py", old, new)
    with pytest.raises(LitmusError) as caught:
        run_stages("toy/a")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_nan_is_an_error_verdict(add_paper):
    add_paper("toy/a", experiment={"estimates.mean()": "float('nan')"})
    (verdict,) = run_stages("toy/a")
    assert verdict["verdict"] == "error"
    assert "NaN" in verdict["message"]


def test_metric_that_is_never_produced_is_an_error_verdict(add_paper):
    add_paper("toy/a", experiment={'"mean_variance_estimate"': '"mean_variance"'})
    (verdict,) = run_stages("toy/a")
    assert verdict["verdict"] == "error"
    assert "mean_variance" in verdict["message"]


@pytest.mark.parametrize("damage", [lambda content: content[:-100], lambda content: b"", lambda content: content[:200]])
def test_damaged_data_is_never_read_as_good(add_paper, damage):
    add_paper("toy/a")
    paper = catalog.load("toy/a")
    stages.data(paper, "smoke", [0])
    file = results_dir("toy/a", "smoke") / "data.npz"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(LitmusError, match=r"data\.npz: damaged"):
        stages.experiment(paper, "smoke", [0])


def test_flipped_byte_in_data_is_noticed(add_paper):
    add_paper("toy/a")
    paper = catalog.load("toy/a")
    stages.data(paper, "smoke", [0])
    file = results_dir("toy/a", "smoke") / "data.npz"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 255
    file.write_bytes(content)
    with pytest.raises(LitmusError, match=r"data\.npz: damaged"):
        stages.experiment(paper, "smoke", [0])


def test_data_gets_only_the_parameters_that_it_names(add_paper):
    add_paper("toy/a")
    paper = catalog.load("toy/a")
    _, read = simulate.generate(paper, paper.params("smoke"), 0)
    assert read == {"n_samples", "n_repeats"}


def test_control_breaks_its_claim(add_paper):
    add_paper("toy/a")
    record = stages.control(catalog.load("toy/a"), "divide_by_n")
    assert record["result"] == "broken"
    assert record["claims"][0]["value"] == pytest.approx(0.9, abs=0.05)


def test_control_under_which_the_claim_holds_has_survived(add_paper):
    add_paper("toy/a", paper={"set: {unbiased: false}": "set: {n_samples: 12}"})
    assert stages.control(catalog.load("toy/a"), "divide_by_n")["result"] == "survived"


def test_control_at_sizes_at_which_the_claim_never_held(add_paper):
    at = "set: {unbiased: false}\n    at: {n_repeats: 2}"
    add_paper("toy/a", paper={"set: {unbiased: false}": at, "abs: 0.05": "abs: 0.00001"})
    assert stages.control(catalog.load("toy/a"), "divide_by_n")["result"] == "not intact"


def test_control_that_gives_nan_is_an_error(add_paper):
    add_paper("toy/a", method={"else n)": "else np.nan)"})
    with pytest.raises(LitmusError, match="NaN"):
        stages.control(catalog.load("toy/a"), "divide_by_n")


def test_failing_claim_as_recorded(add_paper):
    fails = "outcome: fails\n    because: it is a test\n    uncontrolled: it is a test\n    scales: [smoke, desk]"
    folder = add_paper("toy/a", paper={"scales: [smoke, desk]": fails, "equals: 1.0": "equals: 2.0"})
    edit(folder / "paper.yaml", "breaks: [unbiased_variance]", "breaks: [other]")
    edit(
        folder / "paper.yaml",
        "controls:",
        "  - {id: other, says: x, source: x, reported: null, metric: mean_variance_estimate, expect: {at_least: 0.95},"
        " tolerance: x, scales: [smoke]}\ncontrols:",
    )
    first, second = run_stages("toy/a")
    assert (first["verdict"], first["as_expected"]) == ("fails", True)
    assert (second["verdict"], second["as_expected"]) == ("holds", True)


def test_infinities_survive_in_verdicts(repository, add_paper):
    add_paper("toy/a", experiment={"estimates.mean()": "float('inf')"})
    (verdict,) = run_stages("toy/a")
    assert verdict["verdict"] == "fails"
    stored = json.loads((results_dir("toy/a", "smoke") / "verdicts.json").read_text())["claims"]
    assert float(stored[0]["value"]) == np.inf


def test_substrate_is_made_and_saved(repository):
    folder = repository / "papers" / "substrates" / "toy_lm"
    folder.mkdir(parents=True)
    (folder / "substrate.yaml").write_text("{title: t, says: s, env: core, params: {width: 3}}")
    (folder / "train.py").write_text("def train(params, rng):\n    return {'w': rng.standard_normal(params.width)}\n")
    stages.substrate("toy_lm")
    with np.load(repository / "results/substrates/toy_lm/weights.npz") as weights:
        assert weights["w"].shape == (3,)
    with pytest.raises(LitmusError, match="did you mean toy_lm"):
        stages.substrate("toy_ml")
