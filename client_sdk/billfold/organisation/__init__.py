"""The other side of a channel: how an organisation writes to people and reads their replies.

    async with Organisation("library.json") as library:
        member = await library.accept("billfold-channel:…")
        await library.send(member, "Your book is ready.")
        for reply in await library.collect(member):
            print(reply.message.text)

It needs neither a wallet nor what a wallet is made of.

Spec: 26-channels.md
"""

from billfold.organisation.organisation import Organisation, Sent
from billfold.organisation.replies import Reply
from billfold.organisation.state import Correspondent

__all__ = ["Correspondent", "Organisation", "Reply", "Sent"]
