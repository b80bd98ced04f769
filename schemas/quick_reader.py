"""Reads Avro bodies by functions that are made from their schemas.

Who reads a whole log spends most of its time here, and half of it fastavro spends on finding out
what comes next. What these functions do not know, and every value that is not as it should be,
is left to fastavro: it also has the words for what is wrong.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

Read = Callable[[bytes], dict[str, Any]]
"""From a value to its record. Raises any error for a value that it cannot read."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EXACT_UNTIL = 2**51
"""Microseconds, in 2041: before it a float of seconds names each of them, and is quicker."""
MORE = 128  # a byte of a number from here on has others behind it
LARGEST = 2**64 - 1
MORE_BITS = 0x8080808080808080
"""Of eight bytes at once. A number of eight has them all but the last: times of our days."""
DEEPEST = 8  # records in records: deeper ones, or those that hold themselves, are not ours
BYTES_OF = {"float": 4, "double": 8}


class _UnknownTypeError(Exception):
    """Something in a schema that only fastavro reads."""


def quick_reader(schema: Any, start: int) -> Read | None:
    """The function that reads a value whose body begins at ``start``; None: not this schema."""
    if not isinstance(schema, Mapping) or schema.get("type") != "record":
        return None
    source = _Source()
    try:
        name = source.value(schema, {})
    except _UnknownTypeError:
        return None
    source.lines.append("if p != z: raise ValueError")
    body = "\n".join(f"    {line}" for line in source.lines)
    text = f"def read(v):\n    p, z = {start:d}, len(v)\n{body}\n    return {name}"
    names = {
        "long": _long,
        "of_eight": _of_eight,
        "eight_at": struct.Struct("<Q").unpack_from,
        "EPOCH": EPOCH,
        "UTC": UTC,
        "at": datetime.fromtimestamp,
        "after": timedelta,
        "float_at": struct.Struct("<f").unpack_from,
        "double_at": struct.Struct("<d").unpack_from,
    }
    # Of the schema there are only the names of fields in it, as literals.
    exec(compile(text, "<schema>", "exec"), names)  # noqa: S102
    read: Read = names["read"]  # type: ignore[assignment]
    return read


