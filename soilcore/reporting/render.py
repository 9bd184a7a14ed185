"""A summary as one page that needs nothing else: no script, no font, no picture from elsewhere."""

from functools import cache
from importlib import resources

from soilcore.reporting import figures, tables
from soilcore.reporting.drawing import to_svg
from soilcore.reporting.protocol import describe


def drawings_of(summary):
    """Every figure of a report as a `Drawing`, or None where its facts are missing.

    Parameters
    ----------
    summary : dict

    Returns
    -------
    dict
        ``observed``, ``coverage``, ``error``, ``distances``, ``areas``, and ``drivers``: a list, one per way of telling them.
    """
    facts, unit, drawn = summary["figures"], summary["target"]["unit"], summary["map"]
    threshold = (summary["applicability"] or {}).get("threshold")
    points = facts["observed_and_predicted"]
    return {
        "observed": figures.observed_and_predicted(points, unit) if points else None,
        "coverage": figures.coverage_curve(facts["coverage_levels"]),
        "error": figures.expected_error(facts["expected_error"], threshold, unit),
        "distances": figures.distance_curves(facts["distances"]),
        "areas": figures.class_areas(drawn["classes"]) if drawn else None,
        "drivers": [figures.drivers(one["rows"], one["unit"], one["how"]) for one in summary["drivers"]],
    }


def render_html(summary, pictures=(), result_pictures=None):
    """One self-contained page.

    Parameters
    ----------
    summary : dict
        See `soilcore.reporting.summary.summarise`.
    pictures : sequence of Picture
        Of the map.
    result_pictures : dict of str to sequence of Picture, optional
        By the title of a result in the summary.

    Returns
    -------
    str
    """
    from markupsafe import Markup

    environment = _environment()
    drawn = drawings_of(summary)
    svg = {name: Markup(to_svg(one)) if one else None for name, one in drawn.items() if name != "drivers"}
    shown = [(Markup(to_svg(one)), driver) for one, driver in zip(drawn["drivers"], summary["drivers"], strict=True) if one]
    css = (resources.files("soilcore.reporting") / "templates" / "report.css").read_text(encoding="utf-8")

    def table(content):
        return Markup(environment.get_template("table.html").render(**content))

    return environment.get_template("report.html").render(
        summary=summary,
        described=describe(summary["target"]),
        css=Markup(css),
        cards=tables.cards_of(summary),
        pictures=list(pictures),
        result_pictures=dict(result_pictures or {}),
        figures=svg,
        driver_figures=shown,
        table=table,
        area_table=tables.area_table(summary),
        score_table=tables.score_table(summary),
        coverage_table=tables.coverage_table(summary),
        leakage_table=tables.leakage_table(summary),
        input_table=tables.input_table(summary),
    )


@cache
def _environment():
    """Templates; every word of a user is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("soilcore.reporting"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["told"] = tables.told
    environment.filters["capitalize_first"] = lambda words: words[:1].upper() + words[1:]
    return environment
