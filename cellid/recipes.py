"""Recipes: presets, TOML files and dotted overrides become one set of settings."""

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar, get_args

import tomli_w
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from cellid.config import ClassifierRecipe, DetectorRecipe, InstanceRecipe, Recipe
from cellid.config.tables import flatten, map_values, merge, nest, none_to_word, word_to_none
from cellid.errors import CellidError

AnyRecipe: TypeAlias = Recipe | ClassifierRecipe | DetectorRecipe | InstanceRecipe

PRESETS = ("fast", "thesis", "study")
"""Of nuclei and other objects: labelled, found by a U-Net."""

_KINDS: Mapping[str, type[AnyRecipe]] = MappingProxyType(
    {
        **dict.fromkeys(PRESETS, Recipe),
        "adhesion-classifier": ClassifierRecipe,
        "adhesion-detector": DetectorRecipe,
        **dict.fromkeys(("cell-instances", "cell-instances-transfer"), InstanceRecipe),
    }
)
ALL_PRESETS = tuple(_KINDS)

_Kind = TypeVar("_Kind", bound=BaseModel)


def load_recipe(
    preset: str | None = None, file: Path | None = None, overrides: Iterable[str] = ()
) -> Recipe:
    """Return the recipe in force for finding nuclei, as `load_any_recipe`.

    Raises
    ------
    CellidError
        As there; and if the preset is not among `PRESETS`.
    """
    recipe = load_any_recipe(preset, file, overrides)
    if not isinstance(recipe, Recipe):
        raise CellidError(
            f"preset {recipe.preset!r}",
            expected=" or ".join(PRESETS),
            got="the preset of another task",
            remedy="choose one of them here; `cellid train` takes the others too",
        )
    return recipe


def load_any_recipe(
    preset: str | None = None, file: Path | None = None, overrides: Iterable[str] = ()
) -> AnyRecipe:
    """Return the recipe in force: preset, then file, then overrides, the later winning.

    Parameters
    ----------
    preset : str or None
        One of `ALL_PRESETS`; none takes the one the file names, else ``"fast"``.
    file : Path or None
        A TOML recipe; it may hold any part of the settings, ``"none"`` as below.
    overrides : iterable of str
        ``"train.epochs=400"``: a dotted key that must exist, and a TOML value; ``none``
        unsets a setting that may be unset. One that names another choice, such as
        ``"train.loss.name=dice"``, drops what preset and file say of the former.

    Returns
    -------
    Recipe, ClassifierRecipe, DetectorRecipe or InstanceRecipe
        As the preset has it.

    Raises
    ------
    CellidError
        For an unreadable file, an unknown setting (the nearest right one is named) or a
        value of the wrong kind.
    """
    from_file = read_toml(file) if file else {}
    name = preset or str(from_file.get("preset", "fast"))
    if name not in _KINDS:
        raise CellidError(
            f"preset {name!r}",
            expected=" or ".join(ALL_PRESETS),
            got=repr(name),
            remedy="choose one of them; change single settings with --set",
        )
    packaged = resources.files("cellid") / "presets" / f"{name}.toml"
    kind = _KINDS[name]
    values = kind().model_dump()
    merge(values, tomllib.loads(packaged.read_text(encoding="utf-8")))
    merge(values, from_file)
    values["preset"] = name
    merge(values, _parse_overrides(overrides, kind))
    return parse_settings(kind, values, subject=str(file or "settings"))


def override_settings(kind: type[_Kind], overrides: Iterable[str]) -> _Kind:
    """Return the default settings of ``kind`` with overrides as in `load_recipe`."""
    values = kind().model_dump()
    merge(values, _parse_overrides(overrides, kind))
    return parse_settings(kind, values, subject="--set")


def change_settings(recipe: Recipe, changes: Mapping[str, Any], subject: str) -> Recipe:
    """Return a recipe with some settings changed.

    Parameters
    ----------
    recipe : Recipe
    changes : mapping
        Values by dotted name, or in nested tables; ``"none"`` unsets. A table of another name,
        such as ``{"train.loss": {"name": "dice"}}``, takes the place of the former.
    subject : str
        The file or argument that they came from, for the error.

    Raises
    ------
    CellidError
        For an unknown setting or a value of the wrong kind.
    """
    values = recipe.model_dump()
    for key, value in changes.items():
        merge(values, map_values(nest(key, value), word_to_none))
    return parse_settings(Recipe, values, subject)


def flatten_settings(settings: BaseModel) -> dict[str, Any]:
    """Return the values of all settings by dotted name, as JSON holds them."""
    return dict(flatten(settings.model_dump(mode="json")))


def describe_settings(settings: BaseModel, prefix: str = "") -> str:
    """Return a line a setting: its dotted name, value and meaning.

    Where settings are chosen by name, a line lists the names; then come those of the chosen.
    """
    lines = []
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            if choices := _choices(field):
                lines.append(f"# {prefix}{name}: {field.description}; name is {', '.join(choices)}")
            lines.append(describe_settings(value, f"{prefix}{name}."))
        else:
            shown = "none" if value is None else value
            lines.append(f"{prefix}{name} = {shown}  # {field.description}")
    return "\n".join(lines)


