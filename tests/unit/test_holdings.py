import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from billfold import KeyCallback, Wallet, import_report, read_import
from billfold.credentials.lifecycle import Lifecycle
from billfold.credentials.presentation import Request, verify_presentation
from billfold_protocol.errors import (
    BillfoldError,
    CredentialTampered,
    InputError,
    KeyBindingMissing,
    NotFound,
    OutOfStock,
    TransportError,
    WalletLocked,
)
from tests.support.credentials import PERSON, SAMPLES, VCT, Issuer, ask

UNLOCK = KeyCallback(lambda: bytes(range(32)))
BANK, SHOP = "https://bank.example", "https://shop.example"


@pytest.fixture
async def wallet(tmp_path: Path) -> AsyncIterator[Wallet]:
    async with await Wallet.create(tmp_path / "wallet", unlock=UNLOCK, name="laptop") as opened:
        yield opened


async def add_batch(wallet: Wallet, issuer: Issuer, count: int, into: str | None = None) -> str:
    keys = [await wallet.credentials.new_key() for _ in range(count)]
    raws = [issuer.issue(key.public_jwk) for key in keys]
    added = await wallet.credentials.add_batch(raws, issuer_keys=issuer.keys, into=into)
    return added.record.id


async def test_a_credential_is_verified_kept_shown_and_written_down(wallet: Wallet) -> None:
    issuer = Issuer()
    key = await wallet.credentials.new_key()
    raw = issuer.issue(key.public_jwk)
    added = await wallet.credentials.add(raw, issuer_keys=issuer.keys, title="Identity")
    assert (added.raw, added.vct, added.binding) == (raw, VCT, "software")
    assert added.claims["given_name"] == "Erika"
    assert wallet.credentials.standing(added.record.id).lifecycle is Lifecycle.VALID
    again = await wallet.credentials.add(raw, issuer_keys=issuer.keys)
    assert again.record.id == added.record.id

    shown = await wallet.credentials.present(
        ask("over_18"), audience=BANK, nonce="n", purpose="to open an account"
    )
    (text,) = shown.presentations["it"]
    taken = verify_presentation(
        text,
        issuer.keys,
        request=Request(audience=BANK, nonce="n"),
        now_s=added.issued_at or 0,
    )
    assert taken.claims["over_18"] is True
    assert not {"given_name", "family_name"} & taken.claims.keys()
    whole = wallet.credentials.answer(ask("given_name"))
    for one in (shown, taken, whole, wallet.credentials.standing(added.record.id).lifecycle):
        assert not any(value in repr(one) for value in (text, raw, "Erika", "Mustermann"))
    (entry,) = wallet.records("activity")
    fields = {name: state.value for name, state in entry.fields.items()}
    assert fields["interacting_party_identifier"] == BANK
    assert fields["claims_presented/over_18"] == VCT
    assert not set(map(str, PERSON.values())) & set(map(str, fields.values()))
    assert list(wallet.credentials.get(added.record.id).uses.values()) == [BANK]


async def test_what_must_not_be_relied_on_is_not_kept(wallet: Wallet) -> None:
    issuer, other = Issuer(), Issuer()
    key = await wallet.credentials.new_key()
    raw = issuer.issue(key.public_jwk)
    with pytest.raises(CredentialTampered):
        await wallet.credentials.add(raw, issuer_keys=other.keys)
    with pytest.raises(InputError):
        await wallet.credentials.add(raw)
    await wallet.credentials.add(raw, issuer_keys=issuer.keys)
    (text,) = (
        await wallet.credentials.present(ask("over_18"), audience=BANK, nonce="n")
    ).presentations["it"]
    with pytest.raises(KeyBindingMissing):
        await wallet.credentials.add(text, issuer_keys=issuer.keys)
    assert len(wallet.credentials.all()) == 1


