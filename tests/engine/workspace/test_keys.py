"""The workspace key opens with its passphrase and with nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.errors import DamagedError, PassphraseError
from engine.workspace import keys
from engine.workspace.keys import protect, unlock
from tests.engine.workspace.examples import PASSPHRASE


def test_a_protected_key_is_unlocked_by_its_passphrase() -> None:
    protection, made = protect(PASSPHRASE, workspace_id="ward")
    assert unlock(protection, PASSPHRASE, workspace_id="ward") == made
    assert len(made.database) == len(made.objects) == 32
    assert made.database != made.objects


def test_two_workspaces_of_one_passphrase_share_nothing() -> None:
    first, second = protect(PASSPHRASE, workspace_id="ward"), protect(PASSPHRASE, workspace_id="ward")
    assert first[1] != second[1]
    assert {first[0].salt, first[0].wrapped_key}.isdisjoint({second[0].salt, second[0].wrapped_key})


def test_the_key_of_another_workspace_does_not_fit() -> None:
    protection, _ = protect(PASSPHRASE, workspace_id="ward")
    with pytest.raises(PassphraseError):
        unlock(protection, PASSPHRASE, workspace_id="court")


def test_keys_are_never_shown() -> None:
    protection, made = protect(PASSPHRASE, workspace_id="ward")
    assert made.database.hex() not in repr(made)
    assert repr(made.database) not in repr(made)
    assert PASSPHRASE not in repr(protection)


def test_a_passphrase_costs_a_guesser_64_mebibytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    protection, _ = protect(PASSPHRASE, workspace_id="ward")
    assert (protection.derivation, protection.passes, protection.memory_kib, protection.lanes) == (
        "argon2id",
        3,
        65536,
        4,
    )
    assert (keys.PASSES, keys.MEMORY_KIB, keys.LANES) == (3, 65536, 4)


@pytest.mark.parametrize(
    "tampered",
    [{"passes": 0}, {"memory_kib": 1 << 40}, {"lanes": 9999}, {"derivation": "none"}, {"salt": "AA=="}, {"salt": "?"}],
)
def test_a_tampered_protection_is_told(tampered: dict[str, object]) -> None:
    protection, _ = protect(PASSPHRASE, workspace_id="ward")
    with pytest.raises(DamagedError):
        unlock(replace(protection, **tampered), PASSPHRASE, workspace_id="ward")
