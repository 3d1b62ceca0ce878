from billfold.plaintext import Plaintext
from billfold_protocol.ids import MailboxAddress, ServerKey, WalletId
from billfold_protocol.invitation import Invitation
from billfold_protocol.mailbox import (
    Card,
    Question,
    capability_hash,
    check_opening,
    encode_request,
    item_id,
    parse_request,
    sign_opening,
    verify_answer,
)
from billfold_protocol.mailbox_sealing import ChannelKeys, Direction, Party
from tests.vectors.vector_files import Vector, each, expecting


@each("channels", "seed")
def test_everything_about_a_channel_follows_from_its_seed(vector: Vector) -> None:
    with expecting(vector):
        keys = ChannelKeys(bytes.fromhex(vector["seed"]))
        pair, address = keys.party.keys, keys.address
        server_key = ServerKey(bytes.fromhex(vector["server_key"]))
        wallet_id = WalletId(bytes.fromhex(vector["wallet"]))
        shown = capability_hash(address, keys.capability)
        proof = sign_opening(keys.party.signing_key, server_key, wallet_id, shown)
        check_opening(Card.verify(keys.card()), server_key, wallet_id, shown, proof)
        assert pair.signing.hex() == vector["signing_key"]
        assert pair.wrapping.hex() == vector["wrapping_key"]
        assert pair.fingerprint.hex() == vector["fingerprint"]
        assert address.hex() == vector["address"]
        assert keys.capability.hex() == vector["capability"]
        assert shown.hex() == vector["capability_hash"]
        assert keys.about(bytes.fromhex(vector["message"])).hex() == vector["about"]
        assert keys.card().hex() == vector["card"]
        assert proof.hex() == vector["opening"]
        assert item_id(address, bytes.fromhex(vector["item"])).hex() == vector["item_id"]


@each("channels", "uri")
def test_an_invitation_is_read_and_written_alike_or_refused(vector: Vector) -> None:
    with expecting(vector):
        invitation = Invitation.parse(vector["uri"])
        assert invitation.uri() == vector["uri"]
        assert invitation.server == vector["server"]
        assert invitation.server_key.hex() == vector["server_key"]
        assert invitation.signing.hex() == vector["signing_key"]
        assert invitation.capability.hex() == vector["capability"]
        assert invitation.address.hex() == vector["address"]


@each("channels", "card_bytes")
def test_a_card_is_verified_or_refused(vector: Vector) -> None:
    with expecting(vector):
        card = Card.verify(bytes.fromhex(vector["card_bytes"]))
        assert card.signing.hex() == vector["signing_key"]
        assert card.wrapping.hex() == vector["wrapping_key"]
        assert card.address.hex() == vector["address"]


@each("channels", "request")
def test_a_request_is_read_and_written_alike_or_refused(vector: Vector) -> None:
    data = bytes.fromhex(vector["request"])
    with expecting(vector):
        request = parse_request(data)
        assert type(request).__name__ == vector["name"]
        assert encode_request(request) == data


@each("channels", "answer")
def test_an_answer_is_verified_or_refused(vector: Vector) -> None:
    question = Question(
        address=MailboxAddress(bytes.fromhex(vector["address"])),
        body=bytes.fromhex(vector["request_bytes"]),
    )
    with expecting(vector):
        raw, key = bytes.fromhex(vector["answer"]), ServerKey(bytes.fromhex(vector["server_key"]))
        assert type(verify_answer(raw, key, question)).__name__ == vector["name"]


@each("channels", "sealed")
def test_a_message_opens_for_its_channel_or_is_refused(vector: Vector) -> None:
    party = Party(bytes(32), bytes.fromhex(vector["wrapping_seed"]))
    with expecting(vector):
        message = party.unseal(
            bytes.fromhex(vector["sealed"]),
            address=MailboxAddress(bytes.fromhex(vector["address"])),
            direction=Direction[vector["direction"].upper()],
        )
        assert message.id.hex() == vector["message_id"]
        assert message.sender.fingerprint.hex() == vector["sender"]
        assert message.time_s == vector["time"]
        assert message.content.hex() == vector["content"]


@each("channels", "plaintext")
def test_a_content_is_read_or_refused(vector: Vector) -> None:
    with expecting(vector):
        content = Plaintext.parse(vector["plaintext"].encode())
        assert Plaintext.parse(content.encode()) == content
