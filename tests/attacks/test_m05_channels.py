import base64
from pathlib import Path

import pytest

from billfold.organisation import Organisation
from billfold.organisation.state import Correspondent, Waiting, load_state
from billfold_protocol.errors import BillfoldError
from billfold_protocol.invitation import Invitation
from billfold_protocol.mailbox import Card
from billfold_server.mailboxes import Sender
from tests.support.adversaries.findings import Broken, show
from tests.support.adversaries.mailing import Correspondence

pytestmark = pytest.mark.attack("M05")


def test_no_error_and_no_representation_shows_what_a_channel_rests_on(tmp_path: Path) -> None:
    library = Correspondence("library")
    path = tmp_path / "library.json"
    organisation, state = Organisation(path), load_state(path)
    invitation, card = library.invitation, Card.verify(library.keys.card())
    person = Correspondent(
        server=invitation.server,
        server_key=invitation.server_key,
        card=card,
        capability=invitation.capability,
    )
    waiting = Waiting(correspondent=person.id, content=b"hello secret world", time_s=1)
    shown: list[object] = [
        *(library.keys, library.keys.party, library.organisation, invitation, card, person),
        *(waiting, state, organisation, Sender(address="", capability=invitation.capability)),
        library.read(library.write("hello secret world")),
    ]
    for bad in (invitation.uri()[:-4], invitation.uri() + "x", "x" + invitation.uri()):
        try:
            Invitation.parse(bad)
        except BillfoldError as error:
            shown += [error, error.__cause__]
    secrets = {
        "a seed": library.seed,
        "a capability": invitation.capability,
        "an organisation's seed": state.signing_seed,
        "an organisation's other seed": state.wrapping_seed,
        "a message": b"hello secret world",
    }
    for item in shown:
        haystack = repr(item) + str(item)
        for what, secret in secrets.items():
            forms = (repr(secret)[2:-1], secret.hex(), base64.urlsafe_b64encode(secret).decode())
            if any(form.rstrip("=") in haystack for form in forms):
                raise Broken("secrets", f"{what} is in a {type(item).__name__}")
    show(f"{len(shown)} representations, 0 hits")
