"""Which files a stage depends on."""

from pathlib import Path

import pytest

from litmus.code_inputs import ImportScanner, parameters_read


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def inputs(repository, file, cache=None):
    found = ImportScanner(cache).inputs(repository / file)
    return {name for name in found if name.startswith("papers")}


def test_imports_are_followed_in_every_form(repository):
    write(
        repository / "papers/t/p/experiment.py",
        "from .method import f\nfrom .. import shared\nimport numpy\n",
    )
    write(repository / "papers/t/p/method.py", "def f():\n    from papers.substrates.lm import model\n")
    write(repository / "papers/t/shared.py", "import papers.t.deep.core as core\n")
    write(repository / "papers/t/deep/core.py", "from litmus.fitting import slope\n")
    write(repository / "papers/t/unused.py", "")
    write(repository / "papers/substrates/lm/model.py", "from . import corpus\n")
    write(repository / "papers/substrates/lm/corpus.py", "")
    found = ImportScanner().inputs(repository / "papers/t/p/experiment.py")
    assert {name for name in found if name.startswith("papers")} == {
        "papers/t/p/experiment.py",
        "papers/t/p/method.py",
        "papers/t/shared.py",
        "papers/t/deep/core.py",
        "papers/substrates/lm/model.py",
        "papers/substrates/lm/corpus.py",
    }
    kit = {Path(name).name for name in found if "litmus" in name}
    assert {"fitting.py", "seeding.py"} <= kit
    assert not {"plotting.py", "stages.py"} & kit


def test_circular_imports_end(repository):
    write(repository / "papers/t/p/a.py", "from . import b\n")
    write(repository / "papers/t/p/b.py", "from . import a\n")
    assert inputs(repository, "papers/t/p/a.py") == {"papers/t/p/a.py", "papers/t/p/b.py"}


def test_cache_notices_edits_and_new_files(repository):
    cache = repository / "cache.json"
    file = write(repository / "papers/t/p/a.py", "from .b import x\n")
    assert inputs(repository, "papers/t/p/a.py") == {"papers/t/p/a.py"}
    scanner = ImportScanner(cache)
    scanner.inputs(file)
    scanner.save()
    write(repository / "papers/t/p/b.py", "")
    assert "papers/t/p/b.py" in inputs(repository, "papers/t/p/a.py", cache)
    write(file, "import os  # nothing of ours any more\n")
    assert inputs(repository, "papers/t/p/a.py", cache) == {"papers/t/p/a.py"}


def test_damaged_cache_is_ignored(repository):
    cache = write(repository / "cache.json", "{nonsense")
    write(repository / "papers/t/p/a.py", "")
    assert inputs(repository, "papers/t/p/a.py", cache) == {"papers/t/p/a.py"}


@pytest.mark.parametrize("source", ["def f(:\n", "from . import b\0", "(" * 100_000])
def test_broken_source_imports_nothing(repository, source):
    file = write(repository / "papers/t/p/data.py", source)
    assert inputs(repository, "papers/t/p/data.py") == {"papers/t/p/data.py"}
    assert parameters_read(file) is None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return params.a + params['b']", {"a", "b"}),
        ("return [params.a for _ in range(3)]", {"a"}),
        ("return helper(params)", None),
        ("name = 'a'\n    return params[name]", None),
        ("return 1", set()),
    ],
)
def test_parameters_that_data_reads(repository, body, expected):
    file = write(repository / "papers/t/p/data.py", f"def generate(params, rng):\n    {body}\n")
    assert parameters_read(file) == expected
