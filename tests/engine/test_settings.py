"""Settings: presets, bounds, and the sentence for a value outside them."""

from __future__ import annotations

import pytest

from engine.settings import PRESETS, SettingError, chosen


def test_given_values_replace_the_presets_for_both_models() -> None:
    settings = chosen("quick", epochs=7, batch_size=4, learning_rate=1e-3)
    assert (settings.retriever.epochs, settings.generator.epochs) == (7, 7)
    assert (settings.retriever.batch_size, settings.generator.batch_size) == (4, 4)
    assert settings.retriever.temperature == PRESETS["quick"].retriever.temperature


def test_presets_differ_in_how_long_they_take() -> None:
    epochs = [PRESETS[name].generator.epochs for name in ("quick", "balanced", "thorough")]
    assert epochs == sorted(set(epochs))


@pytest.mark.parametrize(("field", "value"), [("epochs", 0), ("batch_size", 1_000_000), ("learning_rate", 1.0)])
def test_a_value_outside_its_bounds_is_a_sentence_with_the_bounds(field: str, value: float) -> None:
    given = {"epochs": None, "batch_size": None, "learning_rate": None, field: value}
    with pytest.raises(SettingError) as failure:
        chosen("quick", **given)  # type: ignore[arg-type]  # one of the three
    assert "can't be" in failure.value.message
    assert "Choose" in failure.value.hint


def test_an_unknown_preset_names_those_there_are() -> None:
    with pytest.raises(SettingError) as failure:
        chosen("fast", epochs=None, batch_size=None, learning_rate=None)
    assert "quick, balanced, thorough" in failure.value.hint