def _long(value: bytes, at: int) -> tuple[int, int]:
    """A number of many bytes from ``at`` on, zigzag as it is, and where it ends."""
    number = shift = 0
    while True:
        byte = value[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < MORE:
            if number > LARGEST:
                raise ValueError("a number of more than 64 bits")
            return number, at
        shift += 7


def _of_eight(word: int) -> int:
    """A number of eight bytes: its seven bits of each, side by side."""
    word &= 0x7F7F7F7F7F7F7F7F
    word = (word & 0x007F007F007F007F) | ((word & 0x7F007F007F007F00) >> 1)
    word = (word & 0x00003FFF00003FFF) | ((word & 0x3FFF00003FFF0000) >> 2)
    return (word & 0x000000000FFFFFFF) | ((word & 0x0FFFFFFF00000000) >> 4)


class _Source:
    """The lines of a function: ``v`` is the value, ``z`` its end, ``p`` where it stands."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._indent = ""
        self._count = 0

    def value(self, schema: Any, named: Mapping[str, Any]) -> str:
        """Write what reads a value; the name of the variable that has it then."""
        kind = schema["type"] if isinstance(schema, Mapping) else schema
        logical = schema.get("logicalType") if isinstance(schema, Mapping) else None
        if logical not in (None, "timestamp-micros"):
            raise _UnknownTypeError(logical)
        name = self._new_name()
        match kind:
            case list():
                self._union(name, kind, named)
            case "string":
                self._length()
                self._lines(f"{name} = v[p:n].decode()", "p = n")
            case "bytes":
                self._length()
                self._lines(f"{name} = v[p:n]", "p = n")
            case "int" | "long":
                self._number(likely_bytes=8 if logical else 1)
                plain = "(n >> 1) ^ -(n & 1)"
                self._lines(f"{name} = {plain}")
                if logical:
                    self._lines(
                        f"if 0 <= {name} < {EXACT_UNTIL}: {name} = at({name} / 1e6, UTC)",
                        f"else: {name} = EPOCH + after(0, 0, {name})",
                    )
            case "boolean":
                self._lines(f"{name} = v[p] != 0", "p += 1")
            case "float" | "double":
                self._lines(f"{name} = {kind}_at(v, p)[0]", f"p += {BYTES_OF[kind]}")
            case "record":
                self._record(name, schema, named)
            case "array" | "map":
                self._block(name, schema, named)
            case str() if kind in named and len(named) < DEEPEST:
                return self.value(named[kind], named)
            case _:
                raise _UnknownTypeError(kind)
        return name

    def _record(self, name: str, schema: Mapping[str, Any], named: Mapping[str, Any]) -> None:
        if len(named) >= DEEPEST or schema["name"] in named:
            raise _UnknownTypeError(schema["name"])
        parts = []
        for field in schema["fields"]:
            parts.append(f"{field['name']!r}: {self.value(field['type'], named)}")
            named = {**named, **_records_in(field["type"])}
        self._lines(f"{name} = {{{', '.join(parts)}}}")

    def _union(self, name: str, branches: list[Any], named: Mapping[str, Any]) -> None:
        self._number()
        for number, branch in enumerate(branches):
            self._lines(f"{'elif' if number else 'if'} n == {2 * number}:")
            with self._deeper():
                found = "None" if branch == "null" else self.value(branch, named)
                self._lines(f"{name} = {found}")
        self._lines("else: raise ValueError")

    def _block(self, name: str, schema: Mapping[str, Any], named: Mapping[str, Any]) -> None:
        is_map = schema["type"] == "map"
        count = self._new_name()
        self._lines(f"{name} = {'{}' if is_map else '[]'}", "while True:")
        with self._deeper():
            self._number()
            # A count below zero has the block's length in bytes behind it.
            self._lines(f"{count} = (n >> 1) ^ -(n & 1)", f"if not {count}: break")
            self._lines(f"if {count} < 0: {count} = -{count}; n, p = long(v, p)")
            self._lines(f"for _ in range({count}):")
            with self._deeper():
                key = self.value("string", named) if is_map else ""
                item = self.value(schema["values" if is_map else "items"], named)
                self._lines(f"{name}[{key}] = {item}" if is_map else f"{name}.append({item})")

    def _number(self, *, likely_bytes: int = 1) -> None:
        if likely_bytes == 1:
            self._lines("n = v[p]; p += 1", "if n > 127: n, p = long(v, p - 1)")
            return
        self._lines(
            "n = eight_at(v, p)[0] if p + 8 <= z else 0",
            f"if n & {MORE_BITS} == {MORE_BITS >> 8}: n = of_eight(n); p += 8",
            "else: n, p = long(v, p)",
        )

    def _length(self) -> None:
        """Where a string ends, in ``n``; beyond the value's end the next byte is an error."""
        self._number()
        self._lines("if n & 1: raise ValueError", "n = p + (n >> 1)")

    def _lines(self, *lines: str) -> None:
        self.lines += [self._indent + line for line in lines]

    def _new_name(self) -> str:
        self._count += 1
        return f"x{self._count}"

    def _deeper(self) -> _Deeper:
        return _Deeper(self)

    def indent(self, by: int) -> None:
        """Let the lines that follow stand deeper, or less deep."""
        self._indent = " " * (len(self._indent) + by)


class _Deeper:
    """The lines of a block."""

    def __init__(self, source: _Source) -> None:
        self._source = source

    def __enter__(self) -> None:
        self._source.indent(4)

    def __exit__(self, *_exception: object) -> None:
        self._source.indent(-4)


def _records_in(schema: Any) -> Mapping[str, Any]:
    """Records that a field's type defines: later fields may only name them."""
    match schema:
        case list():
            return {name: each for part in schema for name, each in _records_in(part).items()}
        case {"type": "record", "name": str(name)}:
            return {name: schema}
        case {"type": "array", "items": inner} | {"type": "map", "values": inner}:
            return _records_in(inner)
    return {}
