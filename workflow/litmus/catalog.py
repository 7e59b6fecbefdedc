"""Finding the papers and substrates of a repository, and validating what their YAML files say."""

from __future__ import annotations

import difflib
import fnmatch
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from litmus.claims import HOLDS, Claim, limits
from litmus.errors import LitmusError
from litmus.files import read_yaml
from litmus.params import Params
from litmus.paths import SCHEMAS, root

SCALES = ("smoke", "desk", "paper")
STAGE_FILES = ("data.py", "method.py", "experiment.py", "figure.py", "test_method.py")
NAME = re.compile(r"[a-z][a-z0-9_]{0,79}")
DEFAULT_RESOURCES = {"mem_mb": 1500, "runtime": 10}


@dataclass(frozen=True)
class Control:
    """A broken variant of a paper's method, under which the claims in `breaks` must fail.

    `at` holds sizes larger than smoke's at which both the intact and the broken method run.
    """

    id: str
    set: Mapping[str, Any]
    breaks: tuple[str, ...]
    says: str | None = None
    at: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Paper:
    """A validated paper.yaml."""

    slug: str
    title: str
    authors: str
    url: str
    year: int
    evidence: str
    differs: str
    env: str
    seeds: Mapping[str, int]
    scales: Mapping[str, Mapping[str, Any]]
    claims: tuple[Claim, ...]
    controls: tuple[Control, ...]
    caption: str
    code: str | None = None
    substrates: tuple[str, ...] = ()
    shards: int = 1
    nondeterministic: tuple[str, ...] = ()
    resources: Mapping[str, int] | None = None

    @property
    def theme(self) -> str:
        return self.slug.split("/")[0]

    @property
    def name(self) -> str:
        return self.slug.split("/")[1]

    def parameters(self, scale: str) -> dict[str, Any]:
        """The values of a scale, defaults included."""
        if scale not in self.scales:
            raise LitmusError(f"{self.slug}: no scale '{scale}' (there are: {', '.join(self.scales)})")
        return dict(self.scales[scale])

    def params(self, scale: str) -> Params:
        """The values of a scale, as a stage sees them."""
        return Params(self.parameters(scale), f"papers/{self.slug}/paper.yaml: scale '{scale}'")

    def seed_list(self, scale: str, override: int | None = None) -> list[int]:
        """The seeds of a scale: 0, 1, ..."""
        return list(range(override or self.seeds.get(scale, 1)))

    def claims_at(self, scale: str) -> list[Claim]:
        """The claims that are checked at a scale."""
        return [claim for claim in self.claims if scale in claim.scales]


@dataclass(frozen=True)
class Substrate:
    """A validated substrate.yaml."""

    name: str
    title: str
    says: str
    env: str
    params: Mapping[str, Any]
    resources: Mapping[str, int] | None = None


def check_slug(slug: str) -> str:
    """`slug` itself if it is a theme/paper pair of plain names (it will reach paths and shells)."""
    parts = slug.split("/")
    if len(parts) != 2 or not all(NAME.fullmatch(part) for part in parts):
        raise LitmusError(f"{slug!r}: expected theme/paper, both of lower-case letters, digits and _")
    return slug


def slugs(folder: Path | None = None) -> list[str]:
    """All papers of the repository, sorted, whether or not their paper.yaml is valid."""
    papers = (folder or root()) / "papers"
    return sorted(
        check_slug(f"{file.parent.parent.name}/{file.parent.name}")
        for file in papers.glob("*/*/paper.yaml")
        if file.parent.parent.name != "substrates"
    )


def substrates() -> list[str]:
    """All substrates of the repository, sorted."""
    return sorted(file.parent.name for file in (root() / "papers" / "substrates").glob("*/substrate.yaml"))


def nearest(slug: str, known: Iterable[str]) -> str:
    """ " (did you mean ...?)" for an unknown name, or nothing."""
    known = list(known)
    tails = {name.split("/")[-1]: name for name in known}
    close = difflib.get_close_matches(slug, known, n=3, cutoff=0.5) or [
        tails[tail] for tail in difflib.get_close_matches(slug.split("/")[-1], tails, n=3, cutoff=0.6)
    ]
    return f" (did you mean {' or '.join(close)}?)" if close else ""