def parse_settings(kind: type[_Kind], values: Mapping[str, Any], subject: str) -> _Kind:
    """Return ``kind`` filled with ``values``, or an error that names the first wrong key.

    Parameters
    ----------
    kind : type of Settings
        The settings to fill.
    values : mapping
        As read from TOML or JSON.
    subject : str
        The file or argument that the values came from, for the error.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key, choice = _locate(kind, first["loc"])
        if first["type"] == "extra_forbidden":
            if choice:
                raise _not_of_choice(choice, key, subject) from None
            raise _unknown_setting(kind, key, subject) from None
        if first["type"] == "union_tag_invalid":
            raise CellidError(
                f"setting {key}.name ({subject})",
                expected=f"one of {first['ctx']['expected_tags']}",
                got=repr(first["ctx"]["tag"]),
                remedy="choose one of them",
            ) from None
        raise CellidError(
            f"setting {key} ({subject})" if key else subject,
            expected=first["msg"].removeprefix("Value error, "),
            got=repr(first.get("input")),
            remedy=f"correct {key or 'what it says'}",
        ) from None


def write_recipe(recipe: AnyRecipe) -> str:
    """Return the recipe as TOML text that `load_recipe` reads back to the same settings."""
    return tomli_w.dumps(map_values(recipe.model_dump(mode="json"), none_to_word))


def setting_names(kind: type[BaseModel], prefix: str = "") -> list[str]:
    """Return the dotted names of all settings of ``kind``.

    Where settings are chosen by name: that of the choice as a whole, and of all its choices.
    """
    names = []
    for name, field in kind.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            names += setting_names(inner, f"{prefix}{name}.")
        else:
            names.append(prefix + name)
            for choice in _choices(field).values():
                names += setting_names(choice, f"{prefix}{name}.")
    return list(dict.fromkeys(names))


def _choices(field: FieldInfo) -> dict[str, type[BaseModel]]:
    """Return the settings that a field chooses from, by name; none for other fields."""
    if field.discriminator is None:
        return {}
    return {kind.model_fields["name"].default: kind for kind in get_args(field.annotation)}


def _locate(
    kind: type[BaseModel], place: tuple[int | str, ...]
) -> tuple[str, type[BaseModel] | None]:
    """Return the dotted key of a pydantic place, and the choice that it lies in, if any."""
    parts: list[str] = []
    inside: type[BaseModel] | None = kind
    choices: dict[str, type[BaseModel]] = {}
    choice = None
    for part in map(str, place):
        if part in choices:  # pydantic says which; a key does not
            inside = choice = choices[part]
            choices = {}
            continue
        parts.append(part)
        field = inside.model_fields.get(part) if inside else None
        choices = _choices(field) if field else {}
        inner = field.annotation if field else None
        inside = inner if isinstance(inner, type) and issubclass(inner, BaseModel) else None
    return ".".join(parts), choice


def _unknown_setting(kind: type[BaseModel], key: str, subject: str) -> CellidError:
    known = setting_names(kind)
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.0)
    return CellidError(
        f"setting {key} ({subject})",
        expected="a setting that exists",
        got=f"{key!r}, which does not",
        remedy=f"did you mean {near[0]}?"
        + " `cellid settings` lists all" * (kind in _KINDS.values()),
    )


def _not_of_choice(choice: type[BaseModel], key: str, subject: str) -> CellidError:
    table = key.rpartition(".")[0]
    chosen = choice.model_fields["name"].default
    own = [name for name in choice.model_fields if name != "name"]
    return CellidError(
        f"setting {key} ({subject})",
        expected=f"a setting of {table}.name={chosen}: {', '.join(own)}",
        got=f"{key!r}, which it has not",
        remedy=f"leave it out, or choose another {table}.name",
    )


def read_toml(file: Path) -> dict[str, Any]:
    """Return what a TOML file says; the word ``"none"`` stands for None.

    Raises
    ------
    CellidError
        If it cannot be read.
    """
    try:
        return map_values(tomllib.loads(file.read_text(encoding="utf-8")), word_to_none)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CellidError(
            file,
            expected="a readable TOML file",
            got=str(error),
            remedy="check the path and the line named",
        ) from None


def _parse_overrides(texts: Iterable[str], kind: type[BaseModel]) -> dict[str, Any]:
    """Return all overrides as one nested table, so that their order does not matter."""
    values: dict[str, Any] = {}
    for text in texts:
        merge(values, _parse_override(text, kind))
    return values


def _parse_override(text: str, kind: type[BaseModel]) -> dict[str, Any]:
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals or not key:
        raise CellidError(
            f"--set {text}",
            expected="KEY=VALUE, such as train.epochs=400",
            got=repr(text),
            remedy="write the dotted name of a setting, = and its value",
        )
    if key not in setting_names(kind):
        raise _unknown_setting(kind, key, "--set")
    parsed: Any
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value.strip()  # an unquoted word, as one types it in a shell
    return nest(key, word_to_none(parsed))
