from collections.abc import Callable

from billfold_protocol import codec
from billfold_protocol.crypto.signing import SigningKey
from billfold_protocol.envelope import Content, Place, Sealer, open_entry
from billfold_protocol.feed import Dep, Entry, Opening, parse_entry, verify_entry
from billfold_protocol.ids import (
    DeviceId,
    EntryId,
    EpochKey,
    FeedId,
    SigningPublicKey,
    WalletId,
)
from tests.vectors.vector_files import ROOT, Vector, binary, chain_of, each, expecting, load


def replay(draws: list[bytes]) -> Callable[[int], bytes]:
    """Return a source of randomness that gives what a vector lists."""
    remaining = list(draws)

    def draw(size: int) -> bytes:
        drawn = remaining.pop(0)
        assert len(drawn) == size
        return drawn

    return draw


def dep_of(fields: list[object]) -> Dep:
    feed, seq, id_ = fields
    assert isinstance(feed, str)
    assert isinstance(seq, int)
    assert isinstance(id_, str)
    return Dep(FeedId(bytes.fromhex(feed)), seq, EntryId(bytes.fromhex(id_)))


def place_of(vector: Vector) -> Place:
    prev: EntryId | Opening
    if isinstance(vector["prev"], str):
        prev = EntryId(bytes.fromhex(vector["prev"]))
    else:
        device, salt = binary(vector["prev"][:2])
        previous = vector["prev"][2]
        prev = Opening(DeviceId(device), salt, previous and dep_of(previous))
    return Place(
        feed=FeedId(bytes.fromhex(vector["feed"])),
        seq=vector["seq"],
        prev=prev,
        deps=tuple(dep_of(dep) for dep in vector["deps"]),
    )


def content_of(vector: Vector) -> Content:
    return Content(changes=tuple(binary(vector["changes"])), time_ms=vector["time_ms"])


def sealer_of(vector: Vector) -> Sealer:
    seed, device_secret = binary([vector["signing_seed"], vector["device_secret"]])
    return Sealer(SigningKey(seed), device_secret)


def key_of(text: str) -> EpochKey:
    return EpochKey(bytes.fromhex(text))


def parse(vector: Vector, wallet_id: WalletId) -> Entry:
    return parse_entry(bytes.fromhex(vector["entry"]), wallet_id).value


@each("envelope", "plaintext")
def test_content_seals_to_this_entry(vector: Vector) -> None:
    chain = chain_of("envelope", vector)
    made = sealer_of(vector).seal(
        content_of(vector),
        place_of(vector),
        state=chain.state_at(vector["k"]),
        key=key_of(vector["epoch_key"]),
        random=replay(binary(vector["random"])),
    )
    assert made.raw.hex() == vector["entry"]
    assert made.value.body.hex() == vector["body"]
    assert made.value.nonce.hex() == vector["nonce"]
    assert made.value.id.hex() == vector["entry_id"]


@each("envelope", "plaintext")
def test_an_entry_that_was_made_opens_to_its_content(vector: Vector) -> None:
    wallet_id = chain_of("envelope", vector).wallet_id
    signed = parse_entry(bytes.fromhex(vector["entry"]), wallet_id)
    assert signed.value.id.hex() == vector["entry_id"]
    public_key = SigningKey(bytes.fromhex(vector["signing_seed"])).public_key
    verified = verify_entry(signed, wallet_id, public_key)
    assert open_entry(verified, wallet_id, key_of(vector["epoch_key"])) == content_of(vector)


@each("envelope", "resealed")
def test_an_entry_sealed_again_keeps_its_id(vector: Vector) -> None:
    chain = chain_of("envelope", vector)
    entry = parse(vector, chain.wallet_id)
    made = sealer_of(vector).reseal(
        entry,
        old_key=key_of(vector["old_epoch_key"]),
        state=chain.state_at(vector["k"]),
        key=key_of(vector["epoch_key"]),
        random=replay(binary(vector["random"])),
    )
    assert made.raw.hex() == vector["resealed"]
    assert made.value.id == entry.id
    assert entry.id.hex() == vector["entry_id"]
    assert made.value.ciphertext != entry.ciphertext


@each("envelope", "public_key")
def test_an_entry_that_is_wrong_anywhere_is_refused(vector: Vector) -> None:
    wallet_id = WalletId(bytes.fromhex(vector["wallet_id"]))
    public_key = SigningPublicKey(bytes.fromhex(vector["public_key"]))
    with expecting(vector):
        signed = parse_entry(bytes.fromhex(vector["entry"]), wallet_id)
        verified = verify_entry(signed, wallet_id, public_key)
        open_entry(verified, wallet_id, key_of(vector["epoch_key"]))


@each("envelope", "ciphertext_size")
def test_an_entry_has_a_largest_size(vector: Vector) -> None:
    ciphertext = bytes(vector["ciphertext_size"])
    body = b"\x9c" + bytes.fromhex(vector["header"]) + codec.encode(ciphertext)
    with expecting(vector):
        entry = parse_entry(bytes(64) + body, WalletId(bytes(32))).value
        assert entry.ciphertext == ciphertext


@each("envelope", "change_size")
def test_content_that_is_too_large_is_not_sealed(vector: Vector) -> None:
    chain = chain_of("envelope", vector)
    place = Place(feed=FeedId(bytes(16)), seq=1, prev=EntryId(bytes(32)), deps=())
    with expecting(vector):
        Sealer(SigningKey(bytes(32)), bytes(32)).seal(
            Content(changes=(bytes(vector["change_size"]),) * vector["change_count"], time_ms=0),
            place,
            state=chain.state_at(vector["k"]),
            key=key_of(vector["epoch_key"]),
            random=bytes,
        )


def spec_sizes() -> dict[str, list[int]]:
    """Return the least and the most bytes of each part, as 14-change-envelope.md lists them."""
    text = (ROOT / "specs" / "14-change-envelope.md").read_text()
    table = text.split("<!-- sizes -->")[1].split("<!-- end of sizes -->")[0]
    rows = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("| ")]
    return {row[0].strip(): [int(cell) for cell in row[1:3]] for row in rows[1:]}


def test_the_overhead_in_the_spec_is_the_overhead_of_an_entry() -> None:
    sizes = spec_sizes()
    for column, total in enumerate(sizes.pop("**sum**")):
        assert sum(row[column] for row in sizes.values()) == total
    for name, column in (("seal-next", 0), ("seal-large-seq", 1)):
        vector = next(v for v in load("envelope")["vectors"] if v["id"] == name)
        entry = parse(vector, chain_of("envelope", vector).wallet_id)
        padded_size = len(entry.ciphertext) - 16
        overhead = len(vector["entry"]) // 2 - padded_size
        assert padded_size == 256
        assert overhead == sum(row[0] for row in sizes.values()) + 8 * column
        assert overhead <= 256
