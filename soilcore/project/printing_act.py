"""Facts of fields, advice and the crop table as text for people."""

from soilcore.project.printing import _cell, table

_FIELDS = ("rank", "field", "area_ha", "mean", "low", "high", "class", "aoa_share", "trend")
_MOST = 40


def writers():
    """Functions from facts to text, by task."""
    return {"fields": _fields, "advise": _advise, "crops": _crops}


def _fields(facts):
    rows = [row | ({"trend": row["trend"]["verdict"]} if row.get("trend") else {}) for row in facts["rows"]]
    head = f"{facts['n']} fields, {facts['target']} [{_cell(facts['unit'])}], map of {_cell(facts['date'])}"
    lines = [head, table(rows[:_MOST], _FIELDS)]
    if len(rows) > _MOST:
        lines.append(f"... and {len(rows) - _MOST} more in {facts['csv']}")
    return "\n".join([*lines, "", *facts["sentences"], facts["assumption"], f"written to {facts['out']} and {facts['csv']}"])


def _advise(facts):
    mapped = f", {_cell(facts['mapped_ha'])} ha mapped" if "mapped_ha" in facts else ""
    lines = [f"{facts['target']} [{_cell(facts['unit'])}], map of {_cell(facts['date'])}{mapped}"]
    columns = ("name", "rating", "threshold", "yield", "yield_low", "yield_high", "p_good", "good_share", "leaching_requirement")
    if facts["crops"]:
        lines.append(table(facts["crops"][:_MOST], columns))
    if facts["fields"] and facts["crops"]:
        rows = [{"field": row["field"], "mean": row["mean"], "best": [one["name"] for one in row["crops"][:3]]} for row in facts["fields"]]
        lines.append(table(rows[:_MOST], ("field", "mean", "best")))
    lines += ["", *facts["sentences"], *filter(None, (facts["assumption"], facts["caution"]))]
    if sampled := facts.get("next_samples"):
        rows = [row | {"lon": f"{row['lon']:.6f}", "lat": f"{row['lat']:.6f}"} for row in sampled["rows"]]
        lines += ["", sampled["sentence"], table(rows, ("name", "lon", "lat", "width", "di", "access_m", "apart_m"))]
    if facts["out"]:
        lines.append(f"written to {facts['out']}")
    return "\n".join(lines)


def _crops(facts):
    return f"{table(facts['rows'], ('id', 'name', 'scientific', 'threshold', 'slope', 'rating'))}\n{facts['note']}"
