"""The command line for people: list, show, run, new, verdicts, audit, control, reproductions."""

from __future__ import annotations

import re
import sys
import traceback
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from litmus import catalog
from litmus.errors import LitmusError
from litmus.files import write_text
from litmus.jobs import single_thread
from litmus.paths import paper_dir, root, shown

app = typer.Typer(
    name="litmus",
    help="Litmus reruns the claims of published papers.\n\n"
    "A paper is named THEME/PAPER, or PAPER alone where that is unambiguous. "
    "`make reproduce` runs all of them; these commands are for looking at one, developing one, "
    "or testing how firm a verdict is.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
console = Console(width=None if sys.stdout.isatty() else 140)  # tables in a file or a pipe stay readable


def _complete_paper(incomplete: str) -> list[str]:
    try:
        return [slug for slug in catalog.slugs() if incomplete in slug]
    except LitmusError:
        return []


PaperName = Annotated[str, typer.Argument(metavar="PAPER", help="THEME/PAPER", autocompletion=_complete_paper)]
ScaleName = Annotated[
    str, typer.Option("--scale", help="smoke, desk or paper", autocompletion=lambda: list(catalog.SCALES))
]


@app.command("list")
def list_papers(
    theme: Annotated[str | None, typer.Argument(help="Only this theme.")] = None,
) -> None:
    """List all papers: theme, evidence, number of claims (and how many are recorded as failing)."""
    from rich.table import Table

    papers = [catalog.load(slug) for slug in catalog.slugs()]
    themes = sorted({paper.theme for paper in papers})
    if theme is not None and theme not in themes:
        raise LitmusError(f"no theme '{theme}'{catalog.nearest(theme, themes)}")
    table = Table(show_edge=False, header_style="bold")
    for name in ("paper", "title", "year", "evidence", "claims", "controls"):
        table.add_column(name)
    for paper in papers:
        if theme in (None, paper.theme):
            failing = sum(claim.outcome == "fails" for claim in paper.claims)
            claims = f"{len(paper.claims)}" + (f" ({failing} fail)" if failing else "")
            table.add_row(
                paper.slug,
                escape(paper.title),
                str(paper.year),
                paper.evidence,
                claims,
                str(len(paper.controls)),
            )
    console.print(table)


@app.command()
def show(paper: PaperName, scale: ScaleName = "desk") -> None:
    """Show one paper: reference, what differs, claims with their last verdicts, controls, files."""
    from litmus import summary

    found = catalog.find(paper)
    console.print(f"[bold]{escape(found.title)}[/]\n{escape(found.authors)}, {found.year}. {found.url}")
    console.print(f"\n[bold]Evidence[/] {found.evidence}. {escape(' '.join(found.differs.split()))}\n")
    last = {row["claim"]: row for row in summary.rows([found], scale)}
    for claim in found.claims:
        row = last.get(claim.id)
        state = f"{summary.verdict(row)}: {summary.measured(row)}" if row else f"checked at {', '.join(claim.scales)}"
        console.print(f"[bold]{claim.id}[/] ({escape(claim.source)}) {escape(claim.says)}")
        console.print(f"  {claim.metric} {escape(claim.expectation)}, {claim.over} over seeds · {escape(state)}")
        if claim.because:
            console.print(f"  fails because: {escape(' '.join(claim.because.split()))}")
    console.print("\n[bold]Controls[/]")
    for control in found.controls:
        console.print(
            f"  {control.id}: {escape(control.says or '')} sets {dict(control.set)}, breaks {', '.join(control.breaks)}"
        )
    console.print(f"\n[bold]Files[/] {shown(paper_dir(found.slug))}/: paper.yaml, {', '.join(catalog.STAGE_FILES)}")


@app.command()
def run(paper: PaperName, scale: ScaleName = "smoke") -> None:
    """Run all stages of one paper in this process, for development; results go to results/dev/.

    The workflow's own results stay as they are. Ends with the claims and the CPU seconds of each stage.
    """
    import time

    from litmus import stages

    found = catalog.find(paper)
    folder = root() / "results" / "dev" / scale / found.slug
    seeds = found.seed_list(scale)
    seconds: dict[str, float] = {}

    def timed(stage: str, function: Any, *arguments: Any, **keywords: Any) -> Any:
        start = time.process_time()
        result = function(*arguments, **keywords)
        seconds[stage] = time.process_time() - start
        return result

    timed("data", stages.data, found, scale, seeds, folder=folder)
    for shard in range(found.shards) if found.shards > 1 else []:
        timed(f"shard {shard}", stages.experiment, found, scale, seeds, shard=shard, folder=folder)
    timed("experiment", stages.experiment, found, scale, seeds, folder=folder)
    timed("figure", stages.figure, found, scale, folder=folder, file=folder / "figure.svg")
    verdicts = timed("check", stages.check, found, scale, folder=folder)
    _print_verdicts(found, verdicts)
    console.print(", ".join(f"{stage} {spent:.1f} s" for stage, spent in seconds.items()), highlight=False)
    console.print(f"figure and results: {shown(folder)}")
    if not all(verdict["as_expected"] for verdict in verdicts):
        raise typer.Exit(1)


def _print_verdicts(paper: catalog.Paper, verdicts: list[dict[str, Any]]) -> None:
    from rich.table import Table

    from litmus import summary

    claims = {claim.id: claim for claim in paper.claims}
    table = Table(show_edge=False, header_style="bold")
    for name in ("claim", "measured", "expectation", "verdict", "margin"):
        table.add_column(name)
    for record in verdicts:
        row = record | {"measured": record["value"]}
        table.add_row(
            record["claim"],
            escape(summary.measured(row)),
            escape(claims[record["claim"]].expectation),
            summary.verdict(row),
            summary.margin(row),
            style="" if record["as_expected"] else "bold red",
        )
    console.print(table)


@app.command()
def control(
    paper: PaperName,
    name: Annotated[str | None, typer.Argument(help="One control; all of them if left out.")] = None,
) -> None:
    """Run the controls of one paper: broken variants under which the named claims must fail."""
    from litmus import stages

    found = catalog.find(paper)
    folder = root() / "results" / "dev" / "smoke" / found.slug / "controls"
    survived = False
    for control_id in [name] if name else [control.id for control in found.controls]:
        record = stages.control(found, control_id, file=folder / f"{control_id}.json")
        survived |= record["result"] != "broken"
        console.print(f"[bold]{control_id}[/]: {record['result']}", style="" if record["result"] == "broken" else "red")
        for when, verdicts in (("intact", record["intact"]), ("broken", record["claims"])):
            for verdict in verdicts:
                console.print(
                    f"  {when}: {verdict['claim']} {verdict['verdict']}: {verdict['metric']} = {verdict['value']}"
                )
    if survived:
        raise typer.Exit(1)


@app.command()
def verdicts(
    scale: ScaleName = "desk",
    svg: Annotated[Path | None, typer.Option(help="Save the table as a picture as well.")] = None,
) -> None:
    """Print the verdict table of the last run, grouped by theme, with the paths of its files."""
    from litmus import summary

    recorder = Console(record=svg is not None, width=130 if svg else None)
    summary.show(summary.rows(summary.selected(), scale), f"Verdicts at scale '{scale}'", recorder)
    if svg:
        # Without rich's web fonts: a picture should request nothing.
        picture = re.sub(r"@font-face \{.*?\}", "", recorder.export_svg(title="litmus verdicts"), flags=re.DOTALL)
        write_text(svg, picture)
    for file in ("verdicts.md", "verdicts.csv", "costs.csv"):
        if (path := root() / "results" / scale / file).is_file():
            console.print(f"  {shown(path)}", highlight=False)


@app.command()
def report(scale: ScaleName = "desk") -> None:
    """Build the report of the last run: a site of all verdicts, papers and figures that works from its folder."""
    from litmus import site

    console.print(shown(site.build(scale)), highlight=False)


@app.command()
def audit(
    paper: PaperName,
    seeds: Annotated[
        str, typer.Option(help="Fresh seeds, FIRST:LAST as in Python (100:105 are five), or one seed.")
    ] = "100:105",
    scale: ScaleName = "desk",
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Change a parameter; may be repeated."),
    ] = None,
) -> None:
    """Rerun one paper with fresh seeds or changed parameters and report which verdicts move.

    The verdict to compare with is the one that paper.yaml states. Exits with 1 if a verdict moves.
    """
    from litmus import audits

    found = catalog.find(paper)
    moved = audits.audit(found, scale, audits.parse_seeds(seeds), audits.parse_settings(set_ or []), console)
    if moved:
        raise typer.Exit(1)