def find(slug: str) -> Paper:
    """Load one paper by its slug, or by its name alone where that is unambiguous."""
    known = slugs()
    matches = [name for name in known if slug in (name, name.split("/")[1])]
    if len(matches) == 1:
        return load(matches[0])
    if matches:
        raise LitmusError(f"{slug}: several papers have this name: {', '.join(matches)}")
    raise LitmusError(f"no paper '{slug}'{nearest(slug, known)}; `litmus list` shows all")


def load(slug: str) -> Paper:
    """Load and validate papers/<slug>/paper.yaml."""
    check_slug(slug)
    name = f"papers/{slug}/paper.yaml"
    content = read_yaml(root() / name, name)
    _validate(content, "paper.schema.json", name)
    _check_meaning(content, name)
    defaults = content.pop("defaults", {})
    content["scales"] = {scale: defaults | values for scale, values in content["scales"].items()}
    content["claims"] = tuple(Claim(**claim) for claim in content["claims"])
    content["controls"] = tuple(
        Control(**(control | {"breaks": tuple(control["breaks"])})) for control in content["controls"]
    )
    for field in ("substrates", "nondeterministic"):
        content[field] = tuple(content.get(field, ()))
    content["resources"] = DEFAULT_RESOURCES | content.get("resources", {})
    return Paper(slug=slug, **content)


def check_files(slug: str) -> None:
    """Complain of the first stage file of a paper that is missing, or is a pipe, a device or the like."""
    for name in STAGE_FILES:
        file = root() / "papers" / slug / name
        if not file.is_file():
            problem = "expected a regular file" if file.exists() else "missing"
            raise LitmusError(f"papers/{slug}/{name}: {problem}")


def load_substrate(name: str) -> Substrate:
    """Load and validate papers/substrates/<name>/substrate.yaml."""
    if not NAME.fullmatch(name) or name not in substrates():
        raise LitmusError(f"no substrate '{name}'{nearest(name, substrates())}")
    file = f"papers/substrates/{name}/substrate.yaml"
    content = read_yaml(root() / file, file)
    _validate(content, "substrate.schema.json", file)
    content["resources"] = DEFAULT_RESOURCES | content.get("resources", {})
    return Substrate(name=name, **content)


def load_config(overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """config.yaml with `overrides` (Snakemake's --config) on top, validated, defaults filled in.

    Snakemake's jobs find the overrides of their run in ``$LITMUS_CONFIG``.
    """
    if overrides is None:
        overrides = json.loads(os.environ.get("LITMUS_CONFIG", "{}"))
    content = read_yaml(root() / "config.yaml", "config.yaml")
    if content is not None and not isinstance(content, dict):
        raise LitmusError("config.yaml: expected a mapping of settings")
    settings: dict[str, Any] = (content or {}) | dict(overrides or {})
    _validate(settings, "config.schema.json", "config.yaml")
    defaults: dict[str, Any] = {"papers": "*/*", "exclude": [], "seeds": None, "strict": True}
    settings = defaults | settings
    for field in ("papers", "exclude"):
        patterns = [settings[field]] if isinstance(settings[field], str) else settings[field]
        settings[field] = [pattern if "/" in pattern else f"{pattern}/*" for pattern in patterns]
    return settings


def select(config: Mapping[str, Any]) -> list[str]:
    """The slugs that config.yaml asks for.

    Raises
    ------
    LitmusError
        If a pattern matches no paper.
    """
    known = slugs()
    chosen: set[str] = set()
    for pattern in config["papers"]:
        matches = fnmatch.filter(known, pattern)
        if not matches and known:
            raise LitmusError(f"config.yaml: papers: '{pattern}' matches no paper{nearest(pattern, known)}")
        chosen.update(matches)
    for pattern in config["exclude"]:
        chosen.difference_update(fnmatch.filter(known, pattern))
    return sorted(chosen)


@cache
def _validator(schema: str) -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads((SCHEMAS / schema).read_text(encoding="utf-8")))


def _validate(content: Any, schema: str, name: str) -> None:
    """Raise a one-line `LitmusError` for the most telling violation of the schema."""
    from jsonschema.exceptions import best_match

    error = best_match(_validator(schema).iter_errors(content))
    if error is not None:
        raise LitmusError(f"{name}: {_where(error.absolute_path)}{_expected(error)}")


