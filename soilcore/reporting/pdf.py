"""A summary as a PDF: the same facts, figures and pictures as the page, laid out on A4 by ReportLab."""

import io
import unicodedata
from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape

from soilcore.core.errors import NotAvailableError
from soilcore.reporting import tables
from soilcore.reporting.drawing import color_of
from soilcore.reporting.protocol import describe
from soilcore.reporting.render import drawings_of

_MARGIN = 51.0  # points, 18 mm
_SOFT, _LINE, _CARD = "#51605a", "#c8d0cb", "#f1f5f2"
_SWATCH = 8.0
_SPACES = "\n\t\r"
_HALF = 0.485  # of the width, for two things beside each other
_COLUMNS = {2: (0.5, 0.5), 3: (0.22, 0.14, 0.64), 4: (0.4, 0.12, 0.24, 0.24), 5: (0.26, 0.2, 0.16, 0.12, 0.26)}
FONT_FILE = "DejaVuSans.ttf"  # Latin, Greek and Cyrillic; where it is not there, ReportLab's own font, which is Latin only


def render_pdf(summary, path, pictures=(), result_pictures=None, fonts=None):
    """Write a PDF; the same summary always gives the same bytes.

    Parameters
    ----------
    summary : dict
        See `soilcore.reporting.summary.summarise`.
    path : path
        Written at once; callers write under a temporary name.
    pictures : sequence of Picture
    result_pictures : dict of str to sequence of Picture, optional
        By the title of a result.
    fonts : path, optional
        Folder with `FONT_FILE` and its bold cut, for scripts other than Latin.

    Returns
    -------
    str
        Letters that no font here has, and that stand there as their base letter or a question mark; empty when all could be written.

    Raises
    ------
    NotAvailableError
        If ReportLab is not installed.
    """
    try:
        from reportlab.platypus import SimpleDocTemplate
    except ImportError:
        raise NotAvailableError("A PDF needs the package reportlab: `pip install reportlab`, or write the report as .html.") from None
    page = _Page(_fonts(None if fonts is None else str(fonts)))
    story = [*_head(page, summary), *_maps(page, summary, pictures), *_limits(page, summary), *_scores(page, summary), *_trust(page, summary)]
    story += [*_leakage(page, summary), *_drivers(page, summary), *_results(page, summary, result_pictures or {}), *_methods(page, summary)]
    story += _made_of(page, summary)
    document = SimpleDocTemplate(
        str(path),
        pagesize=page.size,
        leftMargin=_MARGIN,
        rightMargin=_MARGIN,
        topMargin=_MARGIN,
        bottomMargin=_MARGIN,
        title=page.plain(f"{summary['title']}: report"),
        author="soilcore",
        lang="en",
        invariant=1,  # no time of writing in the file
    )
    document.build(story, onFirstPage=page.numbered, onLaterPages=page.numbered)
    return "".join(sorted(page.lost))


