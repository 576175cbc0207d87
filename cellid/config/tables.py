"""Nested tables of settings: merged, flattened, and with a word for none."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any


def nest(key: str, value: Any) -> dict[str, Any]:
    """Return a value under a dotted key as nested tables."""
    name, dot, rest = key.partition(".")
    return {name: nest(rest, value) if dot else value}


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of nested tables by dotted key."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def none_to_word(value: Any) -> Any:
    """Return the word that `word_to_none` knows for None."""
    return "none" if value is None else value


def word_to_none(value: Any) -> Any:
    """Return None for the word that stands for it, as TOML has no null."""
    return None if value == "none" else value


def map_values(values: Mapping[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
    """Return nested tables with every value changed."""
    return {
        key: map_values(value, change) if isinstance(value, Mapping) else change(value)
        for key, value in values.items()
    }


def merge(into: dict[str, Any], other: Mapping[str, Any]) -> None:
    """Write ``other`` over ``into``; a table of another ``name`` takes the place of the former."""
    for key, value in other.items():
        if (
            isinstance(value, Mapping)
            and isinstance(into.get(key), dict)
            and ("name" not in value or value["name"] == into[key].get("name", value["name"]))
        ):
            merge(into[key], value)
        else:
            into[key] = dict(value) if isinstance(value, Mapping) else value
