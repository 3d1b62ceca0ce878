from collections.abc import Callable, Sequence

import pytest

from billfold.document import FieldEdit, base_merge_kinds, random_record_id
from billfold.founding import HERE_KEY, NewReplica
from billfold.intents import encode_intents, parse_intents
from billfold.replica import Replica
from billfold.restoring import check_token, renew_token
from billfold.store import MemoryStore, Write
from billfold_protocol.errors import StoreDamaged, StoreError
from tests.support.device_tokens import MemoryToken
from tests.support.seeded_bytes import SeededBytes

NOW_MS = 1_700_000_000_000
RECORD = random_record_id(b"r" * 16)


class UnsettledToken(MemoryToken):
    """Another's token, where the process is killed before the old token is forgotten."""

    def __init__(self, shared: MemoryToken) -> None:
        super().__init__()
        self._shared = shared

    def matches(self, expected_hash: bytes) -> bool:
        return self._shared.matches(expected_hash)

    def renew(self, random: Callable[[int], bytes], *, current_hash: bytes | None) -> bytes:
        return self._shared.renew(random, current_hash=current_hash)

    def settle(self) -> None:
        raise StoreError("killed")


class FailingStore(MemoryStore):
    """A store whose commits fail."""

    def commit(self, writes: Sequence[Write]) -> None:
        raise StoreError(f"killed before {len(writes)} writes")


def founded() -> MemoryStore:
    store = MemoryStore()
    store.commit(NewReplica.create(SeededBytes("device"), now_ms=NOW_MS).writes())
    return store


def opened(store: MemoryStore) -> Replica:
    return Replica(
        store,
        now_ms=lambda: NOW_MS,
        random=SeededBytes("replica"),
        merge_kinds=base_merge_kinds,
    )


def failing(store: MemoryStore) -> MemoryStore:
    copy = FailingStore()
    copy.__dict__.update(store.__dict__)
    return copy


def test_a_store_goes_on_where_its_token_is() -> None:
    store, token, random = founded(), MemoryToken(), SeededBytes("tokens")
    feed = opened(store).core.feed
    for _ in range(3):
        assert not check_token(store, token, random)
        assert opened(store).core.feed == feed
        assert len(token.tokens) == 1


def test_every_store_but_the_last_is_a_restored_copy() -> None:
    store, token, random = founded(), MemoryToken(), SeededBytes("tokens")
    check_token(store, token, random)
    in_session = store.copied()
    renew_token(store, token, random, current=store.load().meta[HERE_KEY])
    closed = store.copied()
    assert not check_token(store, token, random)
    feed = opened(store).core.feed
    for copy in (in_session, closed):
        here = token.copied()
        assert check_token(copy, here, random)
        assert opened(copy).core.feed != feed
        # From then on it is this device's own.
        assert not check_token(copy, here, random)


def test_a_copy_taken_while_the_wallet_was_open_matches_until_it_is_closed() -> None:
    store, token, random = founded(), MemoryToken(), SeededBytes("tokens")
    check_token(store, token, random)
    assert not check_token(store.copied(), token.copied(), random)


def test_being_killed_at_any_step_of_opening_makes_no_copy_of_a_device() -> None:
    store, token, random = founded(), MemoryToken(), SeededBytes("tokens")
    check_token(store, token, random)
    feed = opened(store).core.feed
    for _ in range(3):
        with pytest.raises(StoreError, match="killed"):
            check_token(failing(store), token, random)
        assert not check_token(store.copied(), token.copied(), random)
        with pytest.raises(StoreError, match="killed"):
            check_token(store, UnsettledToken(token), random)
        assert not check_token(store.copied(), token.copied(), random)
    assert opened(store).core.feed == feed


def test_being_killed_at_any_step_of_closing_makes_no_copy_of_a_device() -> None:
    store, token, random = founded(), MemoryToken(), SeededBytes("tokens")
    check_token(store, token, random)
    current = store.load().meta[HERE_KEY]
    with pytest.raises(StoreError, match="killed"):
        renew_token(failing(store), token, random, current=current)
    assert not check_token(store.copied(), token.copied(), random)
    with pytest.raises(StoreError, match="killed"):
        renew_token(store, UnsettledToken(token), random, current=current)
    assert not check_token(store, token, random)


def test_being_killed_while_a_copy_is_opened_restores_it_again() -> None:
    store, token, random = founded(), MemoryToken(), SeededBytes("tokens")
    check_token(store, token, random)
    feed = opened(store).core.feed
    elsewhere = MemoryToken()
    with pytest.raises(StoreError, match="killed"):
        check_token(failing(store), elsewhere, random)
    assert opened(store).core.feed == feed
    with pytest.raises(StoreError, match="killed"):
        check_token(store, UnsettledToken(elsewhere), random)
    restored = opened(store).core.feed
    assert restored != feed
    assert not check_token(store, elsewhere, random)
    assert opened(store).core.feed == restored


def test_what_waits_is_made_anew_in_the_new_feed() -> None:
    store, token, random = founded(), MemoryToken(), SeededBytes("tokens")
    check_token(store, token, random)
    replica = opened(store)
    for number in range(3):
        assert replica.edit([FieldEdit(RECORD, "user", f"ada {number}")]) is not None
    replica.prepare(room=None)
    store.commit(replica.journal.take_writes())
    check_token(store, MemoryToken(), random)
    restored = opened(store)
    field = restored.document.field(RECORD, "user")
    assert field is not None
    assert field.value == "ada 2"
    assert {value.actor for value in field.values} == {restored.core.feed}
    assert restored.pending_count == 3
    # It is not durable yet; the next opening makes it anew again.
    again = opened(store)
    assert again.pending_count == 3
    assert again.journal.writes
    store.commit(restored.journal.take_writes())
    kept = opened(store)
    assert kept.state_hash() == restored.state_hash()
    assert not kept.journal.writes


@pytest.mark.parametrize("data", [b"", b"{}", b"[[1]]", b'[["FieldEdit","a"]]', b"[5]", b'"x"'])
def test_spoiled_intents_are_a_damaged_store(data: bytes) -> None:
    with pytest.raises(StoreDamaged):
        parse_intents(data)


def test_intents_read_back_as_they_were() -> None:
    edits = [FieldEdit(RECORD, "a", value) for value in ("x", 1, 2.5, True, None, b"\x00\xff")]
    assert list(parse_intents(encode_intents(edits)).edits) == edits
    again = parse_intents(encode_intents(edits, b"h" * 32))
    assert (list(again.edits), again.origin) == (edits, b"h" * 32)
