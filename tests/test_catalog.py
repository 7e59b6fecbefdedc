"""Bad paper.yaml and config.yaml: one line that names the file, the field and what was expected."""

import os
import re
from pathlib import Path

import pytest
from helpers import edit

from litmus import catalog
from litmus.errors import LitmusError

# (what to replace in the scaffold's paper.yaml, by what, what the message must name)
BAD_PAPERS = [
    ("title: The", "titel: The", "titel"),
    ("title: The title of the paper of toy/a\n", "", "title"),
    ("title: The title of the paper of toy/a", "title: 7", "title"),
    ("title: The title of the paper of toy/a", "title: ''", "title"),
    (
        "title: The title of the paper of toy/a",
        "title: !!python/object/apply:os.system ['touch hacked']",
        "python",
    ),
    ("title: The title of the paper of toy/a", "title: !!python/name:os.system", "python"),
    ("title: The title of the paper of toy/a", "title: [", "line"),
    ("title: The title of the paper of toy/a", "title: &x The\ncaption: *x", "alias"),
    ("url: https://arxiv.org", "url: http://arxiv.org", "url"),
    ("url: https://arxiv.org", "url: javascript:alert(1)//", "url"),
    ("code: null", "code: 3", "code"),
    ("year: 2025", "year: '2025'", "year"),
    ("year: 2025", "year: 20250", "year"),
    ("evidence: exact ", "evidence: exat ", "evidence"),
    ("env: core", "env: julia", "env"),
    ("env: core", "env: core; touch hacked", "env"),
    ("seeds: {smoke: 1, desk: 3}", "seeds: {smoke: 0, desk: 3}", "seeds"),
    ("seeds: {smoke: 1, desk: 3}", "seeds: {smoke: 1}", "desk"),
    ("seeds: {smoke: 1, desk: 3}", "seeds: {smoke: 1, desk: 3, paper: 2}", "paper"),
    ("seeds: {smoke: 1, desk: 3}", "seeds: 3", "seeds"),
    ("seeds: {smoke: 1, desk: 3}", "seeds: {smoke: 1, desk: 3, huge: 3}", "huge"),
    ("  desk: {n_samples: 10, n_repeats: 20000}", "  desk: {n_samples: 10}", "n_repeats"),
    ("  desk: {n_samples: 10, n_repeats: 20000}", "  desk: {n_samples: null, n_repeats: 1}", "n_samples"),
    ("  desk: {n_samples: 10, n_repeats: 20000}", "  desc: {n_samples: 10, n_repeats: 20000}", "desc"),
    ("  desk: {n_samples: 10, n_repeats: 20000}", "  desk: {n_samples: 10, N: 20000}", "N"),
    ("defaults: {unbiased: true}", "defaults: {n_samples: 3}", "n_samples"),
    ("  - id: unbiased_variance\n", "  - id: Unbiased Variance\n", "id"),
    ("  - id: unbiased_variance\n", "  - id: ../../x\n", "id"),
    ("    metric: mean_variance_estimate\n", "", "metric"),
    ("    metric: mean", "    metrik: mean", "metrik"),
    ("expect: {equals: 1.0, abs: 0.05}", "expect: {equals: 1.0}", "expect"),
    ("expect: {equals: 1.0, abs: 0.05}", "expect: {equals: 1.0, abs: -1}", "expect"),
    ("expect: {equals: 1.0, abs: 0.05}", "expect: {at_last: 1.0}", "expect"),
    ("expect: {equals: 1.0, abs: 0.05}", "expect: {between: [2, 1]}", "expect"),
    ("expect: {equals: 1.0, abs: 0.05}", "expect: {between: [2]}", "expect"),
    ("expect: {equals: 1.0, abs: 0.05}", "expect: {at_most: one}", "expect"),
    ("expect: {equals: 1.0, abs: 0.05}", "expect: 1.0", "expect"),
    ("    scales: [smoke, desk]", "    scales: [smoke, paper]", "paper"),
    ("    scales: [smoke, desk]", "    scales: []", "scales"),
    ("    scales: [smoke, desk]", "    scales: [smoke, desk]\n    over: best", "over"),
    ("    scales: [smoke, desk]", "    scales: [smoke, desk]\n    outcome: fails", "because"),
    ("    scales: [smoke, desk]", "    scales: [smoke, desk]\n    because: no reason", "outcome"),
    ("    scales: [smoke, desk]", "    scales: [smoke, desk]\n    outcome: fails\n    because: x", "breaks"),
    ("    scales: [smoke, desk]", "    scales: [desk]", "at"),
    ("controls:\n", "nothing:\n", "nothing"),
    ("    set: {unbiased: false}", "    set: {unbiassed: false}", "unbiassed"),
    ("    set: {unbiased: false}", "    set: {}", "set"),
    ("breaks: [unbiased_variance]", "breaks: [biased_variance]", "biased_variance"),
    ("breaks: [unbiased_variance]", "breaks: []", "breaks"),
    ("    tolerance: >-\n", "    tolerances: >-\n", "tolerance"),
    ("env: core", "env: core\nenv: torch", "twice"),
    ("env: core", "env: core\nresources: {memory: 3}", "memory"),
    ("env: core", "env: core\nnondeterministic: [a b]", "nondeterministic"),
    ("env: core", "env: core\nsubstrates: ['../x']", "substrates"),
    ("env: core", "env: core\n? [a, b]\n: c", "key"),
]


