"""Optimal acceptance on two tokens and on random laws; acceptance and block efficiency on text."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from litmus import plotting

COLORS = {
    "single draft": plotting.GREY,
    "recursive": plotting.ORANGE,
    "K-SEQ": plotting.GREEN,
    "truncated LP": plotting.SKY,
    "optimal": plotting.BLUE,
}


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    """Four panels: binary alphabet, formula against program, text acceptance, block efficiency."""
    figure, ((binary, programs), (text, blocks)) = plotting.panels(2, 2, width=4.0, height=3.1)
    draw_binary(binary, tables["binary"])
    draw_programs(programs, tables["programs"])
    draw_text(text, tables["text"])
    draw_blocks(blocks, tables["blocks"])
    return figure


def draw_binary(ax: Axes, binary: pd.DataFrame) -> None:
    binary = binary[binary.seed == binary.seed.min()]  # nothing here is random
    styles = {"recursive": "--", "K-SEQ": ":", "optimal": "-"}
    colors = dict(zip(binary.draft_one.unique(), (plotting.BLUE, plotting.ORANGE, plotting.GREEN), strict=False))
    for (draft_one, rule), curve in binary.groupby(["draft_one", "rule"]):
        if rule in styles:
            ax.plot(curve.target_one, curve.acceptance, styles[rule], color=colors[draft_one])
        else:
            ax.plot(curve.target_one[::10], curve.acceptance[::10], "o", color=colors[draft_one])
    handles = [Line2D([], [], color=color, label=f"p(1) = {value:g}") for value, color in colors.items()]
    handles += [Line2D([], [], color="black", linestyle=style, label=rule) for rule, style in styles.items()]
    handles += [Line2D([], [], color="black", linestyle="", marker="o", label="two-step program")]
    ax.set(
        title="(a) Two tokens: certain acceptance on an interval",
        xlabel="target probability q(1)",
        ylabel="acceptance probability",
    )
    ax.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.46, 0), ncols=2)


def draw_programs(ax: Axes, programs: pd.DataFrame) -> None:
    identical = programs[programs.drafts == "identical"]
    different = programs[programs.drafts == "different"]
    ax.axline((1, 1), slope=1, color=plotting.GREY, linewidth=1)
    ax.plot(identical.joint, identical.formula, "o", color=plotting.BLUE, alpha=0.5, label="same draft twice, formula")
    ax.plot(different.joint, different.two_step, "x", color=plotting.ORANGE, label="different drafts, two-step program")
    gaps = np.concatenate([identical.formula - identical.joint, different.two_step - different.joint])
    ax.set(
        title=f"(b) Formula and two steps give the optimum\n(largest gap {np.abs(gaps).max():.0e})",
        xlabel="optimal acceptance, joint program",
        ylabel="acceptance by formula or two steps",
    )
    ax.legend(loc="upper left")


def draw_text(ax: Axes, text: pd.DataFrame) -> None:
    temperatures = sorted(text.temperature.unique())
    width = 0.16
    for place, (rule, color) in enumerate(COLORS.items()):
        values = text[text.rule == rule].groupby("temperature").acceptance
        positions = np.arange(len(temperatures)) + (place - 2) * width
        draw_bars(ax, positions, values, width, color, rule)
    ax.set_xticks(range(len(temperatures)), [f"draft temperature {value:g}" for value in temperatures])
    ax.set(
        title="(c) Text: the truncated program nears the optimum",
        ylabel="mean acceptance probability",
        ylim=(0, 1.45 * text.acceptance.max()),
    )
    ax.legend(ncols=2, loc="upper center")
    ax.grid(axis="x", visible=False)


def draw_blocks(ax: Axes, blocks: pd.DataFrame) -> None:
    rules = [rule for rule in COLORS if (blocks.rule == rule).any()]
    for place, rule in enumerate(rules):
        values = blocks[blocks.rule == rule].groupby("rule").block_efficiency
        draw_bars(ax, np.array([place]), values, 0.6, COLORS[rule], None)
        ax.text(place, values.max().iloc[0] + 0.03, f"{values.mean().iloc[0]:.2f}", ha="center")
    ax.set_xticks(range(len(rules)), rules)
    ax.set(
        title="(d) Two drafts emit more tokens per target call",
        ylabel="block efficiency (tokens per call)",
        ylim=(1, None),
    )
    ax.grid(axis="x", visible=False)


def draw_bars(ax: Axes, positions: np.ndarray, values: Any, width: float, color: str, label: str | None) -> None:
    """Bars at the means of grouped values, with a line from the smallest to the largest (over seeds)."""
    ax.bar(positions, values.mean(), width=0.92 * width, color=color, label=label)
    ax.vlines(positions, values.min(), values.max(), color="black", linewidth=1.2)