class _Page:
    """Fonts, styles and the parts that a story is made of."""

    def __init__(self, fonts):
        from reportlab.lib.pagesizes import A4
        from reportlab.lib.styles import ParagraphStyle

        self.regular, self.bold, self.known = fonts
        self.lost = set()
        self.size, self.width = A4, A4[0] - 2 * _MARGIN
        base = ParagraphStyle("base", fontName=self.regular, fontSize=9.2, leading=13, spaceAfter=4)
        self.styles = {
            "base": base,
            "title": ParagraphStyle("title", base, fontName=self.bold, fontSize=19, leading=23, spaceAfter=4),
            "head": ParagraphStyle("head", base, fontName=self.bold, fontSize=13, leading=17, spaceBefore=12, spaceAfter=5, keepWithNext=1),
            "small": ParagraphStyle("small", base, fontSize=7.6, leading=10, textColor=_SOFT),
            "cell": ParagraphStyle("cell", base, fontSize=7.8, leading=10, spaceAfter=0),
            "cell_head": ParagraphStyle("cell_head", base, fontName=self.bold, fontSize=7.6, leading=10, textColor=_SOFT, spaceAfter=0),
            "value": ParagraphStyle("value", base, fontName=self.bold, fontSize=13, leading=16, spaceAfter=0),
        }

    def plain(self, words):
        """Words in letters that the font has: others by their base letter, else as a question mark."""
        self.lost |= {letter for letter in str(words) if ord(letter) not in self.known and letter not in _SPACES}
        return "".join(_letter(letter, self.known) for letter in str(words))

    def text(self, words, style="base"):
        """A paragraph; nothing in the words is taken for markup."""
        from reportlab.platypus import Paragraph

        return Paragraph(escape(self.plain(words)), self.styles[style])

    def points(self, sentences):
        """Sentences as a list."""
        from reportlab.platypus import ListFlowable, ListItem

        items = [ListItem(self.text(sentence), leftIndent=12) for sentence in sentences]
        return (
            ListFlowable(items, bulletType="bullet", bulletFontSize=5, bulletOffsetY=-2.5, leftIndent=12, start="circle") if items else self.text("–")
        )

    def table(self, content, widths=None):
        """A table over the whole width, its head repeated on every page."""
        from reportlab.platypus import LongTable

        count = len(content["head"])
        shares = widths or _COLUMNS.get(count) or (1 / count,) * count
        rows = [[self.text(cell, "cell_head") for cell in content["head"]]]
        for row in content["rows"]:
            cells = [self.text(tables.told(cell), "cell") for cell in row]
            rows.append(cells + [""] * (count - len(cells)))
        made = LongTable(rows, [share * self.width for share in shares], repeatRows=1)
        made.setStyle([("LINEBELOW", (0, 0), (-1, -1), 0.4, _LINE), ("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0)])
        return made

    def beside(self, left, right):
        """Two parts side by side."""
        from reportlab.platypus import Table

        made = Table([[left, right]], [self.width / 2] * 2)
        made.setStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0), ("RIGHTPADDING", (0, 0), (-1, -1), 6)])
        return made

    def numbered(self, canvas, document):
        """Write the page's number at its foot."""
        canvas.setFont(self.regular, 7.5)
        canvas.drawCentredString(self.size[0] / 2, _MARGIN / 2, str(document.page))

    def figure(self, drawing, width):
        """A drawing as vectors."""
        return _flowable(drawing, width, self)

    def picture(self, picture, width):
        """A map with its title, scale and legend."""
        from reportlab.platypus import Image

        tall = width * picture.height / picture.width
        shrunk = min(1.0, 1.2 * width / tall)
        parts = [self.text(picture.title, "cell_head"), Image(io.BytesIO(picture.png), width * shrunk, tall * shrunk, hAlign="LEFT")]
        if picture.scale_text:
            parts.append(_scale(width * shrunk * picture.scale_share, picture.scale_text, self))
        return [*parts, _legend(picture, width, self)]


def _head(page, summary):
    from reportlab.platypus import Table

    when = f", trained {summary['created'][:10]}" if summary["created"] else ""
    about = f"{describe(summary['target'])}. {summary['learner']['label']}{when}."
    cards = tables.cards_of(summary)
    story = [page.text(summary["title"], "title"), page.text(about)]
    if cards:
        row = [[page.text(card["value"], "value"), page.text(card["name"], "small")] for card in cards[:5]]
        made = Table([row], [page.width / len(row)] * len(row), spaceBefore=6, spaceAfter=8)
        made.setStyle([("BACKGROUND", (0, 0), (-1, -1), _CARD), ("VALIGN", (0, 0), (-1, -1), "TOP"), ("INNERGRID", (0, 0), (-1, -1), 4, "#ffffff")])
        story.append(made)
    return story + [page.text(sentence) for sentence in summary["headline"]]


def _maps(page, summary, pictures):
    if not pictures:
        return []
    story = [page.text("The map", "head")]
    half = page.width * _HALF
    for at in range(0, len(pictures), 2):
        pair = [page.picture(picture, half) for picture in pictures[at : at + 2]]
        story.append(page.beside(*[*pair, ""][:2]))
    areas = tables.area_table(summary)
    if areas:
        story += [page.text("Land of each class", "head"), page.figure(drawings_of(summary)["areas"], page.width * 0.85), page.table(areas)]
        if summary["map"]["classes_assumption"]:
            story.append(page.text(summary["map"]["classes_assumption"], "small"))
    return story


