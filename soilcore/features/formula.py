"""Band formulas that people type: read by an allow-list, never executed as code.

Allowed are names, numbers, ``+ - * / **``, parentheses and ``sqrt()``. The same reader serves the registry and a user's own formulas,
and the same rules decide where a result is undefined (`soilcore.features.arithmetic`).
"""

import ast
import math
import re
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from soilcore.core.errors import FormulaError
from soilcore.core.tables import load_table
from soilcore.features.arithmetic import DENOMINATOR_FLOOR, program

MAXIMUM_LENGTH = 400
MAXIMUM_DEPTH = 30
MAXIMUM_EXPONENT = 8
MAXIMUM_NUMBER = 1e9
ALLOWED = "names, numbers, + - * / **, parentheses and sqrt()"

_FOREIGN = re.compile(r"[^A-Za-z0-9_+\-*/(). ]")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_HINTS = {
    "^": " (write ** for a power)",
    ",": " (write a decimal point)",
    "=": " (write NAME=EXPRESSION once)",
    "×": " (write *)",
    "÷": " (write /)",
    "−": " (write the plain minus -)",
}
_NODES = {
    ast.Attribute: "a dot after a name",
    ast.Lambda: "a lambda",
    ast.Compare: "a comparison",
    ast.BoolOp: "a logical operator",
    ast.IfExp: "a condition",
    ast.Tuple: "a list",
}
_BINARY = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div"}


@dataclass(frozen=True)
class Formula:
    """Band arithmetic, read and checked.

    Parameters
    ----------
    text : str
        As typed, without surrounding blanks.
    names : tuple of str
        Names it uses, in order of appearance.
    name : str or None
        What its result is called.
    expression : tuple
        For `soilcore.features.arithmetic`.
    """

    text: str
    names: tuple[str, ...]
    name: str | None = None
    expression: tuple = field(default=(), repr=False)

    def evaluate(self, values):
        """Compute the formula.

        Parameters
        ----------
        values : dict of str to array-like
            Reflectance by role; all of one shape. Further names are ignored. `soilcore.features.indices.check_bands` makes invalid reflectance NaN.

        Returns
        -------
        ndarray
            The common shape; float32 where every input is float32, else float64. NaN where a denominator is below 1e-6 in size, a radicand is
            negative or the result is not finite.

        Raises
        ------
        FormulaError
            If a name has no values, or shapes differ.
        """
        missing = [name for name in self.names if name not in values]
        if missing:
            present = ", ".join(values) or "no names"
            raise FormulaError(f"The formula {_short(self.text)} uses {missing[0]!r}, which is not there; there are {present}.")
        steps = program((self.expression,))
        arrays, shape, dtype = as_floats({name: values[name] for name in steps.names}, f"The formula {_short(self.text)}")
        result = np.empty(shape, dtype)
        steps.run(arrays, [result.reshape(-1)])
        return result


def as_floats(values, what):
    """Arrays as contiguous rows of one float type.

    Parameters
    ----------
    values : dict of str to array-like
    what : str
        Begins the message if they do not fit together.

    Returns
    -------
    rows : list of ndarray of shape (n_pixels,)
    shape : tuple
        The common shape.
    dtype : numpy.dtype
        float32 where every input is float32, else float64.
    """
    arrays = {name: np.asarray(value) for name, value in values.items()}
    shapes = {array.shape for array in arrays.values()}
    if len(shapes) > 1:
        listed = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise FormulaError(f"{what} needs values of one shape, but got {listed}.")
    dtype = np.dtype(np.float32 if arrays and all(array.dtype == np.float32 for array in arrays.values()) else np.float64)
    rows = [np.ascontiguousarray(array, dtype).reshape(-1) for array in arrays.values()]
    return rows, shapes.pop() if shapes else (), dtype


