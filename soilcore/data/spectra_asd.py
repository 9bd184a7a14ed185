"""ASD files of FieldSpec spectroradiometers, versions 1 to 8: reflectance, from the spectrum and its white reference.

Layout (little-endian): a header of 484 bytes; the spectrum; from version 2 on a header of the reference (flag, two times, a description) and the
reference, both as many numbers as the header says, of the type it says.
"""

import struct

import numpy as np

from soilcore.core.errors import UnreadableError
from soilcore.data.spectra_opus import InstrumentSpectrum, iso_date
from soilcore.data.spectra_set import ABSORBANCE, REFLECTANCE, WAVELENGTH

MAGICS = (b"ASD", b"as2", b"as3", b"as4", b"as5", b"as6", b"as7", b"as8")
_HEADER = 484
_MOST_CHANNELS = 20_000
_RAW, _REFLECTANCE, _TRANSMITTANCE, _ABSORBANCE = 0, 1, 6, 8
_TYPES = {2: "radiance", 3: "values without unit", 4: "irradiance", 5: "a quality index", 7: "an unknown quantity"}
_FORMATS = {0: "<f4", 1: "<i4", 2: "<f8"}
_DETECTORS = {1: "VNIR", 2: "SWIR1", 4: "SWIR2"}
_INSTRUMENTS = {1: "PSII", 2: "LSVNIR", 3: "FSVNIR", 4: "FieldSpec FR", 5: "FSNIR", 6: "CHEM", 7: "FieldSpec FR (unattended)", 10: "handheld"}


def is_asd(content):
    """Whether these are the bytes of an ASD file."""
    return content[:3] in MAGICS


def read_asd(content, name):
    """Read the spectrum of one ASD file.

    Parameters
    ----------
    content : bytes
    name : str
        File name, for messages.

    Returns
    -------
    InstrumentSpectrum
        Reflectance (or absorbance where the file holds that) by wavelength in nm.

    Raises
    ------
    UnreadableError
        If it is cut off, damaged, or holds radiance, irradiance or raw counts without a reference.
    """
    if not is_asd(content):
        raise UnreadableError(f"{name!r} is no ASD file: its first bytes are not those of one. Export the spectrum again.")
    if len(content) < _HEADER:
        raise UnreadableError(f"{name!r} is cut off: an ASD header has {_HEADER} bytes, but the file {len(content)}. Copy it again.")
    version = 1 if content[:3] == b"ASD" else int(content[2:3])
    first, step = struct.unpack_from("<ff", content, 191)
    (channels,) = struct.unpack_from("<H", content, 204)
    kind, form = content[186], content[199]
    _check_header(first, step, channels, form, name)
    size = np.dtype(_FORMATS[form]).itemsize * channels
    spectrum = _numbers(content, _HEADER, form, channels, name)
    reference = _reference(content, _HEADER + size, form, channels, name) if version >= 2 else None
    values, quantity, notes = _reflectance(spectrum, reference, kind, name)
    if detectors := [label for bit, label in _DETECTORS.items() if content[422] & bit]:
        notes.append(("spectra-saturated", f"The header of {name!r} says that the detector {' and '.join(detectors)} was saturated."))
    if not (np.isfinite(values).sum() >= 3 and np.nanmax(np.abs(values)) < 1e6):
        raise UnreadableError(f"{name!r} is damaged: its values are no reflectance. Copy it again.")
    axis = first + step * np.arange(channels, dtype=float)
    instrument = f"{_INSTRUMENTS.get(content[431], 'ASD')} {struct.unpack_from('<H', content, 400)[0]}"
    comment = content[3:160].split(b"\x00")[0].decode("latin-1").strip() or None
    return InstrumentSpectrum(axis, values.astype(np.float32), WAVELENGTH, quantity, comment, _date(content), instrument, tuple(notes))


def _check_header(first, step, channels, form, name):
    if form not in _FORMATS:
        raise UnreadableError(f"{name!r} stores its spectrum in a form ({form}) that ASD files do not have. Copy it again.")
    if not (3 <= channels <= _MOST_CHANNELS and np.isfinite([first, step]).all() and 100 <= first <= 10_000 and 0.01 <= step <= 100):
        raise UnreadableError(f"{name!r} is damaged: its header says {channels} channels from {first:g} nm in steps of {step:g}. Copy it again.")


def _numbers(content, start, form, channels, name):
    kind = np.dtype(_FORMATS[form])
    if start + channels * kind.itemsize > len(content):
        raise UnreadableError(
            f"{name!r} is cut off: {channels} channels end at byte {start + channels * kind.itemsize}, but it has {len(content)}. Copy it again."
        )
    return np.frombuffer(content, dtype=kind, count=channels, offset=start).astype(float)


def _reference(content, start, form, channels, name):
    """The white reference, or None where the file has none."""
    if start + 20 > len(content):
        return None
    flag, _, _, length = struct.unpack_from("<HddH", content, start)
    if flag == 0:
        return None
    return _numbers(content, start + 20 + length, form, channels, name)


def _reflectance(spectrum, reference, kind, name):
    """Values, quantity and notes."""
    notes = []
    if kind == _ABSORBANCE:
        return spectrum, ABSORBANCE, notes
    if kind not in (_RAW, _REFLECTANCE, _TRANSMITTANCE):
        raise UnreadableError(f"{name!r} holds {_TYPES.get(kind, f'data of type {kind}')}, not reflectance. Export reflectance from ViewSpec.")
    if kind in (_REFLECTANCE, _TRANSMITTANCE) and np.nanmedian(np.abs(spectrum)) < 2:
        return spectrum, REFLECTANCE, notes  # the ratio itself is stored
    if reference is None or not np.any(reference):
        raise UnreadableError(f"{name!r} holds raw counts without a white reference, so reflectance is not known. Export reflectance from ViewSpec.")
    with np.errstate(invalid="ignore", divide="ignore"):
        values = np.where(reference > 0, spectrum / reference, np.nan)
    notes.append(("spectra-ratio-computed", f"{name!r} holds raw counts; reflectance is their ratio to the white reference in the file."))
    return values, REFLECTANCE, notes


def _date(content):
    """ISO date of the measurement; None where the header has none."""
    _, _, _, day, month, year = struct.unpack_from("<6h", content, 160)
    if not (1 <= day <= 31 and 0 <= month <= 11 and 80 <= year <= 300):
        return None
    return iso_date(1900 + year, month + 1, day)
