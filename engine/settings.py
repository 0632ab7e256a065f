"""Settings: each is described once (default, bounds, unit, help); CLI, window and validation read it from here."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from engine.errors import EngineError

Preset = Literal["quick", "balanced", "thorough"]


class SettingError(EngineError):
    """A setting is outside its bounds."""


def _setting(default: float, *, least: float, most: float, unit: str, help: str) -> Any:  # noqa: A002 - the field's own word
    return field(default=default, metadata={"least": least, "most": most, "unit": unit, "help": help})


class Bounded:
    """Checks every field against the bounds it was described with."""

    __slots__ = ()

    def __post_init__(self) -> None:
        for described in fields(self):  # type: ignore[arg-type]  # subclasses are dataclasses
            bounds = described.metadata
            value = getattr(self, described.name)
            if bounds and not bounds["least"] <= value <= bounds["most"]:
                name = described.name.replace("_", " ")
                raise SettingError(
                    f"{name.capitalize()} can't be {value}.",
                    hint=f"Choose {bounds['least']:g} to {bounds['most']:g} {bounds['unit']}.".replace(" .", "."),
                )


@dataclass(frozen=True, slots=True)
class RetrieverSettings(Bounded):
    """How the encoder is fine-tuned."""

    epochs: int = _setting(3, least=1, most=50, unit="passes", help="Passes over the training pairs")
    batch_size: int = _setting(
        48,
        least=2,
        most=512,
        unit="pairs",
        help="Questions per step, fewer where there are few; the others' passages are its negatives",
    )
    learning_rate: float = _setting(1.5e-4, least=1e-7, most=1e-2, unit="", help="Peak learning rate")
    warmup_share: float = _setting(
        0.1, least=0, most=0.9, unit="of the steps", help="Share of the steps in which the learning rate rises"
    )
    temperature: float = _setting(
        0.05,
        least=0.005,
        most=1,
        unit="",
        help="Divides the cosine in the contrastive loss; less where the encoder's cosines lie close together",
    )
    hard_negatives: int = _setting(1, least=0, most=8, unit="passages", help="Mined wrong passages per question")
    negative_margin: float = _setting(
        0.05, least=0, most=0.5, unit="", help="A passage scoring within this share of the gold one is not a negative"
    )
    patience: int = _setting(
        2, least=1, most=50, unit="epochs", help="Epochs without improvement before training stops"
    )


@dataclass(frozen=True, slots=True)
class GeneratorSettings(Bounded):
    """How the generator is fine-tuned."""

    epochs: int = _setting(2, least=1, most=50, unit="passes", help="Passes over the training questions")
    batch_size: int = _setting(8, least=1, most=256, unit="questions", help="Questions per step")
    learning_rate: float = _setting(5e-4, least=1e-7, most=1e-2, unit="", help="Peak learning rate")
    warmup_share: float = _setting(
        0.05, least=0, most=0.9, unit="of the steps", help="Share of the steps in which the learning rate rises"
    )
    distractors: int = _setting(
        2, least=0, most=9, unit="passages", help="Wrong passages, really retrieved, beside the right one"
    )
    alone_share: float = _setting(
        0.85, least=0, most=1, unit="of the questions", help="Share that shows the right passage alone"
    )
    refusals: int = _setting(
        1, least=0, most=8, unit="per question", help="Wrong passages that it learns to tell from those that answer"
    )
    patience: int = _setting(
        2, least=1, most=50, unit="validations", help="Validations without improvement before training stops"
    )
    validations: int = _setting(2, least=1, most=50, unit="per epoch", help="Validations per epoch")


@dataclass(frozen=True, slots=True)
class JointSettings(Bounded):
    """How encoder and generator are fine-tuned together."""

    epochs: int = _setting(1, least=1, most=50, unit="passes", help="Passes over the training questions")
    batch_size: int = _setting(8, least=1, most=256, unit="questions", help="Questions per step")
    learning_rate: float = _setting(5e-5, least=1e-7, most=1e-2, unit="", help="Peak learning rate of all models")
    warmup_share: float = _setting(
        0.1, least=0, most=0.9, unit="of the steps", help="Share of the steps in which the learning rate rises"
    )
    passages: int = _setting(
        4, least=2, most=50, unit="passages", help="Passages each question is read from, one by one"
    )
    over_retrieved: int = _setting(
        8,
        least=2,
        most=200,
        unit="passages",
        help="Passages of the index of the epoch's start, ranked by the encoder of now",
    )
    gold_weight: float = _setting(
        1.0, least=0, most=100, unit="", help="Weight of the supervised terms where the right passage is known"
    )
    patience: int = _setting(
        2, least=1, most=50, unit="validations", help="Validations without improvement before training stops"
    )
    validations: int = _setting(2, least=1, most=50, unit="per epoch", help="Validations per epoch")


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """Everything a training run is told."""

    retriever: RetrieverSettings = RetrieverSettings()
    generator: GeneratorSettings = GeneratorSettings()
    joint: JointSettings = JointSettings()
    tries_encoders: bool = False  # start from the one of the bundled encoders that finds more untuned


PRESETS: dict[Preset, TrainSettings] = {
    "quick": TrainSettings(RetrieverSettings(epochs=2), GeneratorSettings(epochs=1)),
    "balanced": TrainSettings(),
    "thorough": TrainSettings(
        generator=GeneratorSettings(epochs=4), joint=JointSettings(epochs=3), tries_encoders=True
    ),
}


def chosen(preset: str, *, epochs: int | None, batch_size: int | None, learning_rate: float | None) -> TrainSettings:
    """Return the preset's settings with the given ones in their place, for every stage alike."""
    if preset not in PRESETS:
        raise SettingError(f"There is no preset {preset}.", hint=f"Choose {', '.join(PRESETS)}.")
    given = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    settings = PRESETS[preset]
    return replace(
        settings,
        retriever=replace(settings.retriever, **changes),
        generator=replace(settings.generator, **changes),
        joint=replace(settings.joint, **changes),
    )
