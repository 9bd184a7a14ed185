"""Workbooks: one sheet of an .xlsx file, with the row numbers the spreadsheet shows."""

import io
import zipfile

from soilcore.core.errors import SettingsError, UnreadableError
from soilcore.data.formats import open_archive
from soilcore.data.remarks import remark, some
from soilcore.data.text_tables import arrange

MAXIMUM_CELLS = 20_000_000


def read_workbook(content, name, sheet=None):
    """Read one sheet.

    Parameters
    ----------
    content : bytes
    name : str
        File name, for messages.
    sheet : str, optional
        Name, or number counted from 1. Without it the only sheet with a table, or the first of several, which is said.

    Returns
    -------
    Rows

    Raises
    ------
    UnreadableError
        If it is damaged or holds no table.
    SettingsError
        If there is no such sheet.
    """
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    open_archive(content, name).close()
    try:
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        with_cells = {title: _cells(book[title], name) for title in _asked(book, sheet, name)}
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError, SyntaxError, OSError) as error:
        raise UnreadableError(f"{name!r} is a damaged workbook ({error}). Open it in a spreadsheet program and save it again.") from None
    filled = [title for title, cells in with_cells.items() if len(cells) > 1]
    if not filled:
        raise UnreadableError(f"{name!r} holds no table: {some(with_cells)} {'is' if len(with_cells) == 1 else 'are'} empty.")
    table = arrange(_even(with_cells[filled[0]]), name)
    _say_choice(table, filled, sheet)
    return table


def sheet_names(content, name):
    """Titles of the sheets of a workbook."""
    from openpyxl import load_workbook

    open_archive(content, name).close()
    try:
        return list(load_workbook(io.BytesIO(content), read_only=True).sheetnames)
    except (zipfile.BadZipFile, KeyError, ValueError, SyntaxError) as error:
        raise UnreadableError(f"{name!r} is a damaged workbook ({error}). Open it in a spreadsheet program and save it again.") from None


def _asked(book, sheet, name):
    titles = [worksheet.title for worksheet in book.worksheets]
    if sheet is None:
        return titles
    if sheet in titles:
        return [sheet]
    if str(sheet).isdigit() and 1 <= int(sheet) <= len(titles):
        return [titles[int(sheet) - 1]]
    raise SettingsError(f"{name!r} has no sheet {sheet!r}. Its sheets: {', '.join(titles)}.")


def _cells(worksheet, name):
    rows, count = [], 0
    last = 0
    for number, row in enumerate(worksheet.iter_rows(values_only=True), 1):
        row = _plain(row)
        rows.append(row)
        count += len(row) + 1
        last = number if row else last
        if count > MAXIMUM_CELLS or number - last > 100_000:
            break
    if count > MAXIMUM_CELLS:
        raise UnreadableError(f"The sheet {worksheet.title!r} of {name!r} holds more than {MAXIMUM_CELLS:,} cells. Keep the table alone in it.")
    return rows[:last]


def _even(cells):
    """Rows of one width: a sheet has no short rows, only empty cells at their end."""
    width = max(len(row) for row in cells)
    return [row + [None] * (width - len(row)) if row else row for row in cells]


def _plain(row):
    """Cells as text, numbers or None, without the empty ones at the end."""
    row = [cell.isoformat() if hasattr(cell, "isoformat") else cell for cell in row]
    while row and (row[-1] is None or (isinstance(row[-1], str) and not row[-1].strip())):
        row.pop()
    return row


def _say_choice(table, filled, sheet):
    if sheet is not None or len(filled) < 2:
        return
    message = f"The workbook has {len(filled)} sheets with cells ({some(filled)}); the first, {filled[0]!r}, is read."
    table.findings.append(remark("sheets-several", message, value=filled[0], sheet=filled[0]))
    table.assumed.append(f"sheet: {filled[0]!r}, the first of {len(filled)} ({some(filled)})")