@lru_cache(maxsize=512)
def parse_formula(text):
    """Read band arithmetic.

    Parameters
    ----------
    text : str
        For example ``"(N-R)/(N+R)"``; at most 400 characters, nested at most 30 deep, exponents plain numbers from -8 to 8 other than 0.

    Returns
    -------
    Formula

    Raises
    ------
    FormulaError
        In one sentence: what was found, at which character, what is allowed.
    """
    if not isinstance(text, str):
        raise FormulaError(f"A formula is text such as (N-R)/(N+R), not {type(text).__name__}; allowed are {ALLOWED}.")
    if len(text) > MAXIMUM_LENGTH:
        raise FormulaError(
            f"The formula {_short(text)} has {len(text)} characters, too many from position {MAXIMUM_LENGTH + 1} on; "
            f"allowed are up to {MAXIMUM_LENGTH} characters of {ALLOWED}."
        )
    text = text.strip()
    _check_characters(text)
    expression = _Reader(text).read(_tree(text).body, 0)
    if not (names := _names(expression)):
        raise FormulaError(f"The formula {_short(text)} names no band at position 1; allowed are {ALLOWED}.")
    return Formula(text, names, None, expression)


@lru_cache(maxsize=512)
def parse_named_formula(text):
    """Read ``NAME=EXPRESSION``.

    Parameters
    ----------
    text : str
        For example ``"MY_INDEX=(S1-N)/(S1+N)"``.

    Returns
    -------
    Formula
        With its `name`.

    Raises
    ------
    FormulaError
        If there is no name, it is not a word, or it already means a band or an index of the registry.
    """
    if not isinstance(text, str) or "=" not in text[:MAXIMUM_LENGTH]:
        given = _short(text) if isinstance(text, str) else type(text).__name__
        raise FormulaError(f"The formula {given} has no name; write NAME=EXPRESSION, for example MY_INDEX=(S1-N)/(S1+N).")
    name, _, expression = text.partition("=")
    name = name.strip()
    _check_name(name)
    formula = parse_formula(expression)
    return Formula(formula.text, formula.names, name, formula.expression)


def _check_name(name):
    if not _NAME.fullmatch(name) or name == "sqrt":
        raise FormulaError(f"{_short(name)} cannot name a formula; allowed are up to 40 letters, digits and _ beginning with a letter, and not sqrt.")
    table = load_table("indices")
    if name in table["bands"]:
        twin = next((index["id"] for index in table["indices"] if index["label"] == name), None)
        other = f" (the index that papers call {name} is {twin} here)" if twin else ""
        band = table["bands"][name]["name"].lower()
        raise FormulaError(f"The formula name {name!r} is already the band {band}{other}; choose another name, for example MY_{name}.")
    known = next((index for index in table["indices"] if index["id"] == name), None)
    if known:
        raise FormulaError(
            f"The formula name {name!r} is already the index {known['formula']} of the registry; "
            f"use that with --index {name}, or choose another name, for example MY_{name}."
        )


def _check_characters(text):
    if found := _FOREIGN.search(text):
        character = found.group()
        raise _refused(text, f"the character {character!r}{_HINTS.get(character, '')}", found.start())
    depth = 0
    for position, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth > MAXIMUM_DEPTH:
            raise _refused(text, f"more than {MAXIMUM_DEPTH} nested parentheses", position)


def _tree(text):
    try:
        return ast.parse(text, mode="eval")
    except SyntaxError as error:
        raise _refused(text, "something that is not arithmetic" if text else "nothing", max((error.offset or 1) - 1, 0)) from None
    except (RecursionError, MemoryError, ValueError):
        raise _refused(text, "more nesting than can be read", 0) from None