async def test_a_question_without_an_answer_says_what_is_missing(wallet: Wallet) -> None:
    issuer = Issuer()
    with pytest.raises(NotFound, match="There is no credential of the type"):
        await wallet.credentials.present(ask("over_18"), audience=BANK, nonce="n")
    key = await wallet.credentials.new_key()
    await wallet.credentials.add(issuer.issue(key.public_jwk), issuer_keys=issuer.keys)
    with pytest.raises(NotFound, match="does not say postal_code"):
        await wallet.credentials.present(ask("postal_code"), audience=BANK, nonce="n")
    with pytest.raises(InputError):
        await wallet.credentials.present(ask("over_18"), audience=BANK, nonce="")
    assert not wallet.records("activity")


async def test_a_credential_bound_to_a_key_that_is_not_here_is_kept_and_not_shown(
    wallet: Wallet,
) -> None:
    issuer = Issuer()
    foreign = issuer.issue(Issuer()._key.public.jwk)  # noqa: SLF001 -- any public key
    added = await wallet.credentials.add(foreign, issuer_keys=issuer.keys)
    assert added.binding == "remote"
    with pytest.raises(NotFound, match="not in the wallet"):
        await wallet.credentials.present(ask("over_18"), audience=BANK, nonce="n")


async def test_other_formats_are_kept_as_they_came_and_not_shown_to_others(
    wallet: Wallet,
) -> None:
    text = (SAMPLES / "mdoc" / "iso18013-5_D.4.1.2_deviceresponse.hex").read_text().strip()
    raw = bytes.fromhex(text)
    added = await wallet.credentials.add(raw)
    assert (added.raw, added.doctype) == (raw, "org.iso.18013.5.1.mDL")
    assert "Doe" in added.claims.values()
    standing = wallet.credentials.standing(added.record.id)
    assert standing.lifecycle is Lifecycle.EXPIRED
    assert standing.why_not_here is not None


async def test_a_batch_gives_each_verifier_another_instance_until_none_is_left(
    wallet: Wallet,
) -> None:
    issuer = Issuer()
    record = await add_batch(wallet, issuer, 6)
    stock = [wallet.credentials.standing(record).unused_count]
    texts = set()
    for audience in (BANK, BANK, SHOP, SHOP, BANK, "https://third.example"):
        shown = await wallet.credentials.present(ask("over_18"), audience=audience, nonce="n")
        texts.add(shown.presentations["it"][0].partition("~")[0])
        assert not shown.notes
        stock.append(wallet.credentials.standing(record).unused_count)
    assert len(texts) == 6
    assert stock == [6, 5, 4, 3, 2, 1, 0]
    assert wallet.credentials.standing(record).lifecycle is Lifecycle.EXHAUSTED
    assert wallet.credentials.standing(record).is_low

    with pytest.raises(OutOfStock):
        await wallet.credentials.present(
            ask("over_18"), audience="https://fourth.example", nonce="n"
        )
    shown = await wallet.credentials.present(ask("over_18"), audience=SHOP, nonce="n")
    assert "seen before" in shown.notes[0]
    assert shown.presentations["it"][0].partition("~")[0] in texts
    assert wallet.credentials.standing(record).linkable == ()

    await add_batch(wallet, issuer, 4, into=record)
    assert wallet.credentials.standing(record).unused_count == 4
    assert wallet.credentials.standing(record).lifecycle is Lifecycle.VALID


async def test_presentations_at_the_same_time_take_different_instances(wallet: Wallet) -> None:
    issuer = Issuer()
    await add_batch(wallet, issuer, 5)
    shown = await asyncio.gather(
        *(wallet.credentials.present(ask("over_18"), audience=BANK, nonce=str(n)) for n in range(5))
    )
    assert len({one.presentations["it"][0].partition("~")[0] for one in shown}) == 5


