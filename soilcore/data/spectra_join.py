"""Properties laid beside spectra by the id of the sample; and scans of one sample brought together."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd

from soilcore.core.errors import SampleError, SettingsError
from soilcore.data.columns import role_columns
from soilcore.data.remarks import remark, some
from soilcore.data.spectra_set import take_samples
from soilcore.data.tabular import RawTable

_SCAN_LETTERS = re.compile(r"(?<=\d)[A-Za-z]{1,3}\d{1,2}$")  # 235157XS01: the first scan of sample 235157
_SCAN_NUMBER = re.compile(r"[-_. ]?(?:rep|scan|r|s)?[-_. ]?\d{1,3}$", re.IGNORECASE)


def keep_ids_whole(raw, told=None):
    """Ids such as "icr056141" among ids that are numbers: the column becomes text again, in place."""
    column = told if told in raw.frame.columns else next(iter(role_columns(list(raw.frame.columns), "id")), None)
    lost = [finding for finding in raw.findings if finding.code == "text-in-number-column" and finding.column == column]
    if column is None or not lost:
        return
    texts = id_texts(raw.frame[column], raw.frame.index).astype(object)
    for finding in lost:
        texts[raw.frame.index.get_loc(finding.row)] = finding.value
    raw.frame[column] = texts
    raw.findings = [finding for finding in raw.findings if finding not in lost]


def id_texts(column, rows):
    """Ids as text: whole numbers without a decimal point; ``row 7`` where a cell is empty."""
    texts = []
    for cell, row in zip(column, rows, strict=True):
        if cell is None or (isinstance(cell, float) and np.isnan(cell)):
            texts.append(f"row {row}")
        elif isinstance(cell, float) and cell == int(cell):
            texts.append(str(int(cell)))
        else:
            texts.append(str(cell).strip())
    return np.array(texts, dtype=str)


def _key(text):
    """What ids are compared by: no case, no zeros in front of a number, which spreadsheets take off."""
    text = str(text).strip().casefold()
    return text.lstrip("0") or text if text.isdigit() else text


def join_properties(raw, properties, name, told=None):
    """Columns of a table of properties beside spectra, joined by id.

    Parameters
    ----------
    raw : RawTable
        One row per spectrum.
    properties : RawTable
        One row per sample.
    name : str
        File of the properties, for messages.
    told : str, optional
        The id column of the properties that the user named.

    Returns
    -------
    RawTable
        The rows of `raw`; an id column of the properties takes the place of its own.

    Raises
    ------
    SampleError
        If there is no id, or none fits.
    SettingsError
        If the id column named does not exist.
    """
    keep_ids_whole(properties, told)
    column = _id_column(properties.frame, told, name)
    wanted = [_key(text) for text in id_texts(properties.frame[column], properties.frame.index)]
    first = {}
    for place, text in enumerate(wanted):
        first.setdefault(text, place)
    how, keys = _best_keys(raw.frame, first, told)
    matched = np.array([first.get(key, -1) for key in keys])
    if not (matched >= 0).any():
        raise SampleError(
            f"No id of {name!r} ({some(wanted, 3)}) is the name of a spectrum ({some(keys, 3)}). Name the id column with --id, or rename the files."
        )
    joined = RawTable(_beside(raw.frame, properties.frame, matched, column), raw.sha256 + properties.sha256)
    joined.limits, joined.units = dict(raw.limits), dict(raw.units)
    for mine, theirs in ((joined.limits, properties.limits), (joined.units, properties.units)):
        for part, rows in theirs.items():
            at = {properties.frame.index.get_loc(row): said for row, said in rows.items()}
            mine[part] = {int(raw.frame.index[k]): at[place] for k, place in enumerate(matched) if place in at}
    if properties.x is not None:
        places = np.where(matched >= 0, matched, 0)
        joined.x, joined.y = (np.where(matched >= 0, axis[places], np.nan) for axis in (properties.x, properties.y))
        joined.crs = properties.crs
    joined.findings = [*raw.findings, *[replace(finding, message=f"{name!r}: {finding.message}") for finding in properties.findings]]
    joined.assumed = [*raw.assumed, *properties.assumed, f"properties: from {name}, joined by {column} = {how}"]
    _say_unmatched(joined, raw, wanted, keys, matched, name)
    return joined


def _id_column(frame, told, name):
    if told is not None and told in frame.columns:
        return told
    found = [column for column in role_columns(list(frame.columns), "id") if frame[column].notna().any()]
    if found:
        return found[0]
    if told is not None:
        raise SettingsError(f"--id names the column {told!r}, which {name!r} does not have. Its columns: {some(frame.columns, 40)}.")
    raise SampleError(f"{name!r} has no column of ids to join spectra by. Name it with --id. Its columns: {some(frame.columns, 12)}.")


def _best_keys(frame, known, told):
    """What each spectrum is looked up by: its name as it is, else the reading of names that finds most samples."""
    column = told if told in frame.columns else next(iter(role_columns(list(frame.columns), "id")), None)
    if column is None:
        raise SampleError("The table of spectra has no column of ids to join properties by. Name it with --id.")
    stems = [str(text) for text in id_texts(frame[column], frame.index)]
    readings = {
        f"{column} of the spectra": stems,
        "the name without letters and number of the scan": [_SCAN_LETTERS.sub("", stem) for stem in stems],
        "the name without the number of the scan": [_SCAN_NUMBER.sub("", stem) for stem in stems],
    }
    if "sample_name" in frame.columns:
        names = ["" if cell is None else str(cell) for cell in frame["sample_name"]]
        readings["the sample name in the file"] = names
        parts = [re.split(r"[;,|\s]+", text) for text in names]
        readings["a part of the sample name in the file"] = [next((part for part in found if _key(part) in known), "") for found in parts]
    keys, ways = [_key(text) for text in stems], []
    for how, texts in sorted(readings.items(), key=lambda item: -sum(_key(text) in known for text in item[1])):
        found = [k for k, text in enumerate(texts) if keys[k] not in known and _key(text) in known]
        if found or (how.startswith(column) and any(key in known for key in keys)):
            ways.append(how)
        for k in found:
            keys[k] = _key(texts[k])
    return ", else ".join(ways), keys


def _beside(frame, properties, matched, id_column):
    """The columns of both; a column of the properties that the spectra have as well gets a suffix, unless it is the id."""
    known = matched >= 0
    taken = {}
    for column in properties.columns:
        cells = properties[column].to_numpy()[np.where(known, matched, 0)]
        if pd.api.types.is_numeric_dtype(properties[column].dtype):
            cells = np.where(known, cells.astype(float), np.nan)
        else:
            cells = np.where(known, cells.astype(object), None)
        taken[column if column not in frame.columns or column == id_column else f"{column}_properties"] = cells
    own = frame.drop(columns=[column for column in frame.columns if column in taken])
    if id_column in frame.columns:  # what has no sample keeps the name of its file
        taken[id_column] = np.where(known, taken[id_column].astype(object), frame[id_column].to_numpy().astype(object))
    elif "id" in own.columns:
        own = own.rename(columns={"id": "spectrum"})
    return pd.concat([pd.DataFrame(taken, index=frame.index), own], axis=1)


def _say_unmatched(joined, raw, wanted, keys, matched, name):
    lost = [key for key, place in zip(keys, matched, strict=True) if place < 0]
    if lost:
        message = f"{len(lost)} of {len(keys)} spectra have no row in {name!r} ({some(lost)}); they have no properties."
        joined.findings.append(remark("spectra-without-properties", message, value=len(lost)))
    unused = [wanted[place] for place in sorted(set(range(len(wanted))) - set(matched.tolist()))]
    repeated = sorted({text for text in wanted if wanted.count(text) > 1}) if len(wanted) < 20_000 else []
    if repeated:
        message = f"{name!r} has {len(repeated)} ids more than once ({some(repeated)}); the first row of each is taken."
        joined.findings.append(remark("spectra-properties-twice", message, value=len(repeated)))
    unused = [text for text in unused if text not in set(repeated)]
    if unused:
        message = f"{len(unused)} rows of {name!r} have no spectrum ({some(unused)})."
        joined.findings.append(remark("spectra-properties-unused", message, value=len(unused)))


def replicate_rows(ids):
    """Positions of each sample's scans, {id: ndarray of int}, for ids that stand more than once."""
    order, places = {}, np.asarray(ids)
    for k, text in enumerate(places):
        order.setdefault(str(text), []).append(k)
    return {text: np.array(rows) for text, rows in order.items() if len(rows) > 1}


