"""OPUS files of Bruker spectrometers: the resultant spectrum, checked against the lengths and limits the file states about itself.

Layout (little-endian): a header of 24 bytes with the place of the directory; a directory of 12-byte entries (type, length in 4-byte words, start);
blocks of parameters (three letters, type, length, value) and blocks of 32-bit numbers. The bits of an entry's type say what a block is: 0-1 amplitude,
2-3 sample, reference or their ratio, 4-9 the kind of parameters (0: data), 10-16 the kind of data.
"""

import struct
from dataclasses import dataclass, field

import numpy as np

from soilcore.core.errors import UnreadableError
from soilcore.data.spectra_set import ABSORBANCE, REFLECTANCE, WAVELENGTH, WAVENUMBER

MAGIC = b"\n\n\xfe\xfe"
MOST_POINTS = 2_000_000
_MOST_BLOCKS = 1000
_DATA_STATUS, _SAMPLE_ORIGIN = 1, 10
_SAMPLE, _REFERENCE, _RATIO = 1, 2, 3
_PLAIN, _COMPACT, _SERIES = 0, 4, 2
_NOT_COMPENSATED = 0x40000000
_SINGLE_CHANNEL, _INTERFEROGRAM = 1, 2
# Kinds of data in the order they are wanted, and what they are.
_KINDS = {4: ABSORBANCE, 19: ABSORBANCE, 15: ABSORBANCE, 16: ABSORBANCE, 12: REFLECTANCE, 5: REFLECTANCE, 18: REFLECTANCE}
_NAMES = {6: "Kubelka-Munk units", 10: "a Raman spectrum", 11: "an emission spectrum", 17: "a photoacoustic spectrum", 3: "a phase spectrum"}


@dataclass(frozen=True)
class InstrumentSpectrum:
    """One spectrum of an instrument file.

    Parameters
    ----------
    axis : ndarray of float64, shape (n_points,)
        In the order of the file.
    values : ndarray of float32, shape (n_points,)
    unit : {"cm-1", "nm"}
    quantity : {"absorbance", "reflectance"}
    name : str or None
        Name of the sample, as the instrument's operator wrote it.
    date : str or None
        ISO date of the measurement.
    instrument : str or None
    notes : tuple of (str, str)
        Code and sentence of what is worth knowing.
    """

    axis: np.ndarray
    values: np.ndarray
    unit: str
    quantity: str
    name: str | None = None
    date: str | None = None
    instrument: str | None = None
    notes: tuple = field(default=())


@dataclass(frozen=True)
class _Block:
    kind: int
    start: int
    size: int

    @property
    def channel(self):
        return self.kind >> 2 & 3

    @property
    def parameters(self):
        return self.kind >> 4 & 63

    @property
    def data(self):
        return self.kind >> 10 & 127

    @property
    def derivative(self):
        return self.kind >> 17 & 3

    @property
    def extra(self):
        return self.kind >> 19 & 7


def is_opus(content):
    """Whether these are the bytes of an OPUS file."""
    return content[:4] == MAGIC


def read_opus(content, name):
    """Read the resultant spectrum: absorbance before reflectance, compensated for the air before not compensated, the last of several.

    Parameters
    ----------
    content : bytes
    name : str
        File name, for messages.

    Returns
    -------
    InstrumentSpectrum

    Raises
    ------
    UnreadableError
        If it is damaged, or holds no spectrum of absorbance or reflectance.
    """
    if not is_opus(content):
        raise UnreadableError(f"{name!r} is no OPUS file: its first bytes are not those of one. Export the spectrum again.")
    blocks = _directory(content, name)
    data = [
        block
        for block in blocks
        if block.parameters == 0 and block.data not in (0, 13) and block.extra in (_PLAIN, _COMPACT) and not block.derivative
    ]
    wanted = [block for block in data if block.channel == _RATIO and block.data in _KINDS]
    wanted.sort(key=lambda block: (list(_KINDS).index(block.data), bool(block.kind & _NOT_COMPENSATED), -block.start))
    origin = _sample_origin(content, blocks, name)
    notes = []
    if wanted:
        same = [block for block in wanted if block.kind == wanted[0].kind]
        if len(same) > 1:
            notes.append(("spectra-file-several", f"{name!r} holds {len(same)} spectra of one kind; the last is taken."))
        axis, values, unit, status = _spectrum(content, wanted[0], blocks, name)
        quantity = _KINDS[wanted[0].data]
        if wanted[0].data in (5, 18):
            notes.append(("spectra-transmittance", f"{name!r} holds transmittance, which a reflection accessory writes for reflectance."))
        if quantity == REFLECTANCE and np.nanmedian(values) > 2:
            values = values / np.float32(100)
    else:
        axis, values, unit, status = _from_single_channels(content, data, blocks, name)
        quantity = ABSORBANCE
        notes.append(("spectra-ratio-computed", f"{name!r} holds sample and reference but not their ratio; absorbance is computed from them."))
    date = _iso_date(status.get("DAT"))
    return InstrumentSpectrum(axis, values, unit, quantity, origin.get("SNM"), date, origin.get("INS"), tuple(notes))