class _Reader:
    """Turns the syntax tree into an expression, refusing every node that is not on the list."""

    def __init__(self, text):
        self.text = text

    def read(self, node, depth):
        if depth > MAXIMUM_DEPTH * 2:
            raise _refused(self.text, "too deep nesting", node.col_offset)
        readers = {ast.Name: self._name, ast.Constant: self._number, ast.BinOp: self._binary, ast.UnaryOp: self._unary, ast.Call: self._call}
        reader = readers.get(type(node))
        if reader is None:
            raise _refused(self.text, _NODES.get(type(node), "something that is not arithmetic"), node.col_offset)
        return self._folded(reader(node, depth + 1), node)

    def _name(self, node, depth):
        if node.id == "sqrt":
            raise _refused(self.text, "sqrt without parentheses", node.col_offset)
        return ("name", node.id)

    def _number(self, node, depth):
        if type(node.value) not in (int, float):
            raise _refused(self.text, f"{node.value!r}", node.col_offset)
        if not abs(node.value) <= MAXIMUM_NUMBER:
            raise _refused(self.text, f"a number above {MAXIMUM_NUMBER:g}", node.col_offset)
        return ("number", float(node.value))

    def _unary(self, node, depth):
        if not isinstance(node.op, (ast.USub, ast.UAdd)):
            raise _refused(self.text, "a logical operator", node.col_offset)
        inner = self.read(node.operand, depth)
        return ("neg", inner) if isinstance(node.op, ast.USub) else inner

    def _binary(self, node, depth):
        if isinstance(node.op, ast.Pow):
            return self._power(node, depth)
        if type(node.op) not in _BINARY:
            raise _refused(self.text, "an operator other than + - * / **", node.left.end_col_offset)
        left, right = self.read(node.left, depth), self.read(node.right, depth)
        if isinstance(node.op, ast.Div) and right[0] == "number" and abs(right[1]) < DENOMINATOR_FLOOR:
            raise _refused(self.text, "a division by zero", node.right.col_offset)
        return (_BINARY[type(node.op)], left, right)

    def _power(self, node, depth):
        exponent = node.right
        sign = 1.0
        if isinstance(exponent, ast.UnaryOp) and isinstance(exponent.op, (ast.USub, ast.UAdd)):
            sign = -1.0 if isinstance(exponent.op, ast.USub) else 1.0
            exponent = exponent.operand
        value = exponent.value if isinstance(exponent, ast.Constant) and type(exponent.value) in (int, float) else None
        if value is None or value == 0 or not value <= MAXIMUM_EXPONENT:
            plain = f"a plain number from -{MAXIMUM_EXPONENT} to {MAXIMUM_EXPONENT} other than 0"
            raise _refused(self.text, f"an exponent that is not {plain}", node.right.col_offset)
        base = self.read(node.left, depth)
        powered = ("power", base, ("number", float(value)))
        powered = self._folded(powered, node) if base[0] == "number" else _raised(base, float(value))
        return powered if sign > 0 else ("div", ("number", 1.0), powered)

    def _call(self, node, depth):
        named = isinstance(node.func, ast.Name) and node.func.id == "sqrt"
        if not named or len(node.args) != 1 or node.keywords:
            raise _refused(self.text, "a call other than sqrt(one expression)", node.col_offset)
        return ("sqrt", self.read(node.args[0], depth))

    def _folded(self, expression, node):
        """Arithmetic among numbers is done once, in double precision."""
        kind, *parts = expression
        if kind in ("name", "number") or any(part[0] != "number" for part in parts):
            return expression
        value = _computed(kind, [part[1] for part in parts])
        if value is None or not abs(value) <= MAXIMUM_NUMBER:
            raise _refused(self.text, "numbers whose result is undefined or too large", node.col_offset)
        return ("number", value)


def _raised(base, exponent):
    """Whole and half powers by multiplication and square root, which every machine rounds alike."""
    whole, rest = divmod(exponent, 1)
    if rest not in (0, 0.5):
        return ("power", base, ("number", exponent))
    product = ("sqrt", base) if rest else None
    for _ in range(int(whole)):
        product = base if product is None else ("mul", product, base)
    return product


def _computed(kind, numbers):
    try:
        return {
            "add": lambda a, b: a + b,
            "sub": lambda a, b: a - b,
            "mul": lambda a, b: a * b,
            "div": lambda a, b: a / b,
            "neg": lambda a: -a,
            "sqrt": math.sqrt,
            "power": math.pow,
        }[kind](*numbers)
    except (ZeroDivisionError, ValueError, OverflowError):
        return None


def _names(expression):
    if expression[0] == "name":
        return (expression[1],)
    if expression[0] == "number":
        return ()
    return tuple(dict.fromkeys(name for part in expression[1:] for name in _names(part)))


def _refused(text, found, position):
    return FormulaError(f"The formula {_short(text)} has {found} at position {position + 1}; allowed are {ALLOWED}.")


def _short(text):
    return repr(text if len(text) <= 60 else text[:57] + "...")