def _where(path: Iterable[Any]) -> str:
    steps = ""
    for step in path:
        steps += f"[{step}]" if isinstance(step, int) else f".{step}" if steps else str(step)
    return f"{steps}: " if steps else ""


def _expected(error: Any) -> str:
    found = json.dumps(error.instance, default=str, ensure_ascii=False)
    found = found if len(found) <= 60 else found[:57] + "..."
    rule, wanted = error.validator, error.validator_value
    if rule == "required":
        missing = [field for field in wanted if field not in error.instance]
        return f"expected the field '{missing[0]}', which is missing"
    if rule == "additionalProperties" and isinstance(error.instance, dict):
        known = list(error.schema.get("properties", {}))
        extra = sorted(str(field) for field in error.instance if field not in known)
        return f"unknown field '{extra[0]}'{nearest(extra[0], known)}; expected one of {', '.join(known)}"
    if rule == "dependentRequired":
        return str(error.message)
    if rule == "enum":
        return f"expected one of {', '.join(map(str, wanted))}, found {found}"
    if description := error.schema.get("description"):
        return f"expected {description}, found {found}"
    if rule == "type":
        kinds = wanted if isinstance(wanted, str) else " or ".join(wanted)
        return f"expected {kinds}, found {found}"
    return f"{error.message if len(error.message) < 160 else rule + ' is violated'}".replace("\n", " ")


def _check_meaning(content: Mapping[str, Any], name: str) -> None:
    """What a JSON Schema cannot say: names that refer to each other."""

    def fail(where: str, problem: str) -> None:
        raise LitmusError(f"{name}: {where}: {problem}")

    scales, defaults = content["scales"], set(content.get("defaults", {}))
    for scale, values in scales.items():
        if both := sorted(defaults & set(values)):
            fail(f"scales.{scale}.{both[0]}", "expected in defaults or in the scales, not in both")
        missing = set().union(*scales.values()) - set(values)
        if missing:
            fail(f"scales.{scale}", f"expected the parameter '{sorted(missing)[0]}', which another scale has")
        if scale not in content["seeds"]:
            fail("seeds", f"expected a number of seeds for the scale '{scale}'")
    for scale in content["seeds"]:
        if scale not in scales:
            fail(f"seeds.{scale}", f"expected one of the scales {', '.join(scales)}")
    known = defaults.union(*scales.values())
    claims: dict[str, Mapping[str, Any]] = {}
    for i, claim in enumerate(content["claims"]):
        where = f"claims[{i}]"
        if claim["id"] in claims:
            fail(f"{where}.id", f"'{claim['id']}' stands twice")
        claims[claim["id"]] = claim
        for scale in claim["scales"]:
            if scale not in scales:
                fail(f"{where}.scales", f"no scale '{scale}' (there are: {', '.join(scales)})")
        low, high = limits(claim["expect"])
        if not low <= high:
            fail(f"{where}.expect", f"expected an interval, found one from {low:g} to {high:g}")
    broken: set[str] = set()
    control_ids: set[str] = set()
    for i, control in enumerate(content["controls"]):
        where = f"controls[{i}]"
        if control["id"] in control_ids:
            fail(f"{where}.id", f"'{control['id']}' stands twice")
        control_ids.add(control["id"])
        for field in ("set", "at"):
            for parameter in control.get(field, {}):
                if parameter not in known:
                    fail(f"{where}.{field}", f"no parameter '{parameter}'{nearest(parameter, known)}")
        for claim_id in control["breaks"]:
            if claim_id not in claims:
                fail(f"{where}.breaks", f"no claim '{claim_id}'{nearest(claim_id, claims)}")
            if claims[claim_id].get("outcome", HOLDS) != HOLDS:
                fail(f"{where}.breaks", f"'{claim_id}' already fails without the control")
            if "smoke" not in claims[claim_id]["scales"] and "at" not in control:
                fail(
                    f"{where}.at",
                    f"expected the sizes at which '{claim_id}' holds, as smoke does not check it",
                )
        broken.update(control["breaks"])
    for i, claim in enumerate(content["claims"]):
        if claim.get("outcome", HOLDS) == HOLDS and claim["id"] not in broken and "uncontrolled" not in claim:
            fail(
                f"claims[{i}]",
                f"no control breaks '{claim['id']}' (name it in a control, or say why in 'uncontrolled')",
            )
