"""Wide tables of spectra: the points straight into one array of 32-bit numbers, the other columns as in any table."""

import hashlib
import io
import itertools
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from soilcore.core.errors import UnreadableError
from soilcore.core.progress import silent
from soilcore.data.cells import MISSING, comma_evidence
from soilcore.data.formats import kind_of
from soilcore.data.remarks import remark, some
from soilcore.data.spectra_axis import axis_columns
from soilcore.data.spectra_columns import spectra_in_columns, with_header
from soilcore.data.tabular import RawTable, read_columns
from soilcore.data.text_tables import decode, read_text

_HEAD_BYTES = 4 * 2**20
_HEAD_ROWS = 15
_BLOCK_BYTES = 8 * 2**20
_SLOW_CELLS = 20_000_000
_NULLS = sorted({spelled for text in MISSING if text for spelled in (text, text.upper(), text.capitalize())} | {""})
_MISSING_CODES = (-9999.0, -99999.0, -32768.0, -999.0, -99.0)


@dataclass
class WideTable:
    """Spectra of one table in the order of the file.

    Parameters
    ----------
    raw : RawTable
        The columns beside the spectra.
    axis : ndarray of float, shape (n_points,), or None
        What the column names say; None for a table without spectra.
    values : ndarray of float32, shape (n_samples, n_points), or None
    words : str
        What stands around the numbers in the names of the spectral columns.
    others : tuple
        Other families of spectral columns, which stay columns of the table.
    """

    raw: RawTable
    axis: np.ndarray | None = None
    values: np.ndarray | None = None
    words: str = ""
    others: tuple = ()
    findings: list = field(default_factory=list)


def read_wide(content, name, table, begins=None, report=silent):
    """Read a table of spectra.

    Parameters
    ----------
    content : bytes
    name : str
        File name, for messages.
    table : SampleSettings
        Sheet, encoding, delimiter and decimal sign where the user said them.
    begins : str, optional
        How the names of the spectral columns begin.
    report : Report

    Returns
    -------
    WideTable

    Raises
    ------
    UnreadableError
        If there is no table in it.
    SettingsError
        If an option names what is not there.
    """
    kind = kind_of(content, name)
    if kind == "parquet":
        return _from_parquet(content, name, begins, report)
    if kind == "text":
        content = with_header(content, name)
        layout = _layout(content, name, table, begins)
        if layout is not None:
            return _from_text(content, name, layout, report)
    return _from_cells(content, name, kind, table, begins)


@dataclass(frozen=True)
class _Layout:
    """How a plain text table is cut: what the quick reader needs to know."""

    names: list
    spectrum: object
    delimiter: str
    decimal: str
    encoding: str
    skipped: int
    first_row: int
    findings: tuple
    assumed: tuple


def _layout(content, name, table, begins):
    """The layout told by the first rows; None where the table needs the careful reader."""
    head = content[:_HEAD_BYTES]
    whole = len(head) == len(content)
    if not whole:
        cut = head.rfind(b"\n")
        if cut < 0:
            return None
        head = head[: cut + 1]
    text, findings, assumed = decode(head, name, table.encoding)
    lines = text.split("\n")
    first = "\n".join(lines[:_HEAD_ROWS])
    rows = read_text(first.encode("utf-8"), name, None, table.delimiter)
    codes = {finding.code for finding in rows.findings}
    if rows.delimiter == " " or codes & {"row-names", "unit-row", "row-too-long"}:
        return None
    spectrum = axis_columns(_as_written(rows), begins)
    if spectrum is None:
        return None
    decimal = table.decimal or _decimal(rows, spectrum)
    if decimal == "," and table.decimal is None:
        assumed = [*assumed, "decimal sign: comma (the cells can be nothing else)"]
    header = rows.numbers[0] - 1
    encoding = table.encoding or _codec(head, assumed)
    said = tuple(finding for finding in rows.findings if finding.code in ("title-rows", "column-name-twice", "column-unnamed"))
    return _Layout(rows.names, spectrum, rows.delimiter, decimal, encoding, header, header, (*findings, *said), (*assumed, *rows.assumed))


def _as_written(rows):
    """Names as the file has them: a second column of one name was renamed, but its number is its place on the axis."""
    twice = {finding.column: finding.value for finding in rows.findings if finding.code == "column-name-twice"}
    return [twice.get(name, name) for name in rows.names]


def _decimal(rows, spectrum):
    commas = points = 0
    for row in rows.rows[:20]:
        found = comma_evidence([row[place] for place in spectrum.columns[:200]])
        commas, points = commas + found[0], points + found[1]
    return "," if commas > 2 * points and rows.delimiter != "," else "."


def _codec(head, assumed):
    for text in assumed:
        if text.startswith("text encoding: "):
            named = text.removeprefix("text encoding: ").split(" (")
            return {"Latin-1": "cp1252", "Cyrillic": "cp1251", "Chinese": "gb18030"}.get(named[0], named[0])
    return "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"