def _limits(page, summary):
    return [page.text("Limits", "head"), page.points(summary["limits"])] if summary["limits"] else []


def _scores(page, summary):
    drawn, scores = drawings_of(summary), summary["scores"]
    story = [page.text("How good it is", "head")]
    if scores["sentence"]:
        story.append(page.text(scores["sentence"]))
    story.append(page.table(tables.score_table(summary)))
    if scores["is_spatial"] and scores["r2_random"] is not None:
        story.append(page.text(f"R2 under random folds, only for contrast: {scores['r2_random']:.2f}.", "small"))
    if drawn["observed"]:
        story.append(page.figure(drawn["observed"], page.width * 0.6))
    if drawn["distances"]:
        story.append(page.figure(drawn["distances"], page.width * 0.85))
    return story


def _trust(page, summary):
    drawn, cover = drawings_of(summary), summary["coverage"]
    if not cover and not drawn["error"]:
        return []
    story = [page.text("How far to trust it", "head")]
    if cover:
        story += [page.text(f"Intervals by {cover['method']}. {cover['note'] or ''}"), page.table(tables.coverage_table(summary))]
    if drawn["coverage"]:
        story.append(page.figure(drawn["coverage"], page.width * 0.5))
    if drawn["error"]:
        story.append(page.figure(drawn["error"], page.width * 0.85))
    return story


def _leakage(page, summary):
    return [page.text("Leakage report", "head"), page.table(tables.leakage_table(summary))] if summary["leakage"] else []


def _drivers(page, summary):
    if not summary["drivers"]:
        return []
    story = [page.text("Drivers", "head")]
    for drawing, driver in zip(drawings_of(summary)["drivers"], summary["drivers"], strict=True):
        if drawing:
            story += [page.figure(drawing, page.width * 0.85), page.text(f"{driver['how']}. {driver['note']}", "small")]
    return [*story, page.text("A driver of the model is not a cause in the field.", "small")]


def _results(page, summary, pictures):
    story = []
    for result in summary["results"]:
        story += [page.text(result["title"], "head"), *(page.text(sentence) for sentence in result["sentences"])]
        shown = pictures.get(result["title"], ())
        for at in range(0, len(shown), 2):
            pair = [page.picture(picture, page.width * _HALF) for picture in shown[at : at + 2]]
            story.append(page.beside(*[*pair, ""][:2]))
        if result["numbers"]:
            story.append(page.table({"head": ["", ""], "rows": [[row["name"], row["value"]] for row in result["numbers"]]}))
        for one in result["tables"]:
            even = (1 / len(one["columns"]),) * len(one["columns"])
            story += [page.text(one["name"], "cell_head"), page.table({"head": one["columns"], "rows": one["rows"]}, even)]
            story += [page.text(f"{one['more']} more rows are in the files of this result.", "small")] * bool(one["more"])
    return story


def _methods(page, summary):
    works = [work["text"] + (f" https://doi.org/{work['doi']}" if work["doi"] else "") for work in summary["methods"]["references"]]
    protocol = [[row["section"], row["element"], row["value"] or "to fill in"] for row in summary["protocol"]]
    story = [page.text("Methods, to paste", "head"), page.text(summary["methods"]["paragraph"]), page.points(works)]
    return [
        *story,
        page.text("Modelling protocol", "head"),
        page.table({"head": ["Section", "Element", "Value"], "rows": protocol}, (0.13, 0.25, 0.62)),
    ]


def _made_of(page, summary):
    story = [page.text("What it was made of", "head")]
    if summary["inputs"]:
        story.append(page.table(tables.input_table(summary), (0.5, 0.2, 0.3)))
    if summary["assumed"]:
        story += [page.text("Inferred from the files:"), page.points(summary["assumed"])]
    versions = ", ".join(f"{name} {version}" for name, version in summary["versions"].items())
    return [*story, page.text(versions, "small")]


