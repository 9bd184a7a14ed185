"""Explanations as text for people."""

from soilcore.project.printing import table

_ROWS = 20


def writers():
    """How the facts of an explanation are written."""
    return {"explain": _explain}


def _explain(facts):
    columns = (
        ("value", "contribution") if "valid" in facts else ("value", "mean_abs", "share", "mean")
    )  # means over training samples are 0 by definition
    lines = [_head(facts), table(facts["rows"][:_ROWS], ("input", "feature", *columns, "error"))]
    if len(facts["rows"]) > _ROWS:
        lines.append(f"... and {len(facts['rows']) - _ROWS} more in drivers.csv")
    lines += [_how_exact(facts), *(facts.get("sentences") or ())]
    if facts.get("importance"):
        lines += ["", f"Permutation importance, folds {facts['importance']['cv']}, R2 {facts['importance']['r2']:.3f}"]
        lines.append(table(facts["importance"]["rows"][:_ROWS], ("feature", "loss", "loss_sd")))
    elif facts.get("importance_note"):
        lines += ["", facts["importance_note"]]
    if facts.get("attention"):
        lines += ["", "Attention", table(facts["attention"], tuple(facts["attention"][0])), facts["attention_sentence"]]
    if facts.get("maps"):
        lines += ["", _maps(facts["maps"])]
    return "\n".join([*lines, "", facts["text"], *filter(None, [facts.get("note")]), f"written to {facts['out']}"])


def _head(facts):
    unit = facts["unit"] or "unit not known"
    if "valid" not in facts:
        what = f"{facts['n']} of {facts['available']} samples: {facts['of']}" if "of" in facts else "mean over the mapped pixels"
        return f"{facts['target']} [{unit}], {what}\nbase {facts['base']:.4g}, mean prediction {facts['prediction']:.4g} ({facts['scale']})"
    place = f"{facts['target']} [{unit}] at {facts['x']:g}, {facts['y']:g}"
    if not facts["valid"]:
        return f"{place}: {facts['reason']}"
    bounds = "" if facts["lower"] is None else f" ({facts['lower']:.4g} to {facts['upper']:.4g}, {100 * facts['level']:g} %)"
    inside = {None: "", True: ", inside the area of applicability", False: ", outside the area of applicability"}[facts["inside"]]
    return f"{place}: {facts['value']:.4g}{bounds}{inside}\nbase {facts['base']:.4g}, prediction {facts['prediction']:.4g} ({facts['scale']})"


def _how_exact(facts):
    if facts["additivity_error"] is None:
        return ""
    sampled = "" if facts.get("sampling_error") is None else f"; standard error of an attribution {facts['sampling_error']:.2g}"
    return f"attributions miss the predictions by {facts['additivity_error']:.2g} at most{sampled}"


def _maps(facts):
    lines = [f"{facts['valid']} of {facts['pixels']} pixels explained; dominant driver: {facts['dominant']}"]
    lines.append(table([{**row, "share": round(row["share"], 3)} for row in facts["classes"]], ("driver", "share")))
    return "\n".join([*lines, *(f"{name}: {file}" for name, file in facts["layers"].items())])
