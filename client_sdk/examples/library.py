"""An organisation with a file for a memory: a library that tells people when their book is there.

    billfold channel open Library --identifier https://library.example      # the person
    python client_sdk/examples/library.py library.json accept billfold-channel:…
    python client_sdk/examples/library.py library.json send PERSON "Your book is ready."
    billfold messages ; billfold answer MESSAGE "I am coming."              # the person
    python client_sdk/examples/library.py library.json collect

Spec: 26-channels.md
"""

import argparse
import asyncio
import sys

from billfold.organisation import Organisation
from billfold_protocol.errors import BillfoldError, ChannelClosed

SHORT = 8


def say(text: str) -> None:
    """Write one line."""
    sys.stdout.write(text + "\n")


async def accept(library: Organisation, uri: str) -> None:
    """Take a person's address; print what the person is called here."""
    person = await library.accept(uri)
    say(person.id)


async def send(library: Organisation, person: str, text: str) -> None:
    """Write to one person."""
    sent = await library.send(person, text)
    say(f"sent {sent.id}")


async def collect(library: Organisation) -> None:
    """Send what could not be sent, and print what people have written since the last time."""
    await library.flush()
    for person in library.correspondents:
        try:
            replies = await library.collect(person)
        except ChannelClosed:
            continue
        for reply in replies:
            verb = "answers" if reply.answers else "writes"
            say(f"{person.id[:SHORT]} {verb}: {reply.message.text}")


async def run(arguments: argparse.Namespace) -> None:
    """Run one command."""
    async with Organisation(arguments.state) as library:
        match arguments.command:
            case "accept":
                await accept(library, arguments.uri)
            case "send":
                await send(library, arguments.person, arguments.text)
            case _:
                await collect(library)


def main() -> int:
    """Read the command line; return the exit code."""
    parser = argparse.ArgumentParser(description="A library that writes to people's wallets.")
    parser.add_argument("state", help="the library's file; it is made if it is not there")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("accept").add_argument("uri")
    sending = commands.add_parser("send")
    sending.add_argument("person")
    sending.add_argument("text")
    commands.add_parser("collect")
    try:
        asyncio.run(run(parser.parse_args()))
    except BillfoldError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
