"""Small drawings as data: lines, boxes, dots and words on a canvas, drawn once and rendered as SVG for a page or as vectors in a PDF."""

from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

INK, FAINT, MARK, SECOND = "ink", "faint", "mark", "second"
COLORS = {INK: "#17211c", FAINT: "#8a9690", MARK: "#0072b2", SECOND: "#d55e00"}  # blue and orange are told apart with every kind of colour vision
FONT_SIZE = 11.0
_LETTER = 0.55  # mean width of a letter in units of its size, for labels that must not run out of the drawing


@dataclass
class Drawing:
    """Marks on a canvas whose origin is its upper left corner; lengths in points.

    Parameters
    ----------
    width, height : float
    title : str
        What it shows, also for those who cannot see it.
    about : str
        What can be learned from it, in one sentence.
    """

    width: float
    height: float
    title: str
    about: str = ""
    marks: list = field(default_factory=list)

    def line(self, points, color=INK, width=1.0, dashes=()):
        """A line through (x, y) points."""
        self.marks.append(("line", tuple((float(x), float(y)) for x, y in points), color, float(width), tuple(dashes)))

    def box(self, x, y, width, height, color=MARK, opacity=1.0):
        """A filled box; a negative height or width is turned round."""
        x, width = (x + width, -width) if width < 0 else (x, width)
        y, height = (y + height, -height) if height < 0 else (y, height)
        self.marks.append(("box", float(x), float(y), float(width), float(height), color, float(opacity)))

    def dot(self, x, y, radius=2.2, color=MARK, opacity=0.6):
        """A filled circle."""
        self.marks.append(("dot", float(x), float(y), float(radius), color, float(opacity)))

    def text(self, x, y, words, anchor="start", size=FONT_SIZE, color=INK, turned=False):
        """Words whose baseline begins, is centred or ends ("start", "middle", "end") at a place; turned ones run upwards."""
        self.marks.append(("text", float(x), float(y), str(words), anchor, float(size), color, bool(turned)))


def text_width(words, size=FONT_SIZE):
    """About how long words are, in points."""
    return _LETTER * size * len(str(words))


def color_of(name):
    """A colour by its role, or as it stands."""
    return COLORS.get(name, name)


def to_svg(drawing):
    """A drawing as one SVG element; its ink follows the colours of the page (classes ``ink`` and ``faint``).

    Parameters
    ----------
    drawing : Drawing

    Returns
    -------
    str
    """
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {drawing.width:g} {drawing.height:g}" role="img" '
        f"aria-label={quoteattr(f'{drawing.title}. {drawing.about}'.strip())} font-size={quoteattr(f'{FONT_SIZE:g}')}>"
    )
    return head + "".join(_RENDERERS[mark[0]](*mark[1:]) for mark in drawing.marks) + "</svg>"


def _paint(kind, color):
    """A fill or stroke: ink by class, so that it turns light on a dark page; colours as they are."""
    if color in (INK, FAINT):
        return f'class="{kind}-{color}"'
    return f'{kind}="{color_of(color)}"'


def _line(points, color, width, dashes):
    path = " ".join(f"{x:.2f},{y:.2f}" for x, y in points)
    dashed = f' stroke-dasharray="{" ".join(f"{dash:g}" for dash in dashes)}"' if dashes else ""
    return f'<polyline points="{path}" fill="none" {_paint("stroke", color)} stroke-width="{width:g}"{dashed}/>'


def _box(x, y, width, height, color, opacity):
    return f'<rect x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}" {_paint("fill", color)} fill-opacity="{opacity:g}"/>'


def _dot(x, y, radius, color, opacity):
    return f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{radius:g}" {_paint("fill", color)} fill-opacity="{opacity:g}"/>'


def _text(x, y, words, anchor, size, color, turned):
    turn = f' transform="rotate(-90 {x:.2f} {y:.2f})"' if turned else ""
    return f'<text x="{x:.2f}" y="{y:.2f}" text-anchor="{anchor}" font-size="{size:g}" {_paint("fill", color)}{turn}>{escape(words)}</text>'


_RENDERERS = {"line": _line, "box": _box, "dot": _dot, "text": _text}
