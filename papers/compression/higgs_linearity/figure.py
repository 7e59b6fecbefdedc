"""Predicted against measured loss, where the layers' weights lie, and what each bit buys."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litmus import plotting

SCHEMES = {
    "noise": ("noise", plotting.GREY, "o"),
    "round_to_nearest": ("rounding", plotting.ORANGE, "s"),
    "nf4": ("NF4", plotting.GREEN, "D"),
    "higgs": ("HIGGS", plotting.BLUE, "^"),
    "higgs_part": ("HIGGS, some layers", plotting.PINK, "<"),
    "higgs_planar": ("HIGGS, planar grid", plotting.SKY, "v"),
    "dynamic": ("HIGGS, dynamic bits", plotting.RED, "P"),
}
MATRICES = {
    "attention.qkv": "queries, keys, values",
    "attention.out": "attention output",
    "mlp.up": "MLP up",
    "mlp.down": "MLP down",
}


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    figure, (left, middle, right) = plotting.panels(1, 3, height=3.0)
    _linearity(left, tables["configurations"])
    _layer_weights(middle, tables["layers"])
    _bits(right, tables["bits"])
    return figure


def _linearity(ax: Axes, configurations: pd.DataFrame) -> None:
    for (scheme, fitted), rows in configurations.groupby(["scheme", "fitted"], sort=False):
        label, color, marker = SCHEMES[scheme]
        look = {"label": label} if fitted else {"label": f"{label}, 2 bits", "markerfacecolor": "none"}
        ax.plot(rows["predicted"], rows["measured"], marker, color=color, **look)
    ends = np.array([configurations["predicted"].min(), configurations["predicted"].max()])
    ax.plot(ends, ends, color=plotting.BLACK, linewidth=0.8, label="equal")
    ax.set(xscale="log", yscale="log", xlabel="predicted loss increase (nats/byte)")
    ax.set_ylabel("measured loss increase (nats/byte)")
    ax.set_title("One weighted sum predicts all but 2 bits")
    ax.legend(loc="upper left", fontsize=7, borderaxespad=0.2)


def _layer_weights(ax: Axes, layers: pd.DataFrame) -> None:
    for (matrix, label), color, marker in zip(MATRICES.items(), plotting.COLORS, plotting.MARKERS, strict=False):
        plotting.spread(ax, layers[layers["matrix"] == matrix], "block", "alpha", label, color, marker=marker)
    ax.set_xticks(sorted(layers["block"].unique()))
    ax.set(yscale="log", xlabel="block", ylabel="layer weight alpha (nats/byte)")
    ax.set_title("Layers differ in what their error costs")
    ax.legend()


def _bits(ax: Axes, bits: pd.DataFrame) -> None:
    for scheme, (label, color, marker) in SCHEMES.items():
        if len(rows := bits[bits["scheme"] == scheme]):
            plotting.spread(ax, rows, "bits", "measured", label, color, marker=marker)
    random = bits[bits["scheme"] == "random"]
    ax.plot(random["bits"], random["measured"], "_", color=plotting.BLACK, alpha=0.6, label="HIGGS, random bits")
    ax.set(yscale="log", xlabel="bits per weight, scales included", ylabel="loss increase (nats/byte)")
    ax.set_title("Dealing bits out by layer weight pays")
    ax.legend(loc="lower left")