async def test_one_answer_with_two_parts_takes_two_instances(wallet: Wallet) -> None:
    issuer = Issuer()
    await add_batch(wallet, issuer, 2)
    part = ask("over_18").removeprefix('{"credentials": [').removesuffix("]}")
    query = f'{{"credentials": [{part}, {part.replace(chr(34) + "it", chr(34) + "too", 1)}]}}'
    shown = await wallet.credentials.present(
        query.replace('"id": "it"', '"id": "one"', 1), audience=BANK, nonce="n"
    )
    texts = [text.partition("~")[0] for all_of in shown.presentations.values() for text in all_of]
    assert len(set(texts)) == len(texts) == 2


async def test_instances_of_a_batch_have_keys_of_their_own_and_are_of_one_kind(
    wallet: Wallet,
) -> None:
    issuer = Issuer()
    first, second = [await wallet.credentials.new_key() for _ in range(2)]
    for raws in (
        [],
        [issuer.issue(first.public_jwk), issuer.issue(first.public_jwk)],
        [issuer.issue(), issuer.issue()],
        [issuer.issue(first.public_jwk), issuer.issue(second.public_jwk, vct="other")],
    ):
        with pytest.raises(InputError):
            await wallet.credentials.add_batch(raws, issuer_keys=issuer.keys)
    with pytest.raises(NotFound):
        await add_batch(wallet, issuer, 1, into="a" * 26)


async def test_an_instance_that_two_parties_got_is_told_of(wallet: Wallet) -> None:
    issuer = Issuer()
    record = await add_batch(wallet, issuer, 1)
    await wallet.credentials.present(ask("over_18"), audience=BANK, nonce="n")
    (name,) = wallet.credentials.get(record).instances
    await wallet.set(record, f"uses/{name}/from-elsewhere", SHOP)
    assert wallet.credentials.standing(record).linkable == (name,)
    for audience in (BANK, SHOP):
        with pytest.raises(OutOfStock):
            await wallet.credentials.present(ask("over_18"), audience=audience, nonce="n")


async def test_what_the_issuers_later_list_says_holds(wallet: Wallet) -> None:
    issuer = Issuer()
    key = await wallet.credentials.new_key()
    added = await wallet.credentials.add(
        issuer.issue(key.public_jwk, index=3), issuer_keys=issuer.keys
    )

    async def refresh(text: str) -> Lifecycle:
        async def fetch(uri: str) -> str:
            assert uri == f"{issuer.name}/statuses"
            return text

        report = await wallet.credentials.refresh_status(fetch, issuer_keys=issuer.keys)
        assert report.asked == (added.record.id,)
        return wallet.credentials.standing(added.record.id).lifecycle

    assert await refresh(issuer.status_list(0, 0, 0, 2, age_s=300)) is Lifecycle.SUSPENDED
    with pytest.raises(NotFound):
        await wallet.credentials.present(ask("over_18"), audience=BANK, nonce="n")
    assert await refresh(issuer.status_list(1, 1, 1, 0, age_s=200)) is Lifecycle.VALID
    assert await refresh(issuer.status_list(0, 0, 0, 1, age_s=250)) is Lifecycle.VALID
    assert await refresh(issuer.status_list(0, 0, 0, 1, age_s=100)) is Lifecycle.REVOKED


async def test_a_list_that_cannot_be_had_or_believed_changes_nothing(wallet: Wallet) -> None:
    issuer = Issuer()
    key = await wallet.credentials.new_key()
    added = await wallet.credentials.add(
        issuer.issue(key.public_jwk, index=3), issuer_keys=issuer.keys
    )

    async def offline(uri: str) -> str:
        raise TransportError(f"{uri} cannot be reached")

    async def forged(_uri: str) -> str:
        return Issuer().status_list(1, 1, 1, 1)

    kinds: list[type[BillfoldError]] = []
    for fetch in (offline, forged):
        report = await wallet.credentials.refresh_status(fetch, issuer_keys=issuer.keys)
        kinds += [type(error) for _, error in report.failed]
        assert report.asked == ()
    assert kinds == [TransportError, CredentialTampered]
    assert wallet.credentials.standing(added.record.id).lifecycle is Lifecycle.VALID


