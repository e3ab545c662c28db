"""`images/layers.svg`: the layers, drawn from the import contract in `pyproject.toml`."""

import tomllib
from pathlib import Path

from flask import Flask

PROJECT = Path(__file__).parents[2] / "pyproject.toml"
WIDTH, ROW, GAP, LINE = 760, 44, 10, 7
STYLE = """
  .layer { fill: #f5f5f4; stroke: #a8a29e; }
  .name { fill: #1c1917; font: 15px ui-monospace, monospace; text-anchor: middle; dominant-baseline: central; }
  .arrow { stroke: #78716c; stroke-width: 1.5; marker-end: url(#head); }
  @media (prefers-color-scheme: dark) {
    .layer { fill: #292524; stroke: #78716c; }
    .name { fill: #f5f5f4; }
  }
"""
HEAD = '<marker id="head" viewBox="0 0 6 6" refX="5" refY="3" markerWidth="6" markerHeight="6" orient="auto">'


def rows() -> list[list[str]]:
    """Return the layers, the highest first: the modules that stand side by side in each."""
    contracts = tomllib.loads(PROJECT.read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["id"] == "layers")
    return [[name.strip("() ") for name in layer.replace("|", ":").split(":")] for layer in layers]


def picture(_app: Flask) -> str:
    """Return the drawing: one row a layer, an arrow from each to what it may import."""
    parts, top = [], GAP
    for layer in rows():
        lines = [layer[start : start + LINE] for start in range(0, len(layer), LINE)]
        if top > GAP:
            parts.append(f'<line class="arrow" x1="{WIDTH // 2}" y1="{top - GAP}" x2="{WIDTH // 2}" y2="{top + 6}"/>')
        top += GAP
        for names in lines:
            parts += boxes(names, top)
            top += ROW + (4 if names is not lines[-1] else 0)
        top += GAP
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top + GAP}" role="img">\n'
        f"<title>The layers: a module imports only from those below it</title>\n<style>{STYLE}</style>\n"
        f'<defs>{HEAD}<path d="M0 0L6 3L0 6z" fill="#78716c"/></marker></defs>\n{body}\n</svg>\n'
    )


def boxes(names: list[str], top: int) -> list[str]:
    """Return one line of boxes, as wide as their names need."""
    free = WIDTH - 2 * GAP - 6 * (len(names) - 1)
    letters = sum(len(name) + 2 for name in names)
    parts, left = [], float(GAP)
    for name in names:
        width = free * (len(name) + 2) / letters
        parts.append(
            f'<rect class="layer" x="{left:.0f}" y="{top}" width="{width:.0f}" height="{ROW - 8}" rx="5"/>'
            f'<text class="name" x="{left + width / 2:.0f}" y="{top + (ROW - 8) / 2:.0f}">{name}</text>'
        )
        left += width + 6
    return parts