def averaged(spectra):
    """One row per id: the mean of the usable scans, the columns of the first; ids in the order of their first scan.

    Parameters
    ----------
    spectra : SpectraSet

    Returns
    -------
    SpectraSet
    """
    several = replicate_rows(spectra.ids)
    if not several:
        return spectra
    _, first, member = np.unique(spectra.ids, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(order.size)
    member, first = rank[member], first[order]
    good = spectra.usable
    count = np.bincount(member[good], minlength=first.size)
    total = np.zeros((first.size, spectra.axis.size))
    np.add.at(total, member[good], spectra.values[good])
    with np.errstate(invalid="ignore", divide="ignore"):
        values = (total / count[:, None]).astype(np.float32)
    values[count == 0] = spectra.values[first[count == 0]]
    samples = take_samples(spectra.samples, first)
    samples, said = _mean_target(spectra, samples, member, first)
    message = f"{sum(rows.size for rows in several.values())} scans of {len(several)} samples were averaged; {len(first)} samples are left."
    findings = (*spectra.findings, remark("spectra-averaged", message, value=len(several)), *said)
    groups = None if spectra.groups is None else spectra.groups[first]
    return replace(spectra, values=values, ids=spectra.ids[first], samples=samples, groups=groups, usable=count > 0, findings=findings)


def _mean_target(spectra, samples, member, first):
    """The target of a sample is the mean of what stands beside its scans; where they differ, it is said."""
    target = samples.target
    if target is None:
        return samples, []
    values = spectra.target.values
    known = np.isfinite(values)
    count = np.bincount(member[known], minlength=first.size)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(member[known], weights=values[known], minlength=first.size) / count
    largest, smallest = np.full(first.size, -np.inf), np.full(first.size, np.inf)
    np.maximum.at(largest, member[known], values[known])
    np.minimum.at(smallest, member[known], values[known])
    with np.errstate(invalid="ignore"):
        differ = (count > 1) & (largest - smallest > 1e-9 * np.abs(largest))
    mean[(count > 0) & ~differ] = largest[(count > 0) & ~differ]  # equal values keep their last digit
    findings = []
    if differ.any():
        names = some(spectra.ids[first[differ]])
        message = f"{int(differ.sum())} samples have different values of {target.column!r} beside their scans ({names}); the mean is used."
        findings.append(remark("spectra-target-differs", message, column=target.column, value=int(differ.sum())))
    return replace(samples, target=replace(target, values=mean)), findings
