"""What else was made of a map, in a form that any page can show: sentences, tables and pictures, by kind of result."""

TITLES = {
    "explain": "Explanation",
    "change": "Change between maps",
    "scenario": "Scenario",
    "fields": "Fields",
    "advise": "Advice",
    "external": "Score on other samples",
}
_ROWS = 25  # of a table in a report
_WORDS = ("sentences", "sentence", "headline", "text", "note", "notes", "warnings", "verdict", "caution", "rule", "assumption", "areas_assumption")
_SKIPPED = {"out", "csv", "map", "layers", "seconds", "peak_rss_mb", "assumed", "files", "model_dir", "kind", "named", "dates_known", "dependence"}
_SKIPPED |= {"group_rows", "beeswarm", "group_beeswarm", "number", "exact"}
_NUMBERS = 30
_CELLS = 9  # columns of a table in a report
_NESTED = 16  # values of a nested dict that are told beside each other


def results_of(results):
    """Each result with what can be told of it.

    Parameters
    ----------
    results : sequence of dict
        ``{"kind", "id", "settings", "result"}``.

    Returns
    -------
    list of dict
        ``kind``, ``id``, ``title``, ``sentences``, ``numbers`` (name and value), ``tables`` (``name``, ``columns``, ``rows``, ``more``: rows left out).
    """
    return [
        {
            "kind": one["kind"],
            "id": one["id"],
            "title": f"{TITLES.get(one['kind'], one['kind'].replace('-', ' ').capitalize())}: {one['id']}",
            "sentences": _sentences(one["result"]),
            "numbers": _numbers(one["result"]),
            "tables": list(_tables(one["result"])),
        }
        for one in results
    ]


def _sentences(result):
    said = []
    for key in _WORDS:
        value = result.get(key)
        said += (
            [value] if isinstance(value, str) else [text for text in value or () if isinstance(text, str)] if isinstance(value, (list, tuple)) else []
        )
    return list(dict.fromkeys(said))


def _numbers(result):
    """Single values, those of a nested dict under both names."""
    found = []
    for key, value in result.items():
        if key in _SKIPPED or key in _WORDS or value is None:
            continue
        if _is_plain(value):
            found.append({"name": _words(key), "value": _told(key, value)})
        elif isinstance(value, dict) and value and len(value) <= _NESTED and all(_is_plain(item) for item in value.values()):
            found += [{"name": f"{_words(key)}: {_words(inner)}", "value": _told(inner, item)} for inner, item in value.items()]
    return found[:_NUMBERS]


def _tables(result):
    for key, value in result.items():
        if key in _SKIPPED or not isinstance(value, (list, tuple)) or not value or not all(isinstance(row, dict) for row in value):
            continue
        if any("mean_abs" in row for row in value):
            continue  # told as drivers
        named = (name for row in value for name, item in row.items() if item is not None and _is_plain(item) and name not in _SKIPPED)
        columns = list(dict.fromkeys(named))[:_CELLS]
        if columns:
            rows = [[_told(name, row.get(name)) for name in columns] for row in value[:_ROWS]]
            yield {"name": _words(key), "columns": [_words(name) for name in columns], "rows": rows, "more": max(0, len(value) - _ROWS)}


def _told(key, value):
    """A value as a page shows it: shares in percent, and nothing for what is no single value."""
    if not _is_plain(value):
        return None
    if "share" in str(key).split("_") and isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= 1:
        return f"{100 * value:.1f} %"
    return value


def _is_plain(value):
    return value is None or isinstance(value, (str, int, float, bool))


def _words(key):
    return str(key).replace("_", " ")
