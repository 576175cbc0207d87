"""Recipes: presets, files, overrides, and the invariants of every setting."""

import types
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from cellid import config
from cellid.config import (
    BinaryFocalSettings,
    ClassifierRecipe,
    CombinedSettings,
    DiceSettings,
    FocalSettings,
    FocalTverskySettings,
    LossSettings,
    Recipe,
    Settings,
    SimulateSettings,
    SplitSettings,
)
from cellid.errors import CellidError
from cellid.recipes import (
    PRESETS,
    describe_settings,
    load_any_recipe,
    load_recipe,
    override_settings,
    setting_names,
    write_recipe,
)

SETTINGS_CLASSES = [
    kind
    for kind in vars(config).values()
    if isinstance(kind, type) and issubclass(kind, Settings) and kind is not Settings
]


def leaves(kind: type[BaseModel]) -> Iterator[tuple[str, typing.Any]]:
    for name, field in kind.model_fields.items():
        inner = field.annotation
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            yield name, field


@pytest.mark.parametrize("kind", SETTINGS_CLASSES)
def test_every_setting_is_described_and_may_be_left_out(kind: type[Settings]) -> None:
    for name, field in leaves(kind):
        assert field.description, name
        assert not field.is_required(), name
    assert kind.__doc__


@pytest.mark.parametrize("kind", SETTINGS_CLASSES)
def test_a_setting_that_may_be_none_is_none_by_default(kind: type[Settings]) -> None:
    for name, field in leaves(kind):
        if isinstance(field.annotation, types.UnionType) and type(None) in typing.get_args(
            field.annotation
        ):
            assert field.default is None, name


@pytest.mark.parametrize("kind", SETTINGS_CLASSES)
def test_settings_do_not_change_and_know_their_keys(kind: type[Settings]) -> None:
    settings = kind()
    with pytest.raises(ValidationError):
        setattr(settings, next(iter(kind.model_fields)), 1)
    with pytest.raises(ValidationError):
        kind(no_such_setting=1)


def test_the_thesis_preset_is_the_thesis() -> None:
    recipe = load_recipe("thesis")
    assert recipe.labels.method == "reference"
    assert recipe.labels.clahe.model_dump() == {"block_px": 127, "bins": 256, "slope": 3.0}
    assert (recipe.crops.size, recipe.crops.layout) == (512, "fixed")
    assert recipe.select.drop_lowest == 0.25
    assert (recipe.split.validation, recipe.split.test) == (0.15, 0.15)
    model = recipe.model
    assert (model.filters, model.depth, model.dropout, model.nucleus_px) == (64, 4, 0.05, None)
    train = recipe.train
    assert (train.epochs, train.patience, train.batch_size, train.window_px) == (3000, 250, 4, 512)
    assert train.learning_rate == 2e-4
    assert train.loss.model_dump() == {"name": "binary_focal", "gamma": 2.0, "alpha": 0.5}
    assert (recipe.predict.threshold, recipe.predict.seed_distance) == (0.5, 0.0)


def test_fast_is_the_preset_where_none_is_named() -> None:
    assert load_recipe() == load_recipe("fast")
    assert load_recipe().model.filters == 16


def test_a_preset_of_another_task_has_settings_of_its_own(tmp_path: Path) -> None:
    recipe = load_any_recipe("adhesion-classifier", overrides=["train.loss.name=focal"])
    assert isinstance(recipe, ClassifierRecipe)
    assert (recipe.patches.size_px, recipe.patches.input_px) == (64, 128)
    assert ClassifierRecipe().patches.network_px == 255
    file = tmp_path / "recipe.toml"
    file.write_text(write_recipe(recipe))
    assert load_any_recipe(file=file) == recipe
    assert load_any_recipe("fast") == load_recipe("fast")
    with pytest.raises(CellidError, match="the preset of another task"):
        load_recipe(file=file)
    with pytest.raises(CellidError, match=r"did you mean patches\.size_px"):
        load_any_recipe("adhesion-classifier", overrides=["patch.size_px=3"])
    for wrong in ("patches.positive=non_focal", "patches.source_pattern=cell_*"):
        with pytest.raises(CellidError, match="setting patches"):
            load_any_recipe("adhesion-classifier", overrides=[wrong])