@app.command()
def new(
    paper: Annotated[str, typer.Argument(metavar="THEME/PAPER", help="Where the new paper goes.")],
) -> None:
    """Start a new paper from a scaffold that already runs and passes validation."""
    from litmus import scaffolding

    for file in scaffolding.create(paper):
        console.print(f"  {shown(file)}", highlight=False)
    console.print(f"Try it: litmus run {paper} && litmus control {paper}; then see CONTRIBUTING.md")


@app.command()
def reproductions() -> None:
    """Write REPRODUCTIONS.md from the verdicts of the last desk run."""
    from litmus import reproductions as page

    console.print(shown(page.write()))


def _fail(message: str) -> NoReturn:
    Console(stderr=True).print(f"[red]error:[/] {escape(message)}", highlight=False, soft_wrap=True)
    sys.exit(2)


def main() -> None:
    """Run the command line; an error that a user can act on is one line, one in a paper's code a traceback."""
    single_thread()
    try:
        app()
    except LitmusError as error:
        _fail(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        own = [frame for frame in traceback.extract_tb(error.__traceback__) if "/papers/" in frame.filename]
        traceback.print_exc()
        if own:
            where = f"{shown(Path(own[-1].filename))}:{own[-1].lineno}"
            _fail(f"{where}: {type(error).__name__}: {' '.join(str(error).split())}")
        sys.exit(1)
