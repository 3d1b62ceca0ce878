"""The keys that credentials are bound to: in the wallet, or in this device alone.

A key in the wallet is a record, sealed like every other, and any device of the person can sign with
it. A device-bound one has its secret in this device's own store, and only its public half travels.

Spec: 42-credentials.md
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from billfold.credentials.encoding import Object, write_json
from billfold.credentials.jose import PrivateKey, PublicKey
from billfold.holdings.base import Base
from billfold.model import Key
from billfold_protocol.errors import InputError, NotFound
from billfold_protocol.ids import DeviceId

HELD_HERE: Final = "holder key/"
"""Of the values in a device's own store: the secret of the key with this thumbprint."""

KIND: Final = "wallet-key"
SOFTWARE, DEVICE = "software", "device"


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderKey:
    """A key made for a credential."""

    record: str
    public_jwk: Object = field(repr=False)
    """What an issuer binds a credential to (`cnf.jwk`)."""

    binding: str
    """`software` or `device`."""


class HolderKeys:
    """The holder's keys of one open wallet."""

    def __init__(self, base: Base) -> None:
        self._base = base

    async def make(self, binding: str = SOFTWARE) -> HolderKey:
        """Make a key for ES256; its secret is durable before its public half is told.

        Args:
            binding: `software` for one that all of the person's devices can use, or `device`.

        Raises:
            InputError: the binding is another.
            AccessError, StoreError: it cannot be written.
        """
        if binding not in (SOFTWARE, DEVICE):
            raise InputError("A key made here is bound to `software` or to the `device`.")
        key, base = PrivateKey.generate(), self._base
        fields = {
            "kind": KIND,
            "algorithm": key.public.algorithm,
            "public_key": write_json(key.public.jwk),
            "key_fingerprint": key.public.thumbprint,
            "binding": binding,
        }
        if binding == DEVICE:
            base.replica().put_meta(HELD_HERE + key.public.thumbprint, key.export().encode())
            await base.committed()
            made = await base.keys.add({**fields, "bound_device": base.device})
        else:
            made = await base.keys.add({**fields, "private_key": key.export()})
        return HolderKey(record=made.record.id, public_jwk=key.public.jwk, binding=binding)

    def record_of(self, public: PublicKey) -> Key | None:
        """Return the record of a key; None if the wallet does not know it."""
        found = self._base.keys.find(key_fingerprint=public.thumbprint)
        return found[0] if found else None

    def private(self, public: PublicKey) -> PrivateKey:
        """Return the secret half of a key.

        Raises:
            NotFound: it is not on this device; the message says where it is, if that is known.
        """
        base = self._base
        held = base.replica().meta(HELD_HERE + public.thumbprint)
        if held is not None:
            return PrivateKey.parse(held.decode())
        record = self.record_of(public)
        if record is None:
            raise NotFound("The key that this credential is bound to is not in the wallet.")
        secret = record.private_key
        if secret is not None:
            key = PrivateKey.parse(secret)
            if key.public.thumbprint == public.thumbprint:
                return key
        raise NotFound(
            f"This credential can be shown from {self.place_of(record) or 'another device'} only; "
            "its key never leaves it."
        )

    def place_of(self, record: Key) -> str | None:
        """Return the name of the one device that a key lies in; None for one in the wallet."""
        bound = record.bound_device
        if record.binding != DEVICE or bound is None:
            return None
        named = {device.id: device.name for device in self._base.household.devices()}
        return named.get(bound, bound[:8])

    def place_elsewhere(self, key: str) -> str | None:
        """Return the name of the one other device that a key lies in, if there is one.

        Args:
            key: the key's record.
        """
        try:
            record = self._base.keys.get(key)
        except NotFound:
            return "another device"
        return None if record.bound_device == self._base.device else self.place_of(record)

    def owners_of(self, publics: Sequence[PublicKey | None]) -> list[str | None]:
        """Return for each key the feed that alone can use it; None if any of the person's can."""
        bound = {key.fingerprint: key for key in self._base.keys.find(binding=DEVICE)}
        found: list[str | None] = []
        for public in publics:
            record = None if public is None else bound.get(public.thumbprint)
            device = None if record is None else record.bound_device
            known = None if device is None else self._base.feed_of(DeviceId(bytes.fromhex(device)))
            found.append(known)
        return found