@pytest.mark.parametrize(("old", "new", "named"), BAD_PAPERS)
def test_bad_paper_is_one_line(repository, add_paper, old, new, named):
    edit(add_paper("toy/a") / "paper.yaml", old, new)
    with pytest.raises(LitmusError) as caught:
        catalog.load("toy/a")
    message = str(caught.value)
    assert message.startswith("papers/toy/a/paper.yaml: ")
    assert "\n" not in message
    assert len(message) < 300
    assert named in message
    assert not (repository / "hacked").exists()


def test_claim_twice_is_named(add_paper):
    file = add_paper("toy/a") / "paper.yaml"
    claims = re.search(r"  - id: unbiased_variance.*?(?=controls:)", file.read_text(), re.S)[0]
    edit(file, claims, claims + claims)
    with pytest.raises(LitmusError, match=r"claims\[1\]\.id: 'unbiased_variance' stands twice"):
        catalog.load("toy/a")


@pytest.mark.parametrize(
    "content", ["", "- a", "7", "\0", "a: " + "x" * 300_000, "{" * 5000, "{a: " * 50_000, "- " * 50_000]
)
def test_nonsense_is_one_line(repository, add_paper, content):
    (add_paper("toy/a") / "paper.yaml").write_text(content)
    with pytest.raises(LitmusError) as caught:
        catalog.load("toy/a")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda file: file.symlink_to("/dev/zero")])
def test_what_is_no_regular_file_is_refused(add_paper, make):
    for name in ("paper.yaml", "experiment.py"):
        file = add_paper(f"toy/{name.split('.')[0]}") / name
        file.unlink()
        make(file)
    with pytest.raises(LitmusError, match=r"^papers/toy/paper/paper.yaml: expected a regular file$"):
        catalog.load("toy/paper")
    with pytest.raises(LitmusError, match=r"^papers/toy/experiment/experiment.py: expected a regular file$"):
        catalog.check_files("toy/experiment")


def test_missing_stage_is_named(add_paper):
    (add_paper("toy/a") / "figure.py").unlink()
    with pytest.raises(LitmusError, match=r"^papers/toy/a/figure.py: missing$"):
        catalog.check_files("toy/a")


def test_bytes_that_are_no_text(add_paper):
    (add_paper("toy/a") / "paper.yaml").write_bytes(b"title: \xff\xfe")
    with pytest.raises(LitmusError, match="UTF-8"):
        catalog.load("toy/a")


@pytest.mark.parametrize(
    "slug", ["../x", "a;b", "a/b/c", "a", "A/b", "a/b c", "a/$(b)", "/a", "a/", "", "a/..", "a\nb/c"]
)
def test_hostile_slugs_are_refused(repository, slug):
    with pytest.raises(LitmusError):
        catalog.load(slug)


def test_hostile_folder_name_is_refused(repository, add_paper):
    add_paper("toy/a").rename(repository / "papers" / "toy" / "a;touch hacked")
    with pytest.raises(LitmusError, match="expected theme/paper"):
        catalog.slugs()


BAD_CONFIGS = [
    ("papers: 7", "papers"),
    ("papers: [7]", "papers"),
    ("papers: '../x'", "papers"),
    ("papers: 'a;b'", "papers"),
    ("seeds: 0", "seeds"),
    ("seeds: many", "seeds"),
    ("seeds: 1.5", "seeds"),
    ("strict: maybe", "strict"),
    ("paper: toy/a", "paper"),
    ("exclude: {a: b}", "exclude"),
    ("- papers", "mapping"),
    ("papers: [", "line"),
    ("papers: a\npapers: b", "twice"),
    ("papers: !!python/object/apply:os.system ['touch hacked']", "python"),
]


@pytest.mark.parametrize(("content", "named"), BAD_CONFIGS)
def test_bad_config_is_one_line(repository, content, named):
    (repository / "config.yaml").write_text(content)
    with pytest.raises(LitmusError) as caught:
        catalog.load_config()
    message = str(caught.value)
    assert message.startswith("config.yaml: ")
    assert "\n" not in message
    assert named in message
    assert not (repository / "hacked").exists()


def test_selection_by_pattern(add_paper):
    for slug in ("toy/a", "toy/b", "other/c"):
        add_paper(slug)
    choose = lambda **settings: catalog.select(catalog.load_config(settings))  # noqa: E731
    assert choose() == ["other/c", "toy/a", "toy/b"]
    assert choose(papers="toy") == ["toy/a", "toy/b"]
    assert choose(papers=["toy/b", "other/*"]) == ["other/c", "toy/b"]
    assert choose(exclude="toy/a") == ["other/c", "toy/b"]
    with pytest.raises(LitmusError, match=r"'toi/a' matches no paper \(did you mean toy/a"):
        choose(papers="toi/a")


def test_unknown_paper_suggests_the_nearest(add_paper):
    add_paper("toy/gaussian_mechanism")
    with pytest.raises(LitmusError, match="did you mean toy/gaussian_mechanism"):
        catalog.find("toy/gausian_mechanism")
    assert catalog.find("gaussian_mechanism").slug == "toy/gaussian_mechanism"


def test_numbers_without_a_point_are_numbers(add_paper):
    edit(add_paper("toy/a") / "paper.yaml", "abs: 0.05", "abs: 5e-2")
    assert catalog.load("toy/a").claims[0].limits == (0.95, 1.05)


def test_defaults_reach_every_scale(add_paper):
    add_paper("toy/a")
    assert catalog.load("toy/a").parameters("desk") == {"unbiased": True, "n_samples": 10, "n_repeats": 20000}