def _from_text(content, name, layout, report):
    """Stream the table into its array, block by block: as numbers, or where a cell is none, as text cell by cell."""
    import pyarrow as pa

    reasons = []
    for strict, recoded in ((True, False), (False, False), (True, True), (False, True)):
        if recoded and layout.encoding == "utf-8":
            layout = _recoded(content, name, layout)
        skipped = {}
        try:
            return _filled(_open_stream(content, layout, skipped, strict), content, name, layout, skipped, report)
        except pa.ArrowInvalid as error:
            reasons.append(str(error).splitlines()[0][:160])
    raise UnreadableError(f"{name!r} cannot be cut into cells: {reasons[-1]}. Export the table again.")


def _recoded(content, name, layout):
    """The layout with the encoding of the whole table, whose head alone looked like UTF-8."""
    _, findings, assumed = decode(content, name)
    encoding = _codec(content[:4], assumed)
    return replace(layout, encoding=encoding, findings=(*layout.findings, *findings), assumed=(*layout.assumed, *assumed))


def _open_stream(content, layout, skipped, strict):
    import pyarrow as pa
    from pyarrow import csv

    def skip(row):
        skipped[row.number] = (row.actual_columns, row.expected_columns)
        return "skip"

    points = set(layout.spectrum.columns) if strict else set()
    reading = csv.ReadOptions(
        column_names=[str(k) for k in range(len(layout.names))],
        skip_rows=layout.skipped,
        encoding="utf8" if layout.encoding == "utf-8" else layout.encoding,
        block_size=_BLOCK_BYTES,
        use_threads=False,  # so that rows that do not fit have their number
    )
    parsing = csv.ParseOptions(delimiter=layout.delimiter, ignore_empty_lines=False, invalid_row_handler=skip)
    converting = csv.ConvertOptions(
        column_types={str(k): pa.float32() if k in points else pa.string() for k in range(len(layout.names))},
        strings_can_be_null=True,
        null_values=_NULLS,
        decimal_point=layout.decimal,
    )
    return csv.open_csv(pa.BufferReader(content), read_options=reading, parse_options=parsing, convert_options=converting)


def _filled(batches, content, name, layout, skipped, report):
    places = layout.spectrum.columns
    values = np.empty((content.count(b"\n") + 1, len(places)), dtype=np.float32)
    taken = set(places)
    others = [k for k in range(len(layout.names)) if k not in taken]
    cells, rows, odd, done = {k: [] for k in others}, 0, [], 0
    for batch in batches:
        if rows == 0 and batch.num_rows == 0:
            continue
        _numbers(batch, places, layout, values[rows : rows + batch.num_rows], rows, odd)
        for k in others:
            cells[k] += batch.column(k).to_pylist()
        rows, done = rows + batch.num_rows, done + batch.nbytes
        report(min(done, len(content)), len(content), "reading spectra")
    if rows == 0:
        raise UnreadableError(f"{name!r} has a header but no rows below it.")
    numbers = _row_numbers(rows, layout.first_row, skipped)
    values = _without_blank_lines(values[:rows], cells, numbers)
    raw = RawTable(pd.DataFrame(index=pd.Index(numbers, name="row")), hashlib.sha256(content).hexdigest())
    raw.findings += layout.findings
    raw.assumed += layout.assumed
    for number, (actual, expected) in skipped.items():
        message = f"Row {number} has {actual} cells but the header {expected}. The row is not used."
        raw.findings.append(remark("row-too-long" if actual > expected else "row-too-short", message, row=number))
    raw.frame = read_columns({layout.names[k]: cells[k] for k in others}, numbers, layout.decimal, raw)
    wide = WideTable(raw, layout.spectrum.axis, values, f"{layout.spectrum.before} {layout.spectrum.after}", layout.spectrum.others)
    _say_odd(raw, odd, numbers, layout)
    _blank_codes(wide, [layout.names[k] for k in places])
    return wide


def _without_blank_lines(values, cells, numbers):
    """Lines without any cell are no samples: taken out of the columns and row numbers in place, and of the array where there are any."""
    empty = np.isnan(values[:, 0]) & np.isnan(values[:, -1])
    blank = {k for k in np.flatnonzero(empty) if np.isnan(values[k]).all() and all(column[k] is None for column in cells.values())}
    if not blank or not cells:
        return values
    for column in (*cells.values(), numbers):
        column[:] = [cell for k, cell in enumerate(column) if k not in blank]
    return values[[k for k in range(len(values)) if k not in blank]]


def _row_numbers(rows, first, lost):
    """Spreadsheet rows of what was kept."""
    numbers = (number for number in itertools.count(first + 1) if number not in lost)
    return list(itertools.islice(numbers, rows))


