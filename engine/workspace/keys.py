"""The keys of a protected workspace: passphrase → Argon2id → key-encryption key → workspace key → sub-keys."""

from __future__ import annotations

import base64
import secrets
import unicodedata
from dataclasses import dataclass, replace

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from engine.errors import DamagedError, PassphraseError

KEY_BYTES = 32
PASSES, MEMORY_KIB, LANES = 3, 65536, 4  # of Argon2id, RFC 9106's second recommendation: 64 MiB, a third of a second
_LARGEST_MEMORY_KIB = 4 << 20  # a tampered workspace.json must not take the machine's memory
_LARGEST_PASSES = 1000
_LARGEST_LANES = 64


@dataclass(frozen=True, slots=True)
class Protection:
    """How the workspace key is protected: everything needed to unwrap it, except the passphrase. Never the key."""

    salt: str  # base64, as the next two
    nonce: str
    wrapped_key: str  # AES-256-GCM under the key-encryption key
    passes: int
    memory_kib: int
    lanes: int
    derivation: str = "argon2id"
    cipher: str = "aes-256-gcm"


@dataclass(frozen=True, slots=True, repr=False)
class WorkspaceKeys:
    """The sub-keys in use. Without repr, so that no log shows them."""

    database: bytes
    objects: bytes


def protect(passphrase: str, *, workspace_id: str) -> tuple[Protection, WorkspaceKeys]:
    """Make a new workspace key and wrap it under `passphrase`. Raises PassphraseError when that is empty."""
    if not passphrase:
        raise PassphraseError(
            "The passphrase is empty.", hint="Choose one, or make the workspace without a passphrase."
        )
    key = secrets.token_bytes(KEY_BYTES)
    salt, nonce = secrets.token_bytes(16), secrets.token_bytes(12)
    empty = Protection(_text(salt), _text(nonce), wrapped_key="", passes=PASSES, memory_kib=MEMORY_KIB, lanes=LANES)
    wrapped = AESGCM(_encryption_key(passphrase, empty)).encrypt(nonce, key, workspace_id.encode())
    return replace(empty, wrapped_key=_text(wrapped)), _sub_keys(key)


def unlock(protection: Protection, passphrase: str | None, *, workspace_id: str) -> WorkspaceKeys:
    """Unwrap the workspace key. Raises PassphraseError when the passphrase is missing or wrong."""
    if not passphrase:
        raise PassphraseError("The workspace is protected by a passphrase.", hint="Enter its passphrase to open it.")
    encryption_key = _encryption_key(passphrase, protection)
    try:
        key = AESGCM(encryption_key).decrypt(
            _bytes(protection.nonce), _bytes(protection.wrapped_key), workspace_id.encode()
        )
    except (InvalidTag, ValueError) as error:
        raise PassphraseError(
            "The passphrase is wrong.",
            hint="Mind capitals and keyboard layout, and try again. Without it nobody can open the workspace.",
        ) from error
    return _sub_keys(key)


def _encryption_key(passphrase: str, protection: Protection) -> bytes:
    sound = (
        protection.derivation == "argon2id"
        and protection.cipher == "aes-256-gcm"
        and 1 <= protection.passes <= _LARGEST_PASSES
        and 1 <= protection.lanes <= _LARGEST_LANES
        and 8 * protection.lanes <= protection.memory_kib <= _LARGEST_MEMORY_KIB
        and len(_bytes(protection.salt)) >= 16
    )
    if not sound:
        raise DamagedError(
            "workspace.json describes a protection that can't be right.", hint="Restore it from a backup."
        )
    return hash_secret_raw(
        unicodedata.normalize("NFC", passphrase).encode(),  # the same letters typed on any system
        _bytes(protection.salt),
        time_cost=protection.passes,
        memory_cost=protection.memory_kib,
        parallelism=protection.lanes,
        hash_len=KEY_BYTES,
        type=Type.ID,
    )


def _sub_keys(key: bytes) -> WorkspaceKeys:
    def derive(purpose: bytes) -> bytes:
        return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=b"vademecum/" + purpose).derive(key)

    return WorkspaceKeys(database=derive(b"database"), objects=derive(b"objects"))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise DamagedError("workspace.json is damaged.", hint="Restore it from a backup.") from error
