from billfold.beacons import own_beacon
from billfold.device import DeviceSecrets
from billfold_protocol import limits
from billfold_protocol.feed import Beacon, Vector
from billfold_protocol.ids import (
    ChainHead,
    EntryId,
    FeedId,
    HolderId,
    MembershipHash,
    ServerKey,
    WalletId,
)
from billfold_protocol.linking import LinkInitiator, LinkResponder, Welcome
from billfold_protocol.membership import Kind, Role
from tests.support.adversaries.stage import pair
from tests.support.seeded_bytes import SeededBytes

WALLET = WalletId(bytes(32))
SEQ_MAX = 2**53


def vector_of(count: int) -> Vector:
    return {
        FeedId(number.to_bytes(16, "big")): (SEQ_MAX - number, EntryId(bytes(32)))
        for number in range(count)
    }


def test_the_largest_welcome_fits_into_a_frame_and_is_read_back() -> None:
    random = SeededBytes("welcome")
    sponsor, phone = DeviceSecrets.generate(random), DeviceSecrets.generate(random)
    secret = random(32)
    initiator = LinkInitiator(
        secret,
        keys=phone.keys,
        signing_key=phone.signing_key,
        unwrapping_key=phone.unwrapping_key,
        random=random,
    )
    responder = LinkResponder(secret, expected_keys_hash=None, random=random)
    hello = responder.hello(initiator.hello("phone", Kind.DEVICE))
    assert hello.kind is Kind.DEVICE
    proposal = responder.propose(
        wallet_id=WALLET,
        sponsor=sponsor.device_id,
        holder=HolderId(bytes(16)),
        role=Role.OWNER,
        session=bytes(16),
    )
    responder.accepted(initiator.accept(proposal)[1])
    beacon = Beacon(
        wallet_id=WALLET,
        device=sponsor.device_id,
        k=limits.CHAIN_LENGTH_MAX - 1,
        head=ChainHead(bytes(16)),
        vector=vector_of(limits.WELCOME_HEADS_COUNT_MAX),
        time_s=SEQ_MAX,
        checkpoint=bytes(512),
    )
    welcome = Welcome(
        wallet_id=WALLET,
        holder=HolderId(bytes(16)),
        address="h" * limits.ADDRESS_SIZE_MAX,
        server_key=ServerKey(bytes(32)),
        k=limits.CHAIN_LENGTH_MAX - 1,
        hash=MembershipHash(bytes(32)),
        beacon=beacon.sign(sponsor.signing_key),
    )
    message = responder.welcome(welcome)
    assert len(message) <= limits.RENDEZVOUS_FRAME_SIZE_MAX
    assert initiator.welcome(message) == welcome


async def test_a_beacon_of_some_heads_names_the_longest_feeds_and_no_checkpoint() -> None:
    stage, laptop, phone = pair("welcome heads")
    for number in range(3):
        phone.write("more", number)
        stage.settle(3.0)
    replica = laptop.replica
    key = replica.core.secrets.keys.signing
    whole = Beacon.verify(own_beacon(replica, checkpoint=bytes(300)), key, replica.wallet_id)
    part = Beacon.verify(
        own_beacon(replica, checkpoint=bytes(300), heads_count_max=1), key, replica.wallet_id
    )
    assert (whole.vector, whole.checkpoint) == (replica.vector_on_server(), bytes(300))
    longest = phone.replica.core.feed
    assert (part.vector, part.checkpoint) == ({longest: replica.vector[longest]}, None)
