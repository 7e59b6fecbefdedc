"""Build the site of one scale from the results on disk; nothing is rerun."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from litmus import catalog, costs, summary
from litmus.catalog import Paper
from litmus.claims import ERROR, HOLDS
from litmus.files import whole_folder
from litmus.paths import KIT, figure_file, paper_dir, results_dir, root
from litmus.site.figures import LARGEST_SVG, lean_svg, palette_png
from litmus.site.intervals import interval_plot

ASSETS = ("style.css", "table.js")
EXAMPLE = interval_plot((0.85, 1.25), 1.05, [0.95, 1.02, 1.1, 1.13], reported=1.0, holds=True)
FIRST_ROWS = 100  # claims on the front page that are drawn at once; the others follow while it is read
EVIDENCE = {
    "exact": "The paper's own setting and sizes, or sizes at which the statement applies.",
    "scaled": "The same method on the same kind of data and model, smaller.",
    "surrogate": "What can't be had on a plain machine is stood in for; the page of the paper says what that can show.",
    "theorem": "A statement checked numerically: it holds on every instance, and breaks where a hypothesis is dropped.",
    "harness": "The paper's benchmark or data set rebuilt, and its internal claims checked.",
}


def report_dir(scale: str) -> Path:
    """results/<scale>/report"""
    return root() / "results" / scale / "report"


def build(scale: str) -> Path:
    """Write results/<scale>/report, whole or not at all, and return its front page."""
    papers = [paper for paper in summary.selected() if scale in paper.scales]
    final = report_dir(scale)
    final.parent.mkdir(parents=True, exist_ok=True)
    with whole_folder(final) as folder:
        _Site(folder, final, scale, papers).write()
    return final / "index.html"


class _Site:
    """The pages of one scale; `folder` is where they are written, `final` where they will be read."""

    def __init__(self, folder: Path, final: Path, scale: str, papers: list[Paper]) -> None:
        self.folder, self.final, self.scale, self.papers = folder, final, scale, papers
        self.rows = summary.rows(papers, scale)
        self.controls = summary.control_rows(papers)
        loader = FileSystemLoader(KIT / "site" / "templates")
        self.environment = Environment(
            loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        self.environment.globals |= {
            "scale": scale,
            "HOLDS": HOLDS,
            "ERROR": ERROR,
            "EVIDENCE": EVIDENCE,
            "FIRST_ROWS": FIRST_ROWS,
            "measured": summary.measured,
            "margin": summary.margin,
            "verdict": summary.verdict,
            "counts": summary.counts,
            "words": lambda name: name.replace("_", " "),
        }

    def write(self) -> None:
        for asset in ASSETS:
            shutil.copy(KIT / "site" / "templates" / asset, self.folder)
        self._tables()
        by_paper = {paper.slug: [row for row in self.rows if row["paper"] == paper.slug] for paper in self.papers}
        themes: dict[str, list[Paper]] = {}
        for paper in self.papers:
            themes.setdefault(paper.theme, []).append(paper)
        titles = {paper.slug: paper.title for paper in self.papers}
        self._page(
            "index.html", "index.html.jinja", rows=self.rows, titles=titles, themes=themes, extras=self._extras()
        )
        self._page("reading.html", "reading.html.jinja", example=EXAMPLE)
        for theme, members in themes.items():
            rows = [row for paper in members for row in by_paper[paper.slug]]
            (self.folder / theme).mkdir()
            figures = {paper.slug: self._figure(paper) for paper in members}
            self._page(
                f"{theme}/index.html", "theme.html.jinja", theme=theme, papers=members, rows=rows, figures=figures
            )
            for paper in members:
                self._paper(paper, by_paper[paper.slug], figures[paper.slug])

    def _page(self, name: str, template: str, **content: Any) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        up = "../" * name.count("/")
        file.write_text(self.environment.get_template(template).render(up=up, **content), encoding="utf-8")

    def _tables(self) -> None:
        """The verdicts, controls and costs as CSV."""
        (self.folder / "verdicts.csv").write_text(summary.as_csv(self.rows, summary.FIELDS), encoding="utf-8")
        fields = summary.CONTROL_FIELDS
        (self.folder / "controls.csv").write_text(summary.as_csv(self.controls, fields), encoding="utf-8")
        spent = costs.rows([paper.slug for paper in self.papers], self.scale)
        (self.folder / "costs.csv").write_text(costs.as_csv(spent), encoding="utf-8")

    def _extras(self) -> list[tuple[str, str]]:
        """Links to what else describes this run, where it is there."""
        found = {"Snakemake's report of this run": self.final.parent / "report.html"}
        return [(words, self._link(file, "index.html")) for words, file in found.items() if file.is_file()]

    def _paper(self, paper: Paper, rows: list[dict[str, Any]], figure: str | None) -> None:
        page = f"{paper.slug}.html"
        verdicts = summary.verdict_records(paper.slug, self.scale)
        claims = []
        for row in rows:
            claim = next((claim for claim in paper.claims if claim.id == row["claim"]), None)
            claims.append({"row": row, "claim": claim, "plot": _plot(claim, verdicts.get(row["claim"]))})
        spent = [cost for cost in costs.rows([paper.slug], self.scale)]
        tables = sorted((results_dir(paper.slug, self.scale) / "tables").glob("*.csv"))
        folder = paper_dir(paper.slug)
        sources = [folder / name for name in ("paper.yaml", *catalog.STAGE_FILES) if (folder / name).is_file()]
        names = list(dict.fromkeys(name for values in paper.scales.values() for name in values))
        self._page(
            page,
            "paper.html.jinja",
            paper=paper,
            claims=claims,
            figure=figure,
            controls=_controls(paper, self.controls),
            names=names,
            shown_value=lambda value: json.dumps(value, ensure_ascii=False),
            costs=spent,
            tables=[(file.name, self._link(file, page)) for file in tables],
            sources=[(file.name, self._link(file, page)) for file in sources],
            unchecked=[claim for claim in paper.claims if self.scale not in claim.scales],
        )

    def _figure(self, paper: Paper) -> str | None:
        """Write the figure beside the paper's page; the name without ending, or None if there is no figure.

        The SVG stands only where it is small; the PNG always.
        """
        svg = figure_file(paper.slug, self.scale)
        png = svg.with_suffix(".png")
        if not (svg.is_file() and png.is_file()):
            return None
        kept = [self.final / f"{paper.slug}{ending}" for ending in (".svg", ".png")]
        if kept[1].is_file() and kept[1].stat().st_mtime > max(svg.stat().st_mtime, png.stat().st_mtime):
            for file in filter(Path.is_file, kept):  # drawn for an earlier report
                shutil.copy2(file, self.folder / paper.theme)
            return f"{paper.name}{'.svg' if kept[0].is_file() else '.png'}"
        target = self.folder / paper.slug
        lean = lean_svg(svg.read_text(encoding="utf-8"))
        drawn = len(lean.encode()) <= LARGEST_SVG
        if drawn:
            target.with_suffix(".svg").write_text(lean, encoding="utf-8")
        target.with_suffix(".png").write_bytes(palette_png(png, halve=drawn))
        return f"{paper.name}{'.svg' if drawn else '.png'}"

    def _link(self, file: Path, page: str) -> str:
        """The way from a page of the finished site to a file of the repository."""
        return Path(os.path.relpath(file, (self.final / page).parent)).as_posix()


def _plot(claim: Any, record: Mapping[str, Any] | None) -> Any:
    if claim is None or record is None or record["value"] is None:
        return None
    values = [float(value) for value in record["values"].values()]
    reported = claim.reported if isinstance(claim.reported, int | float) else None
    return interval_plot(claim.limits, float(record["value"]), values, reported, record["verdict"] == HOLDS)


def _controls(paper: Paper, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each control with what became of the claims that it must break."""
    mine = [row for row in rows if row["paper"] == paper.slug]
    return [
        {"control": control, "rows": [row for row in mine if row["control"] == control.id]}
        for control in paper.controls
    ]
