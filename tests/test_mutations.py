"""Mutated paper.yaml: each is read as a paper, or refused in one line; nothing in it is ever executed.

``LITMUS_MUTATIONS`` says how many (`make torture` asks for 500).
"""

import copy
import os
import sys
from functools import cache
from typing import Any

import pytest
import yaml
from helpers import REPOSITORY
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from litmus import catalog, stages, summary
from litmus.claims import ERROR, FAILS, HOLDS, evaluate
from litmus.errors import LitmusError

TRIALS = int(os.environ.get("LITMUS_MUTATIONS", "50"))
EXECUTING = ("os.system", "os.exec", "os.fork", "os.posix_spawn", "subprocess.Popen", "socket.connect")
HOSTILE: list[Any] = [
    None, True, -1, 0, 10**400, float("nan"), float("inf"), -1e308, "", " ", "\0", "\ud7ff", "x" * 10_000, [], [[]], {},
    {"": ""}, "../../../x", "/", "$(touch hacked)", "; touch hacked #", "`touch hacked`", "{{ 7 * 7 }}", "{wildcards}",
    "%s%n", "__import__('os').system('touch hacked')", "<script>alert(1)</script>", "2026-11-21", "1e400", "!!binary x",
]  # fmt: skip
TAGS = [
    "!!python/object/apply:os.system ['touch hacked']", "!!python/name:os.system", "!!python/module:os", "&a [*a, *a]",
    "!!python/object/new:subprocess.Popen [['touch', 'hacked']]", "<<: *x", "? {a: b}\n", "---\n", "\t", "\r", "\u2028",
    "'", '"', "{", "[", "|", ">", "#", "@", "%YAML 3.0\n", "\x85", "\ufeff", "!<tag:yaml.org,2002:python/none>",
]  # fmt: skip

watched: list[str] | None = None


def _watch(name: str, arguments: object) -> None:
    if watched is not None and name in EXECUTING:
        watched.append(name)


sys.addaudithook(_watch)


@cache
def pages() -> list[str]:
    """The paper.yaml of every paper of the suite."""
    return [file.read_text(encoding="utf-8") for file in sorted((REPOSITORY / "papers").glob("*/*/paper.yaml"))]


def places(node: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of everything inside a nested structure."""
    inside = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [place for key, value in inside for place in [(*here, key), *places(value, (*here, key))]]


@st.composite
def changed_structure(draw: st.DrawFn) -> str:
    """A paper.yaml in which up to three fields are replaced, removed, renamed or doubled."""
    content = copy.deepcopy(yaml.safe_load(draw(st.sampled_from(pages()))))
    for _ in range(draw(st.integers(1, 3))):
        found = places(content)
        if not found:
            break
        *path, last = draw(st.sampled_from(found))
        parent = content
        for key in path:
            parent = parent[key]
        change = draw(st.sampled_from(["replace", "replace", "remove", "rename", "nest", "move"]))
        if change == "remove":
            del parent[last]
        elif change == "nest":
            parent[last] = [parent[last], {"of": copy.deepcopy(parent[last])}]
        elif change == "move":
            parent[last] = copy.deepcopy(draw(st.sampled_from(list(content.values()))) if content else None)
        elif change == "rename" and isinstance(parent, dict):
            parent[draw(st.sampled_from(["", "id", "params", "__class__", "x y", "../x", "1"]))] = parent.pop(last)
        else:
            parent[last] = copy.deepcopy(draw(st.sampled_from(HOSTILE)))
    return yaml.safe_dump(content, allow_unicode=True, sort_keys=False)


@st.composite
def changed_text(draw: st.DrawFn) -> str:
    """A paper.yaml with a piece cut out, doubled or put in."""
    text = draw(st.sampled_from(pages()))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 60)))
        piece = draw(st.sampled_from(["", text[start:end] * 2, *TAGS]) | st.text(max_size=20))
        text = text[:start] + piece + text[end:]
    return text


@pytest.fixture
def page(repository):
    """Where the mutated papers are written, one after the other."""
    (repository / "papers/toy/a").mkdir(parents=True)
    return repository / "papers/toy/a/paper.yaml"


@settings(
    max_examples=TRIALS,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(text=changed_structure() | changed_text())
def test_mutated_paper_is_read_or_refused_in_one_line(page, text):
    global watched
    page.write_bytes(text.encode("utf-8", "surrogatepass"))
    watched = []
    try:
        read_and_use()
        event("read")
    except LitmusError as error:
        event("refused")
        message = str(error)
        assert message.startswith("papers/toy/a/paper.yaml: ")
        assert len(message.splitlines()) == 1
        assert len(message) < 500
    finally:
        executed, watched = watched, None
    assert not executed
    assert sorted(page.parent.iterdir()) == [page]


def read_and_use() -> None:
    """Load the paper, and do with it what the workflow does between its stages."""
    paper = catalog.load("toy/a")
    for scale in paper.scales:
        assert paper.params(scale) is not None
        metrics = dict.fromkeys(paper.seed_list(scale), dict.fromkeys((claim.metric for claim in paper.claims), 0.5))
        records = [stages.verdict_record(evaluate(claim, metrics)) for claim in paper.claims_at(scale)]
        assert all(record["verdict"] in (HOLDS, FAILS, ERROR) for record in records)
        assert "<script>" not in summary.as_html(paper, scale, records)
    assert summary.as_markdown(summary.rows([paper], "smoke"), "title")
