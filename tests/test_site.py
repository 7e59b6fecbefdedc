"""The report: pages that link to each other and to nothing outside, and pictures that say what was measured."""

import math
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from helpers import run_stages
from PIL import Image

from litmus import catalog, paths, site
from litmus.site.figures import lean_svg
from litmus.site.intervals import Axis, interval_plot


class Links(HTMLParser):
    """What a page refers to, and the names that it defines."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.external: list[str] = []
        self.names: set[str] = set()

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if name := attributes.get("id"):
            assert name not in self.names, f"the id {name} stands twice"
            self.names.add(name)
        for field in ("href", "src", "srcset"):
            if target := attributes.get(field):
                (self.external if tag == "a" and urlsplit(target).scheme else self.targets).append(target)


def links(page: Path) -> Links:
    parser = Links()
    parser.feed(page.read_text(encoding="utf-8"))
    return parser


@pytest.fixture
def front(add_paper) -> Path:
    """The front page of a report of three papers, one of which has not been run."""
    add_paper("one/good")
    add_paper("two/odd", paper={"equals: 1.0": "equals: 2.0"})
    add_paper("two/idle")
    run_stages("one/good")
    run_stages("two/odd")
    return site.build("smoke")


def test_every_internal_link_leads_somewhere_and_nothing_is_requested_from_elsewhere(front):
    pages = sorted(front.parent.rglob("*.html"))
    assert {page.relative_to(front.parent).as_posix() for page in pages} == {
        "index.html", "reading.html", "one/index.html", "one/good.html",
        "two/index.html", "two/odd.html", "two/idle.html",
    }  # fmt: skip
    found = {page: links(page) for page in pages}
    for page, parsed in found.items():
        for target in parsed.targets:
            parts = urlsplit(target)
            if parts.scheme == "data":
                continue
            assert (parts.scheme, parts.netloc) == ("", ""), f"{page.name} loads {target}"
            file = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            assert file.is_file(), f"{page.name} links to {target}"
            if parts.fragment and file.suffix == ".html":
                names = found[file].names if file in found else links(file).names
                assert parts.fragment in names, f"{page.name} links to {target}"


def test_pages_state_verdicts_controls_and_parameters(front):
    table = front.read_text(encoding="utf-8")
    assert "3 claims of 3 papers: 1 holds, 1 fails, 1 not run" in table
    assert table.count("data-odd") == 2
    page = (front.parent / "two" / "odd.html").read_text(encoding="utf-8")
    paper = catalog.load("two/odd")
    assert "fails (unexpected)" in page
    assert paper.claims[0].tolerance.split(".")[0] in page
    for control in paper.controls:
        assert control.id.replace("_", " ") in page
    for name in paper.scales["smoke"]:
        assert f"<code>{name}</code>" in page
    assert (front.parent / "two" / "odd.png").is_file()


def test_text_of_a_paper_is_text(add_paper):
    add_paper("one/good", paper={"title: ": "title: <script>alert(1)</script> & "})
    run_stages("one/good")
    for page in site.build("smoke").parent.rglob("*.html"):
        assert "<script>alert" not in page.read_text(encoding="utf-8")


def test_a_report_replaces_the_old_one_and_reuses_figures(front, monkeypatch):
    (front.parent / "stale.html").write_text("old")
    picture = front.parent / "one" / "good.png"
    before = picture.stat().st_mtime_ns, picture.read_bytes()
    site.build("smoke")
    assert not (front.parent / "stale.html").exists()
    assert (picture.stat().st_mtime_ns, picture.read_bytes()) == before
    Image.new("RGB", (40, 30), "red").save(paths.figure_file("one/good", "smoke").with_suffix(".png"))
    site.build("smoke")
    assert picture.read_bytes() != before[1]


@pytest.mark.parametrize(
    ("limits", "numbers", "logarithmic"),
    [((0.0, 1.0), [0.5], False), ((1e-6, 1.0), [0.1], True), ((-math.inf, 1e-6), [0.0, 2e-16], False)],
)
def test_numbers_stand_in_order_on_the_axis(limits, numbers, logarithmic):
    axis = Axis.holding([*limits, *numbers])
    assert axis.logarithmic == logarithmic
    ordered = sorted({*limits, *numbers})
    positions = [axis.position(number) for number in ordered]
    assert positions == sorted(positions)
    assert len(set(positions)) == len(positions)


def test_picture_of_a_claim():
    picture = str(interval_plot((0.5, 1.5), 2.0, [1.9, 2.0, 2.1], reported=1.0, holds=False))
    band = re.search(r'class="allowed" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', picture)
    bar = re.search(r'class="value fails" x1="([\d.]+)"', picture)
    assert float(bar[1]) > float(band[1]) + float(band[2]), "a value beyond the limit is drawn outside the band"
    assert picture.count("<circle") == 3
    assert 'class="reported"' in picture
    assert "Measured: 2, single seeds 1.9 to 2.1. Reported: 1." in picture
    one_sided = str(interval_plot((-math.inf, 1.0), 0.5, [0.5], reported=None, holds=True))
    assert 'class="allowed" x="0.0"' in one_sided
    assert "at most 1" in one_sided
    assert "reported" not in one_sided.lower().replace("reported:", "reported")


def test_lean_figures_draw_the_same(front):
    text = paths.figure_file("one/good", "smoke").read_text(encoding="utf-8")
    lean = lean_svg(text)
    assert len(lean) < 0.7 * len(text)
    assert lean.count("<path") == text.count("<path")
    assert lean.count("<use") == text.count("<use")
    for name in re.findall(r'(?:xlink:href="#|url\(#)([\w.-]+)', lean):
        assert f'id="{name}"' in lean
    styles = set(re.findall(r'class="(\w+)"', lean))
    assert all(f".{style}{{" in lean for style in styles)