@pytest.mark.parametrize("preset", PRESETS)
def test_a_recipe_written_and_read_is_the_same(preset: str, tmp_path: Path) -> None:
    recipe = load_recipe(preset, overrides=["train.epochs=7", 'split.test_ids=["A*", "B1"]'])
    file = tmp_path / "recipe.toml"
    file.write_text(write_recipe(recipe), encoding="utf-8")
    assert load_recipe(file=file) == recipe


def test_a_setting_unset_against_its_preset_stays_unset(tmp_path: Path) -> None:
    recipe = load_recipe("fast", overrides=["model.nucleus_px=none"])
    assert recipe.model.nucleus_px is None
    file = tmp_path / "recipe.toml"
    file.write_text(write_recipe(recipe), encoding="utf-8")
    assert load_recipe(file=file) == recipe


def test_the_later_wins(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('preset = "thesis"\n[train]\nepochs = 5\npatience = 3\n')
    recipe = load_recipe(file=file, overrides=["train.epochs=9"])
    assert recipe.preset == "thesis"
    assert (recipe.train.epochs, recipe.train.patience) == (9, 3)
    assert recipe.train.window_px == 512
    assert load_recipe("fast", file).model.filters == 16
    assert load_recipe("fast", file).train.patience == 3
    assert load_recipe("fast", file).train.window_px == 224


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("input.axes=TYX", "TYX"),
        ("input.axes = TYX", "TYX"),
        ("input.axes=none", None),
        ("input.phase_pattern={id}_phase.tif", "{id}_phase.tif"),
        ('input.phase_pattern="{id}=1.tif"', "{id}=1.tif"),
    ],
)
def test_words_need_no_quotes(override: str, value: str | None) -> None:
    name = override.partition("=")[0].strip().partition(".")[2]
    assert getattr(load_recipe(overrides=[override]).input, name) == value


@pytest.mark.parametrize(
    ("overrides", "loss"),
    [
        (["train.loss.gamma=1.5"], BinaryFocalSettings(gamma=1.5)),
        (["train.loss.name=dice"], DiceSettings()),
        (["train.loss.gamma=1.5", "train.loss.name=focal"], FocalSettings(gamma=1.5)),
        (
            ["train.loss={name='combined', weights='overcrowd'}"],
            CombinedSettings(weights="overcrowd"),
        ),
    ],
)
def test_a_loss_is_chosen_by_name(overrides: list[str], loss: LossSettings, tmp_path: Path) -> None:
    recipe = load_recipe(overrides=overrides)
    assert recipe.train.loss == loss
    file = tmp_path / "recipe.toml"
    file.write_text(write_recipe(recipe), encoding="utf-8")
    assert load_recipe(file=file) == recipe


def test_another_loss_takes_nothing_from_the_former(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[train.loss]\nname = "focal_tversky"\ngamma = 3\nalpha = 0.6\n')
    same = load_recipe(file=file, overrides=["train.loss.name=focal_tversky"])
    assert same.train.loss == FocalTverskySettings(gamma=3, alpha=0.6)
    assert load_recipe(file=file, overrides=["train.loss.name=focal"]).train.loss == FocalSettings()


@pytest.mark.parametrize(
    ("override", "subject", "expected"),
    [
        ("train.loss.alpha=0.5", "setting train.loss.alpha ", r"train\.loss\.name=dice: smoothing"),
        ("train.loss.smoothing=0", "setting train.loss.smoothing ", "greater than 0"),
        ("train.loss.name=dyce", "setting train.loss.name ", "'binary_focal', .*'dice', "),
        ("train.loss=dice", "setting train.loss ", "dictionary"),
    ],
)
def test_a_wrong_setting_of_a_loss_says_what_it_has(
    override: str, subject: str, expected: str, tmp_path: Path
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[train.loss]\nname = "dice"\n')
    with pytest.raises(CellidError, match=expected) as caught:
        load_recipe(file=file, overrides=[override])
    assert caught.value.subject.startswith(subject)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("train.loss.gama", "train.loss.gamma"),
        ("train.epoch", "train.epochs"),
        ("epochs", "train.epochs"),
        ("modle.filters", "model.filters"),
        ("labels.clahe.slop", "labels.clahe.slope"),
    ],
)
def test_an_unknown_override_names_the_nearest(wrong: str, right: str) -> None:
    with pytest.raises(CellidError) as caught:
        load_recipe(overrides=[f"{wrong}=3"])
    assert f"did you mean {right}?" in caught.value.remedy
    assert wrong in caught.value.got


