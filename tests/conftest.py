"""Fixtures for every room: a library of tiny models, the real one, a workspace and a session."""

from __future__ import annotations

import os

os.environ["QT_QPA_PLATFORM"] = "offscreen"  # before any test module imports Qt or a model library
from engine.offline import OFFLINE_FLAGS

os.environ.update(OFFLINE_FLAGS)

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.device import Device
from engine.models.library import ModelLibrary
from engine.offline import network_is_open
from engine.session import Session
from engine.workspace.workspace import Workspace
from tests.tiny_models import make_tiny_models

REPOSITORY = Path(__file__).resolve().parents[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long comes first: of the two processes of `make test` none is left with it alone at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(autouse=True)
def _network_stays_open() -> Iterator[None]:
    """The filter of the kernel can't be taken off again: in the tests' own process it would fail those that serve."""
    before = network_is_open()
    yield
    assert network_is_open() or not before, "This test closed the network of the tests' own process."


@pytest.fixture(autouse=True, scope="session")
def _own_data_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test sees or changes the data, settings and caches of the person who runs it."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "HF_HOME"):
            patch.setenv(variable, str(home / variable.lower()))
        patch.delenv("VADEMECUM_PASSPHRASE", raising=False)
        patch.setattr("engine.machine_settings.settings_path", lambda: home / "settings.toml")
        yield


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundled folder of two-layer models under the names of the real ones, with the real tokenizers."""
    folder = tmp_path_factory.mktemp("tiny") / "models"
    make_tiny_models(ModelLibrary.default(), folder)
    return folder


@pytest.fixture
def tiny_library(tiny_models: Path, tmp_path: Path) -> ModelLibrary:
    """The tiny models as a library; what a test imports into it is the test's own."""
    return ModelLibrary(tiny_models, tmp_path / "imported-models")


@pytest.fixture
def library(tmp_path: Path) -> ModelLibrary:
    """The real bundled models; what a test imports into the library is the test's own."""
    return ModelLibrary(ModelLibrary.default().bundled, tmp_path / "imported-models")


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """An empty workspace without a passphrase."""
    with Workspace.create(tmp_path / "w") as workspace:
        yield workspace


@pytest.fixture
def session(workspace: Workspace, tiny_library: ModelLibrary) -> Session:
    """The empty workspace with the tiny models on the CPU."""
    return Session(workspace=workspace, library=tiny_library, device=Device.detect("cpu"))
