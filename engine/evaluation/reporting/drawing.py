"""A drawing of lines, boxes and words in points: made once, written as inline SVG and onto a PDF page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Literal

Anchor = Literal["start", "middle", "end"]

# Okabe & Ito 2008: told apart by colour-blind readers and in print.
BLUE, ORANGE, GREEN, VERMILLION, GREY, INK = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#8a8f98", "#1f2430"
FAINT = "#d9dde3"


@dataclass(frozen=True, slots=True)
class Box:
    """A filled rectangle."""

    x: float
    y: float
    width: float
    height: float
    colour: str


@dataclass(frozen=True, slots=True)
class Lines:
    """An open run of straight lines."""

    points: tuple[tuple[float, float], ...]
    colour: str
    width: float = 1.0
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Dot:
    """A filled circle."""

    x: float
    y: float
    radius: float
    colour: str


@dataclass(frozen=True, slots=True)
class Words:
    """A line of text; `y` is its baseline."""

    x: float
    y: float
    text: str
    size: float = 11.0
    anchor: Anchor = "start"
    colour: str = INK


Shape = Box | Lines | Dot | Words


@dataclass(slots=True)
class Drawing:
    """A plot with its title and what it shows, said in a sentence."""

    title: str
    says: str
    width: float
    height: float
    shapes: list[Shape] = field(default_factory=list)

    def add(self, *shapes: Shape) -> None:
        """Put shapes on top of the others."""
        self.shapes.extend(shapes)


def to_svg(drawing: Drawing) -> str:
    """The drawing as an SVG element, which names no font and no address."""
    parts = [
        f'<svg viewBox="0 0 {drawing.width:g} {drawing.height:g}" role="img" aria-label="{escape(drawing.says)}">',
        *map(_svg, drawing.shapes),
        "</svg>",
    ]
    return "".join(parts)


def _svg(shape: Shape) -> str:
    if isinstance(shape, Box):
        return (
            f'<rect x="{shape.x:.1f}" y="{shape.y:.1f}" width="{max(shape.width, 0):.1f}" '
            f'height="{shape.height:.1f}" fill="{shape.colour}"/>'
        )
    if isinstance(shape, Dot):
        return f'<circle cx="{shape.x:.1f}" cy="{shape.y:.1f}" r="{shape.radius:g}" fill="{shape.colour}"/>'
    if isinstance(shape, Lines):
        dashes = ' stroke-dasharray="3 3"' if shape.dashed else ""
        return (
            f'<polyline points="{_points(shape.points)}" fill="none" stroke="{shape.colour}" '
            f'stroke-width="{shape.width:g}"{dashes}/>'
        )
    return (
        f'<text x="{shape.x:.1f}" y="{shape.y:.1f}" font-size="{shape.size:g}" text-anchor="{shape.anchor}" '
        f'fill="{shape.colour}">{escape(shape.text)}</text>'
    )


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