def _unpack(form, content, start, name):
    try:
        return struct.unpack_from(form, content, start)
    except struct.error:
        raise UnreadableError(f"{name!r} is cut off: byte {start} was to be read, but it has {len(content)}. Copy it again.") from None


def _directory(content, name):
    _, start, most, count = _unpack("<diii", content, 4, name)
    if not (24 <= start < len(content) and 0 < count <= min(max(most, count), _MOST_BLOCKS)):
        raise UnreadableError(f"{name!r} is a damaged OPUS file: its directory of {count} blocks at byte {start} cannot be. Copy it again.")
    blocks = []
    for k in range(count):
        kind, words, place = _unpack("<Iii", content, start + 12 * k, name)
        if place <= 0:
            break
        if words < 0 or place + 4 * words > len(content):
            raise UnreadableError(f"{name!r} is cut off: a block ends at byte {place + 4 * words}, but the file has {len(content)}. Copy it again.")
        blocks.append(_Block(kind, place, 4 * words))
    return blocks


def _parameters(content, block, name):
    """Parameters of one block, {three letters: int, float or str}."""
    found, place, end = {}, block.start, block.start + block.size
    while place + 8 <= end:
        key = content[place : place + 3]
        if key == b"END" or not key.isalnum():
            break
        form, words = _unpack("<HH", content, place + 4, name)
        size = 2 * words
        if place + 8 + size > end:
            raise UnreadableError(f"{name!r} is a damaged OPUS file: the parameter {key.decode('latin-1')} is longer than its block. Copy it again.")
        cell = content[place + 8 : place + 8 + size]
        if form == 0 and size >= 4:
            found[key.decode("latin-1")] = struct.unpack_from("<i", cell)[0]
        elif form == 1 and size >= 8:
            found[key.decode("latin-1")] = struct.unpack_from("<d", cell)[0]
        else:
            found[key.decode("latin-1")] = cell.split(b"\x00")[0].decode("latin-1").strip()
        place += 8 + size
    return found


def _sample_origin(content, blocks, name):
    """Sample name and instrument."""
    found = {}
    for block in blocks:
        if block.parameters > _DATA_STATUS and block.channel != _REFERENCE:
            parameters = _parameters(content, block, name)
            found.update({key: parameters[key] for key in ("SNM", "INS") if parameters.get(key) and key not in found})
    return found