def _flowable(drawing, width, page):
    """A drawing of ours as a ReportLab drawing, whose origin is the lower left corner."""
    from reportlab.graphics.shapes import Circle, Drawing, Group, PolyLine, Rect, String
    from reportlab.lib.colors import HexColor

    scale = width / drawing.width
    made = Drawing(width, drawing.height * scale)
    made.scale(scale, scale)
    high = drawing.height
    for kind, *mark in drawing.marks:
        if kind == "line":
            points, color, thick, dashes = mark
            flat = [place for x, y in points for place in (x, high - y)]
            shape = PolyLine(flat, strokeColor=HexColor(color_of(color)), strokeWidth=thick, strokeDashArray=list(dashes) or None)
        elif kind == "box":
            x, y, wide, tall, color, opacity = mark
            shape = Rect(x, high - y - tall, wide, tall, fillColor=HexColor(color_of(color)), fillOpacity=opacity, strokeColor=None)
        elif kind == "dot":
            x, y, radius, color, opacity = mark
            shape = Circle(x, high - y, radius, fillColor=HexColor(color_of(color)), fillOpacity=opacity, strokeColor=None)
        else:
            x, y, words, anchor, size, color, turned = mark
            text = String(0, 0, page.plain(words), textAnchor=anchor, fontSize=size, fontName=page.regular, fillColor=HexColor(color_of(color)))
            shape = Group(text)
            shape.translate(x, high - y)
            if turned:
                shape.rotate(90)
        made.add(shape)
    return made


def _scale(length, words, page):
    from reportlab.graphics.shapes import Drawing, PolyLine, String

    made = Drawing(length + 2, 18)
    made.add(PolyLine([0, 14, 0, 10, length, 10, length, 14], strokeWidth=0.7))
    made.add(String(0, 2, page.plain(words), fontSize=7, fontName=page.regular))
    return made


def _legend(picture, width, page):
    from reportlab.graphics.shapes import Drawing, Rect, String
    from reportlab.lib.colors import HexColor

    entries = list(picture.legend)
    if not picture.continuous:
        made = Drawing(width, 11.0 * len(entries) + 4)
        for at, (color, words) in enumerate(entries):
            row = 11.0 * (len(entries) - 1 - at) + 3
            made.add(Rect(0, row, 1.4 * _SWATCH, _SWATCH, fillColor=HexColor(color), strokeColor=HexColor(_SOFT), strokeWidth=0.3))
            made.add(String(16, row + 1, page.plain(words), fontSize=7, fontName=page.regular))
        return made
    made, steps = Drawing(width, 26), 4 * (len(entries) - 1)
    for at in range(steps):
        color = _between(entries, at / (steps - 1))
        made.add(Rect(width * at / steps, 13, width / steps + 0.3, 8, fillColor=HexColor(color), strokeColor=None))
    made.add(String(0, 3, page.plain(entries[0][1]), fontSize=7, fontName=page.regular))
    made.add(String(width, 3, page.plain(entries[-1][1]), fontSize=7, fontName=page.regular, textAnchor="end"))
    return made


def _between(entries, share):
    """A colour of a ramp, between its named ones."""
    from soilcore.mapping.ramps import rgb_of

    place = share * (len(entries) - 1)
    first = min(int(place), len(entries) - 2)
    low, high = rgb_of(entries[first][0]), rgb_of(entries[first + 1][0])
    return "#{:02x}{:02x}{:02x}".format(*(round(a + (b - a) * (place - first)) for a, b in zip(low, high, strict=True)))


def _letter(letter, known):
    if ord(letter) in known or letter in _SPACES:
        return letter
    base = unicodedata.normalize("NFKD", letter)[0]
    return base if ord(base) in known else "?"


@cache
def _fonts(folder):
    """Names of a regular and a bold font, and the letters they have."""
    import reportlab
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    given = Path(folder) if folder else None
    if given is not None and (given / FONT_FILE).is_file():
        files = given / FONT_FILE, given / "DejaVuSans-Bold.ttf"
    else:
        home = Path(reportlab.__file__).parent / "fonts"
        files = home / "Vera.ttf", home / "VeraBd.ttf"
    names = [file.stem for file in files]
    fonts = [TTFont(name, str(file)) for name, file in zip(names, files, strict=True)]
    for font in fonts:
        pdfmetrics.registerFont(font)
    known = set(fonts[0].face.charToGlyph) & set(fonts[1].face.charToGlyph)
    return names[0], names[1], known
