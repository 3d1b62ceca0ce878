import secrets
import stat
from pathlib import Path

import pytest

from billfold.keyring.device_token import DeviceToken, default_token_directory


@pytest.fixture
def wallet(tmp_path: Path) -> Path:
    made = tmp_path / "wallet"
    made.mkdir()
    return made


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    return tmp_path / "tokens"


def opened(wallet: Path, tokens: Path) -> DeviceToken:
    return DeviceToken(wallet, token_directory=tokens)


def test_a_device_knows_itself_after_a_restart(wallet: Path, tokens: Path) -> None:
    token = opened(wallet, tokens)
    kept = token.renew(secrets.token_bytes, current_hash=None)
    assert opened(wallet, tokens).matches(kept)
    token.settle()
    assert opened(wallet, tokens).matches(kept)
    assert len(kept) == 32


def test_a_device_without_a_token_matches_nothing(wallet: Path, tokens: Path) -> None:
    token = opened(wallet, tokens)
    assert not token.matches(bytes(32))
    assert not token.matches(b"")
    token.settle()
    assert not tokens.exists()


def test_the_database_never_holds_the_token(wallet: Path, tokens: Path) -> None:
    kept = opened(wallet, tokens).renew(secrets.token_bytes, current_hash=None)
    (path,) = tokens.glob("*.token")
    assert len(path.read_bytes()) == 16
    assert path.read_bytes() not in kept
    assert not opened(wallet, tokens).matches(path.read_bytes())


def test_a_copy_at_another_place_does_not_match(wallet: Path, tokens: Path) -> None:
    kept = opened(wallet, tokens).renew(secrets.token_bytes, current_hash=None)
    assert not opened(wallet.with_name("copy"), tokens).matches(kept)
    (wallet.parent / "link").symlink_to(wallet)
    assert opened(wallet.parent / "link", tokens).matches(kept)


def test_a_database_from_an_earlier_day_does_not_match(wallet: Path, tokens: Path) -> None:
    token = opened(wallet, tokens)
    monday = token.renew(secrets.token_bytes, current_hash=None)
    token.settle()
    tuesday = token.renew(secrets.token_bytes, current_hash=monday)
    token.settle()
    assert not opened(wallet, tokens).matches(monday)
    assert opened(wallet, tokens).matches(tuesday)


def test_a_crash_at_any_step_of_renewing_leaves_a_match(wallet: Path, tokens: Path) -> None:
    token = opened(wallet, tokens)
    committed = token.renew(secrets.token_bytes, current_hash=None)
    for _ in range(3):
        # Killed before the database had the new hash.
        opened(wallet, tokens).renew(secrets.token_bytes, current_hash=committed)
        assert opened(wallet, tokens).matches(committed)
    for _ in range(3):
        # Killed after the database had it, before the old token was forgotten.
        committed = opened(wallet, tokens).renew(secrets.token_bytes, current_hash=committed)
        assert opened(wallet, tokens).matches(committed)
    opened(wallet, tokens).settle()
    assert opened(wallet, tokens).matches(committed)


def test_a_new_feed_ends_the_match_of_the_old_database(wallet: Path, tokens: Path) -> None:
    token = opened(wallet, tokens)
    old = token.renew(secrets.token_bytes, current_hash=None)
    new = token.renew(secrets.token_bytes, current_hash=None)
    assert not token.matches(old)
    assert token.matches(new)


@pytest.mark.parametrize("content", [b"", b"x" * 15, b"x" * 17, b"x" * 32, b"x" * 5000])
def test_a_spoiled_token_is_a_missing_one(wallet: Path, tokens: Path, content: bytes) -> None:
    token = opened(wallet, tokens)
    kept = token.renew(secrets.token_bytes, current_hash=None)
    (path,) = tokens.glob("*.token")
    path.write_bytes(content)
    assert not token.matches(kept)
    renewed = token.renew(secrets.token_bytes, current_hash=kept)
    assert token.matches(renewed)


def test_tokens_are_private_and_marked_to_be_left_out_of_backups(
    wallet: Path, tokens: Path
) -> None:
    opened(wallet, tokens).renew(secrets.token_bytes, current_hash=None)
    assert stat.S_IMODE(tokens.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in tokens.iterdir()} == {0o600}
    assert (tokens / "CACHEDIR.TAG").read_bytes().startswith(b"Signature: 8a477f597d28d172789f")
    assert list(wallet.iterdir()) == []


def test_the_default_place_follows_the_users_state_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert default_token_directory() == tmp_path / "state" / "billfold" / "device-tokens"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert default_token_directory() == tmp_path / ".local" / "state" / "billfold" / "device-tokens"
    monkeypatch.delenv("XDG_STATE_HOME")
    assert default_token_directory() == tmp_path / ".local" / "state" / "billfold" / "device-tokens"
