"""Verdicts of all papers put together: CSV, Markdown, the table on the terminal, and the exit status."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from litmus import catalog, costs
from litmus.catalog import Paper
from litmus.claims import ERROR, HOLDS, Claim
from litmus.errors import DamagedError
from litmus.files import condemn, read_sealed, write_text
from litmus.paths import KIT, figure_file, log_file, results_dir, root, shown

FIELDS = (
    "paper", "claim", "says", "source", "reported", "measured", "spread", "seeds", "expectation", "verdict", "expected",
    "as_expected", "margin", "margin_unit", "evidence", "seconds", "message",
)  # fmt: skip
CONTROL_FIELDS = (
    "paper", "control", "claim", "result", "value_under_control", "verdict_under_control", "message",
)  # fmt: skip
SYMBOLS = {HOLDS: "✓", "fails": "✗", ERROR: "!"}
NOT_RUN = "not run"

Row = dict[str, Any]


def selected() -> list[Paper]:
    """The papers that config.yaml asks for, loaded."""
    return [catalog.load(slug) for slug in catalog.select(catalog.load_config())]


def rows(papers: Iterable[Paper], scale: str) -> list[Row]:
    """One row per claim of the scale; a paper that did not get through has "error" rows that name its log."""
    return [row for paper in papers if scale in paper.scales for row in _paper_rows(paper, scale)]


def _paper_rows(paper: Paper, scale: str) -> list[Row]:
    spent = [costs.load(paper.slug, scale, stage) for stage in costs.STAGES]
    seconds = round(sum(cost["cpu_seconds"] for cost in spent if cost), 1)
    failed = _failed_stage(paper, scale)
    records = {} if failed else verdict_records(paper.slug, scale)
    found = []
    for claim in paper.claims_at(scale):
        row = _claim_row(paper, claim, seconds)
        if record := records.get(claim.id):
            row |= {
                "measured": record["value"],
                "spread": record["spread"],
                "seeds": record["n_seeds"],
                "verdict": record["verdict"],
                "as_expected": record["as_expected"],
                "margin": record["margin"],
                "margin_unit": record["margin_unit"],
                "message": record["message"],
            }
            if record["verdict"] == ERROR:
                row["message"] += f"; see {shown(log_file(paper.slug, scale, 'experiment'))}"
        else:
            row |= failed or {
                "verdict": NOT_RUN,
                "message": "check it again: its claims or its verdicts.json have changed",
            }
        found.append(row)
    if not failed and not figure_file(paper.slug, scale).is_file():
        log = log_file(paper.slug, scale, "figure")
        verdict = {"verdict": ERROR, "message": f"see {shown(log)}"} if log.is_file() else {"verdict": NOT_RUN}
        found.append(
            {
                **dict.fromkeys(FIELDS),
                "paper": paper.slug,
                "claim": "(figure)",
                "as_expected": False,
                **verdict,
            }
        )
    return found


def _claim_row(paper: Paper, claim: Claim, seconds: float) -> Row:
    return dict.fromkeys(FIELDS) | {
        "paper": paper.slug,
        "claim": claim.id,
        "says": claim.says,
        "source": claim.source,
        "reported": claim.reported,
        "expectation": claim.expectation,
        "expected": claim.outcome,
        "as_expected": False,
        "evidence": paper.evidence,
        "seconds": seconds,
    }


def _failed_stage(paper: Paper, scale: str) -> Row | None:
    """What to say of a paper whose first missing output belongs to a stage that has run, or has not."""
    folder = results_dir(paper.slug, scale)
    outputs = {"data": "data.npz", "experiment": "outcome.json", "check": "verdicts.json"}
    for stage, output in outputs.items():
        if not (folder / output).is_file():
            log = log_file(paper.slug, scale, stage)
            if log.is_file():
                problem = f"stage '{stage}' failed or its result was damaged; see {shown(log)}"
                return {"verdict": ERROR, "message": problem}
            return {"verdict": NOT_RUN, "message": None}
    return None


def verdict_records(slug: str, scale: str) -> dict[str, Mapping[str, Any]]:
    """What the check of a paper wrote, by claim; nothing if it is missing or damaged."""
    try:
        claims = read_sealed(results_dir(slug, scale) / "verdicts.json")["claims"]
    except OSError:
        return {}
    except DamagedError as error:
        condemn(error)
        return {}
    return {record["claim"]: record for record in claims}


def write(scale: str) -> list[Row]:
    """Write results/<scale>/verdicts.csv, verdicts.md and costs.csv."""
    papers = selected()
    found = rows(papers, scale)
    folder = root() / "results" / scale
    write_text(folder / "verdicts.csv", as_csv(found, FIELDS))
    write_text(folder / "verdicts.md", as_markdown(found, f"Verdicts at scale '{scale}'"))
    spent = costs.substrate_rows(catalog.substrates()) + costs.rows([paper.slug for paper in papers], scale)
    write_text(folder / "costs.csv", costs.as_csv(spent))
    return found


def as_csv(records: Iterable[Mapping[str, Any]], fields: Sequence[str]) -> str:
    """Rows as CSV text."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fields, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return buffer.getvalue()