def _spectrum(content, block, blocks, name):
    """Axis, values, unit and status parameters of a data block."""
    status = _status(content, block, blocks, name)
    points, first, last, scale = status.get("NPT"), status.get("FXV"), status.get("LXV"), status.get("CSF", 1.0)
    if not isinstance(points, int) or not 3 <= points <= min(MOST_POINTS, block.size // 4):
        raise UnreadableError(f"{name!r} is a damaged OPUS file: {points} points are stated, and {block.size // 4} are there. Copy it again.")
    if not all(isinstance(end, float) and np.isfinite(end) for end in (first, last, scale)) or first == last:
        raise UnreadableError(f"{name!r} is a damaged OPUS file: its axis goes from {first} to {last}. Copy it again.")
    if status.get("DPF", 1) not in (1, 2):
        raise UnreadableError(
            f"{name!r} stores its spectrum in a form ({status['DPF']}) that is not read. Export it from OPUS as a data point table."
        )
    if block.extra == _COMPACT and block.size != 4 * points:  # the compact form has a header of its own before the numbers
        content_start = block.start + block.size - 4 * points
    else:
        content_start = block.start
    kind = np.dtype("<f4" if status.get("DPF", 1) == 1 else "<i4")
    values = np.frombuffer(content, dtype=kind, count=points, offset=content_start).astype(np.float32)
    values = values if scale == 1 else values * np.float32(scale)
    _check_limits(values, status, name)
    axis = np.linspace(first, last, points)
    unit = str(status.get("DXU", "WN")).upper()
    if unit == "WN":
        return axis, values, WAVENUMBER, status
    if unit == "MI":
        return axis * 1000, values, WAVELENGTH, status
    if unit == "LGW":
        return np.exp(axis), values, WAVENUMBER, status
    raise UnreadableError(f"{name!r} has an axis in {unit!r}, which is neither wavenumbers nor micrometres. Export the spectrum itself.")


def _status(content, block, blocks, name):
    """The parameters that belong to a data block; of several, those whose limits fit its numbers."""
    found = [_parameters(content, other, name) for other in blocks if other.kind == block.kind | _DATA_STATUS << 4]
    if not found:
        raise UnreadableError(f"{name!r} is a damaged OPUS file: a spectrum has no axis. Copy it again.")
    if len(found) > 1:
        values = np.frombuffer(content, dtype="<f4", count=block.size // 4, offset=block.start)
        fitting = [status for status in found if _fits(values, status)]
        found = fitting or found
    return found[-1]


def _fits(values, status):
    points = status.get("NPT")
    if not isinstance(points, int) or not 0 < points <= values.size:
        return False
    part = values[:points] * np.float32(status.get("CSF", 1.0))
    return bool(np.isclose(part.max(), status.get("MXY", np.nan), rtol=1e-5) and np.isclose(part.min(), status.get("MNY", np.nan), rtol=1e-5))


def _check_limits(values, status, name):
    """The file states the largest and smallest value of its spectrum."""
    largest, smallest = status.get("MXY"), status.get("MNY")
    if not (isinstance(largest, float) and isinstance(smallest, float)) or not largest > smallest:
        return
    width = largest - smallest
    if not (np.isfinite(values).all() and abs(values.max() - largest) < 1e-3 * width and abs(values.min() - smallest) < 1e-3 * width):
        raise UnreadableError(
            f"{name!r} is damaged: it states values from {smallest:.4g} to {largest:.4g}, but holds {np.nanmin(values):.4g} to {np.nanmax(values):.4g}. "
            "Copy it again."
        )


def _from_single_channels(content, data, blocks, name):
    """Absorbance from the spectra of sample and reference."""
    single = {block.channel: block for block in data if block.data == _SINGLE_CHANNEL and block.channel in (_SAMPLE, _REFERENCE)}
    if len(single) < 2:
        raise UnreadableError(f"{name!r} holds {_contents(data, blocks)}, but no absorbance or reflectance. Save the file with its result spectrum.")
    axis, sample, unit, status = _spectrum(content, single[_SAMPLE], blocks, name)
    other, reference, other_unit, _ = _spectrum(content, single[_REFERENCE], blocks, name)
    if unit != other_unit:
        raise UnreadableError(f"{name!r} has sample and reference in different units. Save the file with its result spectrum.")
    inside = (axis >= other.min()) & (axis <= other.max())
    if inside.sum() < 3:
        raise UnreadableError(f"{name!r} has sample and reference on axes that do not meet. Save the file with its result spectrum.")
    rising = np.argsort(other)
    under = np.interp(axis[inside], other[rising], reference[rising])
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = under / sample[inside]
        values = np.log10(np.where(ratio > 0, ratio, np.nan))
    return axis[inside], values.astype(np.float32), unit, status


def _contents(data, blocks):
    if any(block.extra == _SERIES for block in blocks):
        return "a series of spectra"
    if any(block.data in _NAMES and block.channel == _RATIO for block in data):
        return next(_NAMES[block.data] for block in data if block.data in _NAMES and block.channel == _RATIO)
    if any(block.data == _INTERFEROGRAM for block in data):
        return "interferograms"
    return "single-channel spectra" if any(block.data == _SINGLE_CHANNEL for block in data) else "no spectra"


def _iso_date(text):
    """ISO date of "29/05/2014" or "2014/05/29"; None otherwise."""
    parts = str(text or "").replace(".", "/").replace("-", "/").split("/")
    if len(parts) != 3 or not all(part.strip().isdigit() for part in parts):
        return None
    first, month, last = (int(part) for part in parts)
    return iso_date(first, month, last) if first > 31 else iso_date(last, month, first)


def iso_date(year, month, day):
    """ISO date, or None where there is no such day."""
    try:
        return np.datetime64(f"{year:04d}-{month:02d}-{day:02d}").astype(str)
    except ValueError:
        return None