def _numbers(batch, places, layout, into, start, odd):
    """The spectral cells of one batch as numbers; what is none is kept in `odd` and stays NaN."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for k, place in enumerate(places):
        column = batch.column(place)
        if pa.types.is_floating(column.type):
            into[:, k] = column.to_numpy(zero_copy_only=False)
            continue
        if layout.decimal == ",":
            column = pc.replace_substring(column, ",", ".")
        try:
            numbers = pc.cast(pc.utf8_trim_whitespace(column), pa.float32())
        except pa.ArrowInvalid:
            read = pd.to_numeric(column.to_pandas(), errors="coerce").to_numpy(dtype=np.float32)
            bad = np.flatnonzero(np.isnan(read) & column.is_valid().to_numpy(zero_copy_only=False))
            odd += [(start + int(row), place, column[int(row)].as_py()) for row in bad[:50]]
            into[:, k] = read
            continue
        into[:, k] = numbers.to_numpy(zero_copy_only=False)


def _say_odd(raw, odd, numbers, layout):
    for row, place, text in odd[:200]:
        column = layout.names[place]
        message = f"The spectrum in row {numbers[row]} holds {text!r} at {column!r}; the point counts as missing."
        raw.findings.append(remark("spectra-cell-text", message, row=numbers[row], column=column, value=text))


def _blank_codes(wide, names):
    """-9999 and its kin in a spectrum mean "missing"."""
    lowest = np.nanmin(wide.values) if wide.values.size and not np.isnan(wide.values).all() else 0.0
    if lowest > -90:
        return
    for code in _MISSING_CODES:
        found = wide.values == np.float32(code)
        if found.any():
            wide.values[found] = np.nan
            rows = np.flatnonzero(found.any(axis=1))
            listed = [int(wide.raw.frame.index[k]) for k in rows]
            message = f"The spectra hold {code:g} at {int(found.sum())} points of {len(listed)} rows ({some(listed)}); it is read as missing."
            wide.raw.findings.append(remark("missing-code", message, row=listed[0], value=f"{code:g}", column=names[0]))


def _from_parquet(content, name, begins, report):
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(content))
        names = [str(column) for column in file.schema_arrow.names]
        spectrum = axis_columns(names, begins)
        if spectrum is None:
            return _from_cells(content, name, "parquet", None, begins)
        values = np.empty((file.metadata.num_rows, len(spectrum.columns)), dtype=np.float32)
        chosen, rows = [names[k] for k in spectrum.columns], 0
        for batch in file.iter_batches(batch_size=4096, columns=chosen):
            order = {column: k for k, column in enumerate(batch.schema.names)}
            for k, column in enumerate(chosen):
                part = batch.column(order[column])
                values[rows : rows + batch.num_rows, k] = part.cast(pa.float32(), safe=False).to_numpy(zero_copy_only=False)
            rows += batch.num_rows
            report(rows, len(values), "reading spectra")
        taken = set(chosen)
        beside = file.read(columns=[column for column in names if column not in taken])
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UnreadableError(f"{name!r} is a damaged parquet file ({str(error).splitlines()[0]}). Write it again.") from None
    buffer = io.BytesIO()
    if beside.num_columns:
        pq.write_table(beside, buffer)
        raw = _raw_of(buffer.getvalue(), name, "parquet", None)
    else:
        raw = RawTable(pd.DataFrame(index=pd.Index(range(2, len(values) + 2), name="row")), "")
    raw.sha256 = hashlib.sha256(content).hexdigest()
    wide = WideTable(raw, spectrum.axis, values, f"{spectrum.before} {spectrum.after}", spectrum.others)
    _blank_codes(wide, chosen)
    return wide


def _raw_of(content, name, kind, table):
    """Any other table, read as tables of samples are."""
    from soilcore.data.tabular import read_table_content

    said = {} if table is None else {part: getattr(table, part) for part in ("sheet", "layer", "encoding", "delimiter", "decimal")}
    return read_table_content(content, name, **said)


def _from_cells(content, name, kind, table, begins):
    """The careful reader: a workbook, a table with units below its header, row names, blanks as delimiter."""
    if kind == "text" and content[:_HEAD_BYTES].count(b",") and len(content) > 8 * _SLOW_CELLS:
        raise UnreadableError(f"{name!r} is too large to be read in its present form. Export it as plain CSV, one header row, or as parquet.")
    raw = _raw_of(content, name, kind, table)
    twice = {finding.column: finding.value for finding in raw.findings if finding.code == "column-name-twice"}
    names = list(raw.frame.columns)
    spectrum = axis_columns([twice.get(column, column) for column in names], begins)
    if spectrum is None:
        upright = spectra_in_columns(raw)
        return WideTable(raw) if upright is None else WideTable(upright[2], upright[0], upright[1], upright[3])
    chosen = [names[k] for k in spectrum.columns]
    values = np.empty((len(raw.frame), len(chosen)), dtype=np.float32)
    for k, column in enumerate(chosen):
        values[:, k] = pd.to_numeric(raw.frame[column], errors="coerce").to_numpy(dtype=np.float32, na_value=np.nan)
    raw.frame = raw.frame.drop(columns=chosen)
    gone = set(chosen)
    raw.findings = [_as_point(finding) if finding.column in gone else finding for finding in raw.findings]
    wide = WideTable(raw, spectrum.axis, values, f"{spectrum.before} {spectrum.after}", spectrum.others)
    _blank_codes(wide, chosen)
    return wide


def _as_point(finding):
    if finding.code != "text-in-number-column":
        return finding
    message = f"The spectrum in row {finding.row} holds {finding.value!r} at {finding.column!r}; the point counts as missing."
    return remark("spectra-cell-text", message, row=finding.row, column=finding.column, value=finding.value)
