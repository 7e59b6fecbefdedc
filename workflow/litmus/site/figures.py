"""Figures small enough that a site of hundreds of papers stays handy: lean SVG, and PNG with a palette."""

from __future__ import annotations

import io
import re
from pathlib import Path

COLOURS = 32  # the house palette, its bands and the edges of letters
DECIMALS = 2  # hundredths of a point: finer than any screen or printer
LARGEST_SVG = 64_000  # bytes; a figure with more marks than that fills is shown as a picture


def lean_svg(text: str) -> str:
    """The same drawing in fewer bytes: rounded coordinates, each style written once, no unused names or comments."""
    text = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"-?\d+\.\d{3,}", lambda match: f"{float(match[0]):.{DECIMALS}f}".rstrip("0").rstrip("."), text)
    used = set(re.findall(r"#([\w.-]+)", text))
    text = re.sub(r' id="([^"]*)"', lambda match: match[0] if match[1] in used else "", text)
    classes: dict[str, str] = {}

    def as_class(match: re.Match[str]) -> str:
        return f'class="{classes.setdefault(match[1], f"s{len(classes)}")}"'

    text = re.sub(r'style="([^"]*)"', as_class, text)
    text = re.sub(r"\s+", " ", text).replace("> <", "><")
    rules = "".join(f".{name}{{{style}}}" for style, name in classes.items())
    root = text.index(">", text.index("<svg")) + 1
    return f"{text[:root]}<style>{rules}</style>{text[root:]}"


def palette_png(file: Path, halve: bool) -> bytes:
    """The picture with few colours, on request at half its size, which is enough behind an SVG."""
    from PIL import Image

    with Image.open(file) as picture:
        image: Image.Image = picture.convert("RGB")
    if halve:
        image = image.reduce(2)
    buffer = io.BytesIO()
    image.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
        buffer, "PNG", optimize=True
    )
    return buffer.getvalue()