def as_markdown(records: Sequence[Row], title: str, note: str = "") -> str:
    """The verdict table of each theme, in Markdown."""
    lines = [f"# {title}", "", *([note, ""] if note else []), counts(records), ""]
    for theme, group in _by_theme(records).items():
        lines += [f"## {theme.replace('_', ' ').capitalize()}", ""]
        lines += ["| paper | claim | source | reported | measured | expectation | verdict | margin | evidence | s |"]
        lines += ["|---|---|---|---|---|---|---|---|---|---|"]
        for row in group:
            cells = (
                row["paper"].split("/")[1],
                row["claim"],
                row["source"],
                row["reported"],
                measured(row),
                row["expectation"],
                verdict(row),
                margin(row),
                row["evidence"],
                row["seconds"],
            )
            lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
        lines.append("")
    return "\n".join(lines)


def as_html(paper: Paper, scale: str, records: Iterable[Mapping[str, Any]]) -> str:
    """The claims of one paper as a page of its own, for Snakemake's report."""
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(loader=FileSystemLoader(KIT / "templates"), autoescape=True)
    verdicts = [dict(record) | {"measured": record["value"]} for record in records]
    return environment.get_template("verdicts.html.jinja").render(
        paper=paper,
        claims=list(zip(paper.claims_at(scale), verdicts, strict=True)),
        measured=measured,
        margin=margin,
        label=verdict,
    )


def _cell(value: Any) -> str:
    text = "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def measured(row: Row) -> str:
    """The measured value with its spread over the seeds, such as "1.05 ± 0.02"."""
    if row["measured"] is None:
        return row.get("message") or ""
    text = f"{float(row['measured']):.4g}"
    return f"{text} ± {float(row['spread']):.2g}" if row["spread"] else text


def margin(row: Row) -> str:
    """The margin with its unit: "+3.2 se" (standard errors), "+12 %" (of the limit)."""
    if row["margin"] is None:
        return ""
    value = float(row["margin"])
    if row["margin_unit"] == "rel":
        return f"{100 * value:+.3g} %"
    return f"{value:+.3g} se" if row["margin_unit"] == "se" else f"{value:+.2g}"


def verdict(row: Row) -> str:
    """The verdict with its symbol; a failure that paper.yaml expects says so."""
    text = f"{SYMBOLS.get(row['verdict'], '·')} {row['verdict']}"
    if row["as_expected"]:
        return text + (" (as recorded)" if row["verdict"] != HOLDS else "")
    return text + (" (unexpected)" if row["verdict"] in SYMBOLS else "")


def counts(records: Sequence[Row]) -> str:
    """One sentence that counts papers and verdicts."""
    claims = [row for row in records if row["claim"] != "(figure)"]
    papers = len({row["paper"] for row in records})
    kinds = {kind: sum(row["verdict"] == kind for row in claims) for kind in (HOLDS, "fails", ERROR, NOT_RUN)}
    parts = [f"{number} {kind}" for kind, number in kinds.items() if number or kind in (HOLDS, "fails")]
    odd = sum(not row["as_expected"] for row in records)
    state = "every verdict is the expected one" if not odd else f"{odd} not as expected"
    return f"{len(claims)} claims of {papers} papers: {', '.join(parts)}; {state}."