async def test_the_secret_of_a_device_bound_key_is_in_no_record_and_survives_reopening(
    tmp_path: Path,
) -> None:
    issuer = Issuer()
    async with await Wallet.create(tmp_path / "wallet", unlock=UNLOCK) as wallet:
        key = await wallet.credentials.new_key("device")
        await wallet.credentials.add(issuer.issue(key.public_jwk), issuer_keys=issuer.keys)
        with pytest.raises(InputError):
            await wallet.credentials.new_key("remote")
        fields = wallet.record(key.record).fields
        assert "private_key" not in fields
        assert fields["bound_device"].value == wallet.status().device
    async with await Wallet.open(tmp_path / "wallet", unlock=UNLOCK) as wallet:
        shown = await wallet.credentials.present(ask("over_18"), audience=BANK, nonce="n")
        verify_presentation(
            shown.presentations["it"][0],
            issuer.keys,
            request=Request(audience=BANK, nonce="n"),
            now_s=wallet.credentials.all()[0].issued_at or 0,
        )


async def test_a_choice_that_was_made_before_the_credential_was_revoked_is_not_shown(
    wallet: Wallet,
) -> None:
    issuer = Issuer()
    key = await wallet.credentials.new_key()
    await wallet.credentials.add(issuer.issue(key.public_jwk, index=0), issuer_keys=issuer.keys)
    (option,) = wallet.credentials.answer(ask("over_18")).options

    async def fetch(_uri: str) -> str:
        return issuer.status_list(1)

    await wallet.credentials.refresh_status(fetch, issuer_keys=issuer.keys)
    with pytest.raises(InputError, match="revoked"):
        await wallet.credentials.present(ask("over_18"), audience=BANK, nonce="n", option=option)
    assert not wallet.records("activity")


async def test_a_locked_wallet_shows_nothing(wallet: Wallet) -> None:
    issuer = Issuer()
    await add_batch(wallet, issuer, 1)
    credentials = wallet.credentials
    await wallet.lock()
    for attempt in (
        credentials.present(ask("over_18"), audience=BANK, nonce="n"),
        credentials.new_key("device"),
    ):
        with pytest.raises(WalletLocked):
            await attempt


async def test_a_credential_that_was_imported_and_is_added_is_one_record(wallet: Wallet) -> None:
    issuer = Issuer()
    key = await wallet.credentials.new_key()
    raw = issuer.issue(key.public_jwk)
    await import_report(wallet, read_import(raw.encode(), name="identity"))
    (imported,) = wallet.credentials
    added = await wallet.credentials.add(raw, issuer_keys=issuer.keys)
    assert added.record.id == imported.record.id
    assert added.key_id == key.record
    assert not added.record.conflicts
    await import_report(wallet, read_import(raw.encode(), name="identity"))
    assert len(wallet.credentials.all()) == 1
    assert not wallet.conflicts()


async def test_an_instance_whose_time_is_over_is_not_shown_though_others_last(
    wallet: Wallet,
) -> None:
    issuer = Issuer()
    keys = [await wallet.credentials.new_key() for _ in range(3)]
    raws = [
        issuer.issue(key.public_jwk, lasts_s=lasts_s)
        for key, lasts_s in zip(keys, (-100, -100, 40 * 86_400), strict=True)
    ]
    added = await wallet.credentials.add_batch(raws, issuer_keys=issuer.keys)
    standing = wallet.credentials.standing(added.record.id)
    assert (standing.lifecycle, standing.unused_count) == (Lifecycle.VALID, 1)
    shown = await wallet.credentials.present(ask("over_18"), audience=BANK, nonce="n")
    assert raws[2].partition("~")[0] in shown.presentations["it"][0]
    with pytest.raises(OutOfStock):
        await wallet.credentials.present(ask("over_18"), audience=SHOP, nonce="n")
