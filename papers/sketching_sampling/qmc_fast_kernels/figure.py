"""Point sets, integration errors of every randomisation, and the cost of fast and dense Gram algebra."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litmus import plotting

EXAMPLES = {
    "iid": "Independent points clump",
    "lattice": "Shifted lattice: a tilted grid",
    "net, NUS": "Scrambled net: even",
    "order 2, NUS": "Order-2 net: less even",
}
CURVES = {
    "iid": (plotting.BLACK, "--", ""),
    "lattice": (plotting.GREEN, "-", "s"),
    "net, shift": (plotting.ORANGE, "-", ""),
    "Halton": (plotting.GREY, "--", "D"),
    "net, LMS": (plotting.SKY, ":", "v"),
    "net, NUS": (plotting.SKY, "-", "o"),
    "order 2, NUS": (plotting.BLUE, "-", "o"),
    "order 3, NUS": (plotting.PINK, "-", "o"),
}
INTEGRANDS = {
    "smooth, d = 1": "Scrambling and interlacing add orders",
    "smooth, d = 2": "Orders 2 and 3 gain less",
    "G, d = 3": "With kinks the gain is smaller",
}
COSTS = {
    "dense": ("dense", plotting.BLACK, "--"),
    "lattice": ("fast, lattice", plotting.GREEN, "-"),
    "net": ("fast, net", plotting.BLUE, "-"),
}
EXACT = 1e-13  # errors below this are rounding


def _example(ax: Axes, table: pd.DataFrame, name: str) -> None:
    part = table[(table.points == name) & (table.seed == table.seed.min())]
    ax.plot(part.x, part.y, "o", color=CURVES[name][0], markersize=1.8)
    ax.set(aspect="equal", xlim=(0, 1), ylim=(0, 1), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1), xlabel="x₁", ylabel="x₂")
    ax.set_title(f"{EXAMPLES[name]} (n = {len(part)})")


def _errors(ax: Axes, table: pd.DataFrame, integrand: str, rates: Mapping[str, float]) -> None:
    part = table[table.integrand == integrand]
    for name, (color, style, marker) in CURVES.items():
        curve = part[(part.points == name) & (part.rmse > EXACT)]
        if curve.n.max() < part.n.max():
            exact_from = 2 * curve.n.max()
            ax.text(0.04, 0.05, f"{name}: exact from n = {exact_from}", color=color, transform=ax.transAxes)
        plotting.spread(ax, curve, "n", "rmse", label=name, color=color, linestyle=style, marker=marker, markersize=3)
    sizes = sorted(part.n.unique())
    for label, exponent in rates.items():
        start = part[(part.points == label) & (part.n == sizes[0])].rmse.mean() * 1.6
        end = start * (sizes[-1] / sizes[0]) ** exponent
        plotting.power_guide(ax, sizes, start, exponent, None, linewidth=1)
        ax.annotate(f"n$^{{{exponent}}}$", (sizes[-1], end), xytext=(3, -2), textcoords="offset points", fontsize=7)
    ax.set(yscale="log", xlabel="points n", ylabel="root mean squared error")
    ax.set_xscale("log", base=2)
    ax.set_title(f"{INTEGRANDS[integrand]} ({integrand})")


def _costs(ax: Axes, table: pd.DataFrame) -> None:
    for method, (label, color, style) in COSTS.items():
        for operation, marker in (("product", "o"), ("solve", "s")):
            part = table[(table.method == method) & (table.operation == operation)]
            plotting.spread(
                ax, part.assign(milliseconds=1e3 * part.seconds), "n", "milliseconds",
                label=f"{label}, {operation}", color=color, linestyle=style, marker=marker,
                markersize=3 if operation == "solve" else 6, markerfacecolor="white" if operation == "solve" else color,
            )  # fmt: skip
    ax.set(yscale="log", xlabel="matrix size n", ylabel="CPU milliseconds")
    ax.set_xscale("log", base=2)
    ax.set_title("Gram algebra: n log n against n² and n³")
    ax.set_ylim(top=30 * 1e3 * table.seconds.max())
    ax.legend(loc="upper right", ncols=2, fontsize=6.5)


def draw(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Four point sets above; three integrands and the costs below."""
    figure, axes = plotting.panels(2, 4)
    for ax, name in zip(axes[0], EXAMPLES, strict=True):
        _example(ax, tables["examples"], name)
    line_rates = {"iid": -0.5, "net, shift": -1, "net, NUS": -1.5, "order 2, NUS": -2.5, "order 3, NUS": -3.5}
    for ax, integrand in zip(axes[1], INTEGRANDS, strict=False):
        _errors(ax, tables["errors"], integrand, line_rates if integrand == "smooth, d = 1" else {"iid": -0.5})
    handles, labels = axes[1][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    _costs(axes[1][3], tables["timings"])
    return figure
