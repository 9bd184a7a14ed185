"""Settings are frozen dataclasses; here they become JSON and come back, so that a run file holds exactly what was asked."""

import types
import typing
from dataclasses import asdict, fields, is_dataclass

from soilcore.core.errors import SettingsError
from soilcore.core.files import plain


def to_plain(settings):
    """The settings as JSON values; nested dataclasses become objects, tuples lists."""
    return plain(asdict(settings))


def from_plain(cls, values):
    """Build settings of type `cls` from what `to_plain` gave.

    Parameters
    ----------
    cls : type
        A frozen dataclass whose fields are plain values, tuples of them, or settings.
    values : dict
        Field names and values. Fields left out keep their defaults.

    Raises
    ------
    SettingsError
        If a name is unknown or a value has the wrong type; the message names it.
    """
    if not isinstance(values, dict):
        raise SettingsError(f"{cls.__name__} must be an object with named settings, not {type(values).__name__}.")
    hints = typing.get_type_hints(cls)
    known = {field.name for field in fields(cls)}
    if unknown := sorted(set(values) - known):
        raise SettingsError(f"{cls.__name__} has no setting {unknown[0]!r}. Known settings: {', '.join(sorted(known))}.")
    return cls(**{name: _value(hints[name], value, f"{cls.__name__}.{name}") for name, value in values.items()})


def _value(hint, value, name):
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in arguments:
            return None
        return _one_of([choice for choice in arguments if choice is not type(None)], value, name)
    if is_dataclass(hint):
        return from_plain(hint, value)
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise SettingsError(f"{name} must be a list, not {value!r}.")
        inner = arguments[0] if arguments else object
        return tuple(_value(inner, item, name) if arguments[1:] == (...,) else item for item in value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and not isinstance(value, hint):
        raise SettingsError(f"{name} must be {hint.__name__}, not {value!r}.")
    return value


def _one_of(choices, value, name):
    """The value as the first of several kinds that takes it."""
    for choice in choices[:-1]:
        try:
            return _value(choice, value, name)
        except SettingsError:
            continue
    return _value(choices[-1], value, name)