def _by_theme(records: Sequence[Row]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in records:
        groups.setdefault(row["paper"].split("/")[0], []).append(row)
    return groups


def show(records: Sequence[Row], title: str, console: Any = None) -> None:
    """Print the table, grouped by theme."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = console or Console()
    if not console.is_terminal and console.width < 130:
        console = Console(width=180)
    table = Table(title=title, title_justify="left", show_edge=False, pad_edge=False, header_style="bold")
    for name in ("paper", "claim", "measured", "expectation", "verdict", "margin", "evidence", "s"):
        right = name in ("measured", "margin", "s")
        table.add_column(name, justify="right" if right else "left", overflow="fold", no_wrap=name == "verdict")
    for theme, group in _by_theme(records).items():
        table.add_section()
        table.add_row(f"[bold]{escape(theme.replace('_', ' '))}[/]")
        previous = None
        for row in group:
            first = row["paper"] != previous
            previous = row["paper"]
            style = "" if row["as_expected"] else "bold red" if row["verdict"] != NOT_RUN else "dim"
            table.add_row(
                escape(row["paper"].split("/")[1]) if first else "",
                escape(row["claim"]),
                escape(measured(row)),
                escape(row["expectation"] or ""),
                escape(verdict(row)),
                escape(margin(row)),
                escape(row["evidence"] or "") if first else "",
                f"{row['seconds']:g}" if first and row["seconds"] is not None else "",
                style=style,
            )
    console.print(table)
    console.print(f"\n{counts(records)}", highlight=False)


def gate(scale: str, lenient: bool = False) -> int:
    """0 if every verdict of the scale is the expected one, else 1 after naming those that are not."""
    odd = [row for row in rows(selected(), scale) if not row["as_expected"]]
    for row in odd:
        detail = row["message"] or f"measured {measured(row)}, expected {row['expected']} ({row['expectation']})"
        print(f"{row['paper']}: {row['claim']}: {row['verdict']}: {detail}", file=sys.stderr)
    return 1 if odd and not lenient else 0


def control_rows(papers: Iterable[Paper]) -> list[Row]:
    """One row per control and claim that it must break."""
    found = []
    for paper in papers:
        for control in paper.controls:
            file = results_dir(paper.slug, "smoke") / "controls" / f"{control.id}.json"
            log = log_file(paper.slug, "smoke", f"control_{control.id}")
            try:
                record = read_sealed(file)
                claims = {claim["claim"]: claim for claim in record["claims"]}
            except OSError:
                record, claims = {"result": ERROR if log.is_file() else NOT_RUN}, {}
            except DamagedError as error:
                condemn(error)
                record, claims = {"result": NOT_RUN}, {}
            for claim in control.breaks:
                found.append(
                    {
                        "paper": paper.slug,
                        "control": control.id,
                        "claim": claim,
                        "result": record["result"],
                        "value_under_control": claims.get(claim, {}).get("value"),
                        "verdict_under_control": claims.get(claim, {}).get("verdict"),
                        "message": f"see {shown(log)}" if record["result"] == ERROR else None,
                    }
                )
    return found


def write_controls() -> None:
    """Write results/smoke/controls.csv."""
    found = control_rows(selected())
    write_text(root() / "results" / "smoke" / "controls.csv", as_csv(found, CONTROL_FIELDS))


def gate_controls() -> int:
    """0 if every control breaks every claim that it names, else 1 after naming those that do not."""
    found = control_rows(selected())
    odd = [row for row in found if row["result"] != "broken"]
    for row in odd:
        detail = row["message"] or f"under the control '{row['claim']}' is {row['value_under_control']}"
        print(f"{row['paper']}: control '{row['control']}': {row['result']}: {detail}", file=sys.stderr)
    controls = {(row["paper"], row["control"]) for row in found}
    broken = controls - {(row["paper"], row["control"]) for row in odd}
    print(f"{len(controls)} controls: {len(broken)} break their claims")
    return 1 if odd else 0