@pytest.mark.parametrize(
    ("text", "subject", "remedy"),
    [
        ("[train]\nepoch = 3\n", "setting train.epoch ", "did you mean train.epochs?"),
        ("sed = 3\n", "setting sed ", "did you mean seed?"),
        ('[train]\nepochs = "many"\n', "setting train.epochs ", "correct train.epochs"),
        ("[train]\nepochs = 0\n", "setting train.epochs ", "correct train.epochs"),
        ("train = 3\n", "setting train ", "correct train"),
        ("[split]\ntest_ids = [1]\n", "setting split.test_ids.0 ", "correct split.test_ids.0"),
        ('[labels]\nmethod = "magic"\n', "setting labels.method ", "correct labels.method"),
    ],
)
def test_a_wrong_file_names_key_and_file(
    text: str, subject: str, remedy: str, tmp_path: Path
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(CellidError) as caught:
        load_recipe(file=file)
    assert caught.value.subject.startswith(subject)
    assert str(file) in caught.value.subject
    assert caught.value.remedy.startswith(remedy)


@pytest.mark.parametrize("content", [b"[train\n", b"\xff\xfe"])
def test_what_is_no_toml_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_bytes(content)
    with pytest.raises(CellidError, match="readable TOML"):
        load_recipe(file=file)
    with pytest.raises(CellidError, match="readable TOML"):
        load_recipe(file=tmp_path / "missing.toml")


@pytest.mark.parametrize("override", ["train.epochs", "=3", "train=3", "train.=3"])
def test_an_override_is_a_whole_key_and_a_value(override: str) -> None:
    with pytest.raises(CellidError, match="--set"):
        load_recipe(overrides=[override])


def test_an_unknown_preset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CellidError, match="fast or thesis"):
        load_recipe("slow")
    file = tmp_path / "mine.toml"
    file.write_text('preset = "slow"\n')
    with pytest.raises(CellidError, match="fast or thesis"):
        load_recipe(file=file)


def test_other_settings_take_overrides_too() -> None:
    settings = override_settings(SimulateSettings, ["tiles=1", 'wells=["C3"]'])
    assert (settings.tiles, settings.wells) == (1, ("C3",))
    with pytest.raises(CellidError, match=r"^--set") as caught:
        override_settings(SimulateSettings, ["ring=[0.7, 0.2]"])
    assert "must rise" in caught.value.expected


def test_every_setting_is_told_with_its_meaning() -> None:
    recipe = load_recipe("fast", overrides=["model.nucleus_px=none"])
    lines = describe_settings(recipe).splitlines()
    others = ("", ".nucleus_weight", ".smoothing", ".weights")  # of losses that are not chosen
    told = [line.split(" = ")[0] for line in lines if not line.startswith("#")]
    not_told = [f"train.loss{name}" for name in others]
    assert told == [name for name in setting_names(Recipe) if name not in not_told]
    choices = next(line for line in lines if line.startswith("# train.loss: "))
    assert choices.endswith("dice, tversky, focal_tversky, combined, combined_ft")
    assert "model.nucleus_px = none  # images are rescaled" in "\n".join(lines)
    assert "train.batch_size = 4  # windows a step" in lines
    assert "None" not in "".join(line.rpartition("  # ")[2] for line in lines)


def test_shares_of_the_splits_leave_something_to_train_on() -> None:
    with pytest.raises(ValidationError):
        SplitSettings(validation=0.5, test=0.5)
