"""Text tables: which encoding, which delimiter, which rows; with the row numbers a spreadsheet would show."""

import codecs
import csv
import io
import re
from collections import Counter
from dataclasses import dataclass, field

from soilcore.core.errors import SettingsError, UnreadableError
from soilcore.core.quantities import find_unit
from soilcore.data.remarks import remark, some

DELIMITERS = (",", "\t", ";", "|")
_NAMED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "space": " ", "whitespace": " ", "pipe": "|"}
_SHOWN = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "|", " ": "blanks"}
_SNIFF_BYTES = 200_000
_FIELD_LIMIT = 1_000_000


@dataclass
class Rows:
    """Cells of a text or spreadsheet table before anything is read into them.

    Parameters
    ----------
    names : list of str
        Column names as they stand.
    rows : list of list
        One list of cells per sample row, as long as `names`.
    numbers : list of int
        Spreadsheet row of each.
    delimiter : str or None
    units : dict
        By column: the unit that a row below the header names.
    findings : list of Finding
    assumed : list of str
    """

    names: list
    rows: list
    numbers: list
    delimiter: str | None = None
    units: dict = field(default_factory=dict)
    findings: list = field(default_factory=list)
    assumed: list = field(default_factory=list)


def read_text(content, name, encoding=None, delimiter=None):
    """Read a text table.

    Parameters
    ----------
    content : bytes
    name : str
        File name, for messages.
    encoding, delimiter : str, optional
        What the user said; found from the content otherwise.

    Returns
    -------
    Rows

    Raises
    ------
    UnreadableError
        If it is not text, or no table.
    SettingsError
        If the encoding or delimiter named does not exist.
    """
    text, findings, assumed = decode(content, name, encoding)
    delimiter = _given_delimiter(delimiter) or find_delimiter(text)
    cells = _split(text, delimiter, name)
    table = arrange(cells, name)
    table.delimiter = delimiter
    table.findings[:0] = findings
    table.assumed[:0] = assumed
    return table


