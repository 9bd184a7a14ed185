"""The tables of a report as heads and rows, the same for a page and for a PDF."""

import math

_MARKS = {True: "ok", False: "FOUND", None: "not known"}
_HASH = 16  # hex digits of a hash that are shown


def told(value):
    """A cell as text: numbers with three digits, nothing as a dash."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return str(value)


def percent(share):
    """A share as text in percent."""
    return None if share is None else f"{100 * share:.1f} %"


def cards_of(summary):
    """The few numbers everybody should see: ``name`` and ``value``."""
    scores, cover, area, drawn = (summary[name] for name in ("scores", "coverage", "applicability", "map"))
    unit = f" {summary['target']['unit']}" if summary["target"]["unit"] else ""
    cards = []
    if scores["r2"] is not None:
        cards.append({"name": f"R2, {scores['folds'] or scores['scheme']}", "value": f"{scores['r2']:.2f}"})
    cards += [{"name": "RMSE", "value": f"{told(row['value'])}{unit}"} for row in scores["rows"] if row["key"] == "rmse"]
    if cover and cover["coverage"] is not None:
        cards.append({"name": f"of left-out samples inside their {100 * cover['level']:.0f} % interval", "value": f"{100 * cover['coverage']:.0f} %"})
    share = area and (area["share_of_map"] if area["share_of_map"] is not None else area["share_tested"])
    if share is not None:
        cards.append({"name": f"of the {'map' if drawn else 'land to be mapped'} inside the area of applicability", "value": f"{100 * share:.0f} %"})
    if drawn and drawn["area_ha"]:
        cards.append({"name": "mapped", "value": f"{told(float(drawn['area_ha']))} ha"})
    if summary["samples"]["n"]:
        cards.append({"name": "samples", "value": str(summary["samples"]["n"])})
    return cards


def score_table(summary):
    """Scores on left-out samples."""
    scores = summary["scores"]
    return {"head": ["Score", scores["folds"] or scores["scheme"] or "value"], "rows": [[row["name"], _with_unit(row)] for row in scores["rows"]]}


def coverage_table(summary):
    """What the intervals held: over all, inside and outside of the area of applicability, by distance and by fold."""
    cover = summary["coverage"]
    if not cover:
        return None
    rows = [["all samples", cover["n"], percent(cover["coverage"]), cover["width"]]]
    for name in ("inside", "outside"):
        if cover.get(name):
            rows.append([f"{name} the area of applicability", cover[name]["n"], percent(cover[name]["coverage"]), cover[name]["width"]])
    for row in cover["by_distance"] or ():
        rows.append([f"{row['from']:.0f} to {row['to']:.0f} m from training", row["n"], percent(row["coverage"]), row["width"]])
    for row in cover["by_block"] or ():
        rows.append([f"fold {row['fold']}", row["n"], percent(row["coverage"]), row["width"]])
    unit = f" ({summary['target']['unit']})" if summary["target"]["unit"] else ""
    return {"head": ["Samples", "n", f"inside {100 * cover['level']:.0f} % interval", f"mean width{unit}"], "rows": rows}


def area_table(summary):
    """Land of each class, with intervals where they are known."""
    drawn = summary["map"]
    if not drawn or not drawn["classes"]:
        return None
    rows, expected = [], any("area_ha_low" in row for row in drawn["classes"])
    for row in drawn["classes"]:
        line = [row["class"], _limits(row, drawn["unit"]), row["area_ha"], percent(row["share"])]
        rows.append(
            [*line, f"{told(row['area_ha_low'])} to {told(row['area_ha_high'])}"] if expected and row.get("area_ha_low") is not None else line
        )
    return {"head": ["Class", "limits", "area (ha)", "share", *(["interval of the area (ha)"] if expected else [])], "rows": rows}


def leakage_table(summary):
    """The leakage report."""
    return {"head": ["Check", "result", "detail"], "rows": [[row["check"], _MARKS[row.get("ok")], row["detail"]] for row in summary["leakage"]]}


def input_table(summary):
    """Files it was made of."""
    rows = [[one["path"], ", ".join(one.get("for") or ()), (one.get("sha256") or "")[:_HASH]] for one in summary["inputs"]]
    return {"head": ["File", "for", f"sha256 (first {_HASH} digits)"], "rows": rows}


def _with_unit(row):
    return f"{told(row['value'])} {row['unit']}".strip()


def _limits(row, unit):
    lower, upper = row.get("lower"), row.get("upper")
    words = f"below {upper:g}" if lower is None and upper is not None else f"{lower:g} and more" if upper is None and lower is not None else None
    words = words or (f"{lower:g} to {upper:g}" if lower is not None else "")
    return f"{words} {unit or ''}".strip()
