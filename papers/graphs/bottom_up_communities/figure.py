"""Exact recovery by level, accuracy by decay, and dendrograms of both methods side by side."""

import numpy as np
from matplotlib.lines import Line2D

from litmus import plotting

LEVEL_COLORS = (plotting.BLUE, plotting.ORANGE, plotting.GREEN)
LINE_STYLES = {"bottom-up": "-", "top-down": "--"}
METHOD_COLORS = {"bottom-up": plotting.BLUE, "top-down": plotting.SKY}


def draw(tables):
    figure, axes = plotting.panels(2, 3)
    _scale_sweep(axes[0, 0], tables["sweeps"])
    _flat_tops(axes[0, 1], tables["recovery"])
    _decay_sweep(axes[0, 2], tables["sweeps"])
    splits = tables["splits"][tables["splits"].seed == tables["splits"].seed.min()]
    inversions = tables["inversions"]
    chosen = (inversions.profile == "flatter_top") & (inversions.method == "top-down")
    share = inversions[chosen]["share"].mean()
    names = {"block model": "Flatter top", "karate club": "Karate club", "les miserables": "Les Misérables"}
    for ax, (network, name) in zip(axes[1], names.items(), strict=True):
        tree = splits[splits.network == network]
        if network == "block model":
            title = f"{name}: of all top-down splits\nbelow the root, {share:.0%} are inverted"
            # a split through a leaf is so dense here that it would press the others together
            floor = 1.5 * tree.density.min()
        else:
            inverted = tree[tree.method == "top-down"].inverted
            title = f"{name}: splits that top-down\ninverts: {inverted.sum()} of {len(inverted)}"
            floor = 1.2 * tree.density.max()
        _dendrograms(ax, tree, floor)
        ax.set_title(title)
    return figure


def _scale_sweep(ax, sweeps):
    """Exact shares against the divergence of the level, so that the limit is the same line for all levels."""
    for method, style in LINE_STYLES.items():
        for level, color in zip(sorted(sweeps.level.unique()), LEVEL_COLORS, strict=True):
            chosen = sweeps[(sweeps.sweep == "scale") & (sweeps.method == method) & (sweeps.level == level)]
            if method == "bottom-up":
                plotting.spread(ax, chosen, "divergence", "exact", color=color, linestyle=style, marker="o")
            else:  # its band would hide the other one
                mean = chosen.groupby("divergence")["exact"].mean()
                ax.plot(mean, color=color, linestyle=style, marker="o")
    ax.axvline(1.0, color=plotting.GREY, linewidth=1)
    ax.text(1.05, 0.02, "limit $J_q = 1$", color=plotting.GREY, fontsize=7.5)
    ax.set(
        xlabel="divergence $J_q$ of the level",
        ylabel="share recovered exactly",
        title="Levels are recovered exactly\nonce their divergence passes one",
        xscale="log",
        ylim=(-0.04, 1.04),
    )
    _level_legend(ax, sweeps.level.unique(), "upper left")


def _level_legend(ax, levels, location):
    lines = [
        Line2D([], [], color=color, label=f"depth {level}")
        for level, color in zip(sorted(levels), LEVEL_COLORS, strict=True)
    ]
    lines += [Line2D([], [], color="black", linestyle=style, label=method) for method, style in LINE_STYLES.items()]
    ax.legend(handles=lines, loc=location)


def _flat_tops(ax, recovery):
    profiles = {"flat_top": "flat top", "flatter_top": "flatter top"}
    levels = sorted(recovery.level.unique())
    for place, profile in enumerate(profiles):
        for side, (method, color) in zip((-0.2, 0.2), METHOD_COLORS.items(), strict=True):
            chosen = recovery[(recovery.profile == profile) & (recovery.method == method)]
            by_level = chosen.groupby("level")["exact"]
            mean, low, high = by_level.mean(), by_level.min(), by_level.max()
            positions = place * (len(levels) + 1) + np.arange(len(levels)) + side
            ax.bar(positions, mean, width=0.38, color=color, label=method if place == 0 else None)
            ax.vlines(positions, low, high, color="black", linewidth=1)
    ticks = np.arange(len(profiles))[:, None] * (len(levels) + 1) + np.arange(len(levels))
    ax.set_xticks(ticks.ravel(), [str(level) for level in levels] * len(profiles))
    for place, label in enumerate(profiles.values()):
        ax.text(place * (len(levels) + 1) + (len(levels) - 1) / 2, 1.06, label, ha="center")
    ax.set(
        xlabel="depth of the level",
        ylabel="share recovered exactly",
        title="Splits of nearly equal density: bottom-up\nfinds what recursive splitting misses",
        ylim=(0, 1.35),
        yticks=np.linspace(0, 1, 6),
    )
    ax.legend(ncols=2, loc="upper center")
    ax.grid(axis="x", visible=False)


def _decay_sweep(ax, sweeps):
    decays = sweeps[sweeps.sweep == "decay"]
    for method, style in LINE_STYLES.items():
        for level, color in zip(sorted(sweeps.level.unique()), LEVEL_COLORS, strict=True):
            chosen = decays[(decays.method == method) & (decays.level == level)]
            plotting.spread(ax, chosen, "value", "accuracy", color=color, linestyle=style, marker="o")
    ax.set(
        xlabel="decay $\\beta$ of the densities towards the root",
        ylabel="accuracy",
        title="Leaves far below their limit:\nrecursive splitting keeps more of them",
    )
    _level_legend(ax, sweeps.level.unique(), "lower left")


def _dendrograms(ax, splits, floor):
    """Both trees of one network, the densest splits lowest: an inverted split stands above its parent.

    Leaves hang down to `floor`; splits denser than it are cut off.
    """
    shift, centres = 0.0, []
    for method, color in METHOD_COLORS.items():
        tree = splits[splits.method == method]
        if tree.empty:  # not split at all
            continue
        for split in tree.itertuples():
            sides = np.array([split.left, split.right]) + shift
            feet = np.nan_to_num([split.left_density, split.right_density], nan=floor)
            shade, width = (plotting.RED, 2.4) if split.inverted else (color, 1.4)
            ax.plot(sides, [split.density] * 2, color=shade, linewidth=width, solid_capstyle="butt", zorder=3)
            ax.vlines(sides, split.density, feet, color=color, linewidth=1.4)
        width = max(tree.left.max(), tree.right.max())
        centres.append((shift + width / 2, method))
        shift += width + 1.5
    ax.set_xticks([centre for centre, _ in centres], [method for _, method in centres])
    low = splits.density.min()
    ax.set(ylim=(floor, low - 0.08 * (floor - low)), ylabel="edge density of the split")
    ax.grid(axis="x", visible=False)
    if splits.inverted.any():
        handle = Line2D([], [], color=plotting.RED, linewidth=2.4, label="inverted split")
        ax.legend(handles=[handle], loc="lower right", frameon=True, framealpha=1, edgecolor="none")