def decode(content, name, encoding=None):
    """Bytes as text.

    Returns
    -------
    text : str
    findings : list of Finding
    assumed : list of str
    """
    if encoding is not None:
        return _decoded_as_told(content, name, encoding), [], []
    for mark, codec in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF32_LE, "utf-32"),
        (codecs.BOM_UTF32_BE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if content.startswith(mark):
            return _checked(content, name, codec), [], []
    if codec := _utf16_without_mark(content):
        return _checked(content, name, codec), [], [f"text encoding: {codec} (every second byte is zero)"]
    _check_text(content, name)
    try:
        return content.decode("utf-8"), [], []
    except UnicodeDecodeError as error:
        place = error.start
    codec = _legacy(content)
    byte, row = content[place], content[:place].count(b"\n") + 1
    text = content.decode(codec, errors="replace")
    shown = (
        bytes([byte]).decode("cp1252", errors="replace")
        if codec == "cp1252"
        else text[max(0, len(content[:place].decode(codec, errors="replace"))) :][:1]
    )
    message = f"{name!r} is not UTF-8: line {row} holds the byte 0x{byte:02X}. It is read as {_CODEC_NAMES[codec]}, where that is {shown!r}."
    return text, [remark("encoding-assumed", message, row=row, value=f"0x{byte:02X}", encoding=codec)], [f"text encoding: {_CODEC_NAMES[codec]}"]


_CODEC_NAMES = {"cp1252": "Latin-1 (Windows-1252)", "cp1251": "Cyrillic (Windows-1251)", "gb18030": "Chinese (GB 18030)"}


def _decoded_as_told(content, name, encoding):
    try:
        return content.decode(codecs.lookup(encoding).name).lstrip("\ufeff")
    except LookupError:
        raise SettingsError(f"There is no text encoding {encoding!r}. Common ones: utf-8, utf-16, latin-1, cp1251, gb18030.") from None
    except UnicodeDecodeError as error:
        raise UnreadableError(f"{name!r} is not {encoding}: byte {error.start} cannot be read. Leave --encoding out, or name another.") from None


def _checked(content, name, codec):
    try:
        return content.decode(codec)
    except UnicodeDecodeError:
        raise UnreadableError(f"{name!r} begins like {codec} text but breaks off or is damaged. Export it again.") from None


def _utf16_without_mark(content):
    head = content[:4000]
    if len(head) < 8 or 0 not in head:
        return None
    even, odd = head[0::2].count(0) / len(head[0::2]), head[1::2].count(0) / len(head[1::2])
    if odd > 0.6 and even < 0.1:
        return "utf-16-le"
    return "utf-16-be" if even > 0.6 and odd < 0.1 else None


def _check_text(content, name):
    head = content[:_SNIFF_BYTES]
    control = sum(head.count(byte) for byte in range(32) if byte not in (9, 10, 12, 13, 26))
    if b"\x00" in head or control > 0.01 * len(head):
        raise UnreadableError(f"{name!r} is not text but binary data, although its name says table. Export it as CSV or XLSX.")


def _legacy(content):
    """Which of the old encodings: Chinese bytes come in pairs, Cyrillic letters in words, Latin-1 letters alone."""
    sample = content[:_SNIFF_BYTES]
    high = len(re.findall(rb"[\x80-\xff]", sample))
    pairs = len(re.findall(rb"(?:[\xb0-\xf7][\xa1-\xfe])+", sample))
    paired = sum(len(run) for run in re.findall(rb"(?:[\xb0-\xf7][\xa1-\xfe])+", sample))
    words = sum(len(run) for run in re.findall(rb"[\xc0-\xff]{3,}", sample))
    if words > 0.6 * high:
        wholly = sum(len(run) for run in re.findall(rb"(?<![A-Za-z])[\xc0-\xff]{3,}(?![A-Za-z])", sample))
        chinese = _reads_as_chinese(sample)
        return "gb18030" if chinese and not _reads_as_cyrillic(sample) else "cp1251" if wholly > 0.5 * high else "cp1252"
    if pairs and paired > 0.95 * high and _reads_as_chinese(sample):
        return "gb18030"
    return "cp1252"


def _reads_as_chinese(sample):
    try:
        text = sample.decode("gb18030")
    except UnicodeDecodeError as error:
        if error.start < len(sample) - 4:
            return False
        text = sample[: error.start].decode("gb18030", errors="ignore")
    letters = [letter for letter in text if ord(letter) > 127]
    common = sum("\u4e00" <= letter <= "\u9fff" for letter in letters)
    return bool(letters) and common > 0.8 * len(letters)


def _reads_as_cyrillic(sample):
    text = sample.decode("cp1251", errors="replace")
    letters = [letter for letter in text if ord(letter) > 127]
    lower = sum("\u0430" <= letter <= "\u044f" for letter in letters)
    return bool(letters) and lower > 0.6 * len(letters)


def _given_delimiter(delimiter):
    if delimiter is None:
        return None
    delimiter = _NAMED.get(delimiter.strip().lower() or delimiter[:1], delimiter)
    if len(delimiter) != 1:
        raise SettingsError(f"The delimiter is one sign (or tab, comma, semicolon, blanks), not {delimiter!r}.")
    return delimiter


def find_delimiter(text):
    """The sign that cuts the rows into the same number of cells most often; blanks when none does."""
    head = "\n".join(text[:_SNIFF_BYTES].splitlines()[:200])
    best, score = None, (0.0, 0)
    for delimiter in DELIMITERS:
        try:
            counts = [len(row) for row in csv.reader(io.StringIO(head), delimiter=delimiter) if row]
        except csv.Error:
            continue
        common, times = Counter(counts).most_common(1)[0] if counts else (0, 0)
        header = counts[0] if counts else 0
        if common < 2 or (header < 2 and common > 2):
            continue
        agreement = round(times / len(counts), 1)
        if (agreement, common) > score:
            best, score = delimiter, (agreement, common)
    if best is None or score[0] < 0.6:
        return " " if _cut_by_blanks(head) else best or ","
    return best


def _cut_by_blanks(head):
    counts = [len(line.split()) for line in head.splitlines() if line.strip()]
    if len(counts) < 2:
        return False
    common, times = Counter(counts[1:]).most_common(1)[0]
    return common > 1 and times >= 0.8 * (len(counts) - 1) and counts[0] in (common, common - 1)


def _split(text, delimiter, name):
    csv.field_size_limit(_FIELD_LIMIT)
    if delimiter == " ":
        text = "\n".join(" ".join(line.split()) for line in text.splitlines())
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        hint = "A quotation mark that is never closed is the usual reason." if "field larger" in str(error) else "Export the table again."
        raise UnreadableError(f"{name!r} cannot be cut into cells: {error}. {hint}") from None


def arrange(cells, name, first_row=1):
    """Find the header and the sample rows.

    Parameters
    ----------
    cells : list of list
        Every row of the sheet, header included; None or "" where empty.
    name : str
    first_row : int
        Spreadsheet number of the first of them.

    Returns
    -------
    Rows

    Raises
    ------
    UnreadableError
        If there is no header, or no row below it.
    """
    numbered = [(number, row) for number, row in enumerate(cells, first_row) if any(not _empty(cell) for cell in row)]
    if not numbered:
        raise UnreadableError(f"{name!r} holds no cells. Export the table again.")
    table = Rows([], [], [])
    numbered = _skip_titles(numbered, table)
    header_row, header = numbered[0]
    body = numbered[1:]
    _check_header(header, body, name)
    if len(body) == 0:
        raise UnreadableError(f"{name!r} has a header ({some(header, 4)}) but no rows below it.")
    header = list(header)
    while header and _empty(header[-1]) and not any(len(row) >= len(header) and not _empty(row[len(header) - 1]) for _, row in body):
        header.pop()
    header = _with_row_names(header, body, table)
    table.names = _unique_names(header, table, header_row)
    for number, row in _without_units(body, table):
        table.rows.append(_fitted(row, len(header), number, table))
        table.numbers.append(number)
    return table


def _empty(cell):
    return cell is None or (isinstance(cell, str) and not cell.strip().strip("\ufeff"))


def _filled(row):
    return sum(not _empty(cell) for cell in row)


def _skip_titles(numbered, table):
    """Rows of one cell above a header of several are a title."""
    widest = Counter(_filled(row) for _, row in numbered[:50]).most_common(1)[0][0]
    skipped = 0
    while widest > 2 and skipped < min(10, len(numbered) - 2) and _filled(numbered[skipped][1]) == 1:
        skipped += 1
    if skipped:
        text = next(str(cell) for cell in numbered[0][1] if not _empty(cell))
        message = f"The first {skipped} row(s) hold one cell each ({text[:60]!r}) and are taken as a title; the header is row {numbered[skipped][0]}."
        table.findings.append(remark("title-rows", message, row=numbered[0][0], value=text[:60]))
        table.assumed.append(f"header: row {numbered[skipped][0]}, below a title")
    return numbered[skipped:]


def _check_header(header, body, name):
    numbers = sum(_is_number(cell) for cell in header)
    filled = _filled(header)
    if filled and numbers == filled and body and len(header) > 1 and len(header) < 60:
        raise UnreadableError(f"{name!r} has no header: its first row holds only numbers ({some(header, 4)}). Add a row with column names.")
    if filled < 2 and not any(len(row) > 1 for _, row in body):
        raise UnreadableError(
            f"{name!r} has a single column ({some(header, 2)}), which is no table of samples. Name its delimiter with --delimiter if it has one."
        )


def _is_number(cell):
    try:
        float(str(cell).strip().replace(",", "."))
    except ValueError:
        return False
    return True


def _with_row_names(header, body, table):
    """R writes one name less than columns when rows have names."""
    filled = [len(row) for _, row in body]
    one_more = sum(length == len(header) + 1 for length in filled)
    extra = [row[len(header)] for _, row in body if len(row) == len(header) + 1]
    if one_more < 0.9 * len(filled) or all(_empty(cell) for cell in extra):
        return header
    table.assumed.append("row names: the header has one name less than the rows have cells, so the first cell of each row is its name")
    table.findings.append(
        remark(
            "row-names",
            f"The header has {len(header)} names and the rows have {len(header) + 1} cells: the first cell of each row is taken as its name.",
        )
    )
    return ["row_name", *header]


def _unique_names(header, table, header_row):
    names, seen = [], set()
    for position, cell in enumerate(header, 1):
        name = re.sub(r"\s+", " ", "" if cell is None else str(cell)).strip().strip("\ufeff")
        if not name:
            name = f"column_{position}"
            message = f"Column {position} has no name; it is called {name!r}."
            table.findings.append(remark("column-unnamed", message, row=header_row, column=name))
        if name in seen:
            other, number = name, 2
            while f"{other}_{number}" in seen:
                number += 1
            name = f"{other}_{number}"
            message = f"Two columns are called {other!r}; the one in position {position} is called {name!r} here."
            table.findings.append(remark("column-name-twice", message, row=header_row, column=name, value=other))
        seen.add(name)
        names.append(name)
    return names


def _without_units(body, table):
    """A row of units below the header is no sample."""
    number, first = body[0]
    filled = [cell for cell in first if not _empty(cell)]
    units = {name: find_unit(str(cell)) for name, cell in zip(table.names, first, strict=False) if not _empty(cell)}
    units = {name: unit for name, unit in units.items() if unit is not None}
    below = body[1:]
    if not units or not below or any(_is_number(cell) for cell in filled) or not any(_is_number(cell) for cell in below[0][1]):
        return body
    places = [k for k, name in enumerate(table.names) if name in units]
    if not all(k < len(below[0][1]) and (_empty(below[0][1][k]) or find_unit(str(below[0][1][k])) is None) for k in places):
        return body
    table.units = units
    message = f"Row {number} holds units ({some(f'{name}: {unit}' for name, unit in units.items())}) and is no sample."
    table.findings.append(remark("unit-row", message, row=number))
    return below


def _fitted(row, width, number, table):
    """The row as wide as the header; what does not fit is said."""
    row = list(row)
    if len(row) > width and any(not _empty(cell) for cell in row[width:]):
        message = f"Row {number} has {len(row)} cells but the header {width}: a delimiter or decimal comma inside a cell has shifted it. The row is not used."
        table.findings.append(remark("row-too-long", message, row=number, value=some(row[width:], 2)))
        return [None] * width
    if len(row) < width:
        message = f"Row {number} has {len(row)} cells but the header {width}; the missing ones count as empty."
        table.findings.append(remark("row-too-short", message, row=number))
        row += [None] * (width - len(row))
    return row[:width]
