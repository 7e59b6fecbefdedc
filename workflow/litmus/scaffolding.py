"""A new paper that runs from its first minute."""

from pathlib import Path

from litmus.catalog import check_slug, slugs
from litmus.errors import LitmusError
from litmus.files import whole_folder
from litmus.paths import KIT, paper_dir, shown


def create(slug: str) -> list[Path]:
    """Write papers/<slug> from the templates in scaffold/; the files, in the order in which to read them.

    Raises
    ------
    LitmusError
        If the slug is malformed, or the folder exists.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    check_slug(slug)
    folder = paper_dir(slug)
    if folder.exists() or slug in slugs():
        raise LitmusError(f"{shown(folder)}: exists already")
    templates = Environment(
        loader=FileSystemLoader(KIT / "scaffold"), undefined=StrictUndefined, keep_trailing_newline=True
    )
    names = ["paper.yaml", "data.py", "method.py", "experiment.py", "figure.py", "test_method.py"]
    with whole_folder(folder) as temporary:
        for name in names:
            text = templates.get_template(f"{name}.jinja").render(slug=slug, module=f"papers.{slug.replace('/', '.')}")
            (temporary / name).write_text(text, encoding="utf-8")
    return [folder / name for name in names]
