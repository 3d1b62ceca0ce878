"""The unencrypted JSON export of Bitwarden and Vaultwarden, personal or of an organisation.

Logins and their passkeys become `login`, secure notes `document` of kind `note`, cards `payment`,
identities `person`, SSH keys `key` of kind `ssh-key`. Folders and collections become tags.

Spec: 40-wallet-document.md
"""

from typing import Final

from billfold.importers.interface import ImportReport, Json
from billfold.importers.record_builder import Branch, RecordBuilder, ReportBuilder, content_hash
from billfold.importers.timestamps import unix_seconds
from billfold_protocol.errors import InputError, Malformed

FORMAT = "bitwarden"

_NO_ITEM = "This is no item, so it is kept as it is."
_UNKNOWN_TYPE = "Billfold does not know this type of item, so its contents are kept as they are."
_IN_TRASH = "The item was in the trash there; it was imported like any other."
_NO_FOLDER = "The item names a folder or collection that is not in this file."

# The item's type number, the record type, and the kind that tells it from its neighbours.
_TYPES: Final = {
    1: ("login", ""),
    2: ("document", "note"),
    3: ("payment", "credit-card"),
    4: ("person", ""),
    5: ("key", "ssh-key"),
}

_FIELD_KINDS: Final = {0: "string", 1: "concealed-string", 2: "boolean", 3: "linked"}

_CARD: Final = {
    "cardholderName": "full_name",
    "brand": "card_type",
    "number": "number",
    "code": "verification_number",
}

_IDENTITY: Final = {
    "title": "name_title",
    "firstName": "given_name",
    "middleName": "middle_name",
    "lastName": "family_name",
    "address1": "street_address",
    "address2": "street_address_2",
    "address3": "street_address_3",
    "city": "city",
    "state": "territory",
    "postalCode": "postal_code",
    "country": "country",
    "company": "company",
    "email": "email",
    "phone": "tel",
    "ssn": "identification_number",
    "username": "username",
    "passportNumber": "passport_number",
    "licenseNumber": "license_number",
}

_SSH_KEY: Final = {
    "privateKey": "private_key",
    "publicKey": "public_key",
    "keyFingerprint": "key_fingerprint",
}

_PASSKEY: Final = {
    "credentialId": "credential_id",
    "rpId": "rp_id",
    "rpName": "rp_name",
    "userName": "username",
    "userDisplayName": "user_display_name",
    "userHandle": "user_handle",
    "keyValue": "key",
    "keyType": "key_type",
    "keyAlgorithm": "key_algorithm",
    "keyCurve": "key_curve",
    "counter": "counter",
    "discoverable": "discoverable",
}


def is_bitwarden(value: dict[str, Json]) -> bool:
    """Say whether a JSON object looks like an export of Bitwarden, encrypted or not."""
    if isinstance(value.get("encrypted"), bool):
        return True
    items = value.get("items")
    return isinstance(items, list) and (
        "folders" in value
        or any(isinstance(item, dict) and type(item.get("type")) is int for item in items)
    )


def read_bitwarden(value: dict[str, Json]) -> ImportReport:
    """Read an export.

    Raises:
        InputError: The export is encrypted.
        Malformed: The items are not a list.
        LimitExceeded: There are too many records.
    """
    if value.get("encrypted") is True:
        raise InputError(
            "This Bitwarden export is encrypted, and only Bitwarden can open it; export again with "
            "the file format '.json' instead of '.json (Encrypted)', import that file, and then "
            "delete it."
        )
    items = value.get("items", [])
    if not isinstance(items, list):
        raise Malformed("The items of the Bitwarden export are not a list.")
    report = ReportBuilder(FORMAT)
    report.expect(items)
    rest = RecordBuilder(report, "document", ())
    # The format's mark says nothing about the person, so no record is made for it alone.
    passed = ("items", "encrypted") if value.get("encrypted") is False else ("items",)
    branch = rest.branch({name: value[name] for name in value if name not in passed})
    folders = _names(value.get("folders")) | _names(value.get("collections"))
    for index, item in enumerate(items):
        if isinstance(item, dict):
            _read_item(report, item, index, folders)
        else:
            rest.keep(("items", index), item, _NO_ITEM)
    # Their names are tags by now; they are kept for their ids and for those that are empty.
    branch.keep("folders", None)
    branch.keep("collections", None)
    if not rest.finish().is_empty():
        rest.put("kind", "import", ())
        key = content_hash({name: value[name] for name in value if name != "items"})
        report.add(rest.build((FORMAT, "export", key), "Import from Bitwarden"))
    return report.build()


def _names(folders: Json) -> dict[str, str]:
    names = {}
    for folder in folders if isinstance(folders, list) else ():
        if isinstance(folder, dict):
            folder_id, name = folder.get("id"), folder.get("name")
            if isinstance(folder_id, str) and isinstance(name, str):
                names[folder_id] = name
    return names


def _read_item(
    report: ReportBuilder, item: dict[str, Json], index: int, folders: dict[str, str]
) -> None:
    number = item.get("type")
    known = _TYPES.get(number) if type(number) is int else None
    record_type, kind = known or ("document", "")
    builder = RecordBuilder(report, record_type, ("items", index))
    branch = builder.branch(item)
    branch.put("name", "title")
    if kind:
        builder.put("kind", kind, ("type",))
    if known:
        branch.put_original("type")
    else:
        branch.keep("type", _UNKNOWN_TYPE)
    match record_type:
        case "login":
            _read_login(branch.branch("login"))
        case "document" if known:
            branch.branch("secureNote").put_original("type")
        case "payment":
            _read_card(builder, branch.branch("card"))
        case "person":
            branch.branch("identity").put_all(_IDENTITY)
        case "key":
            branch.branch("sshKey").put_all(_SSH_KEY)
        case _:
            pass
    _read_item_members(builder, branch, folders)
    item_id = item.get("id")
    key = item_id if isinstance(item_id, str) and item_id else content_hash(item)
    label = builder.text("title") or builder.text("username") or "Untitled"
    report.add(builder.build((FORMAT, key), label))


def _read_item_members(builder: RecordBuilder, branch: Branch, folders: dict[str, str]) -> None:
    for number, field in enumerate(branch.branches("fields")):
        _read_custom_field(builder, field, f"custom/{number}")
    for number, earlier in enumerate(branch.branches("passwordHistory")):
        earlier.put("password", f"password_history/{number}/password")
        earlier.put_time("lastUsedDate", f"password_history/{number}/last_used_at")
    branch.put_note("notes")
    branch.put_flag("favorite", "favorite")
    branch.put_flag("reprompt", "reprompt")
    branch.put_time("creationDate", "created_at")
    branch.put_time("revisionDate", "modified_at")
    branch.put_time("archivedDate", "archived_at")
    if unix_seconds(branch.peek("deletedDate")) is not None:
        builder.report.add_unmapped((*builder.root, "deletedDate"), _IN_TRASH, "deleted_at")
    branch.put_time("deletedDate", "deleted_at")
    folder_id = branch.peek("folderId")
    if isinstance(folder_id, str) and folder_id in folders:
        builder.put_tag(folders[folder_id], ("folderId",))
        branch.put_original("folderId")
    else:
        branch.keep("folderId", _NO_FOLDER)
    collection_ids = branch.peek("collectionIds")
    ids = collection_ids if isinstance(collection_ids, list) else []
    known = [folders[name] for name in ids if isinstance(name, str) and name in folders]
    for name in known:
        builder.put_tag(name, ("collectionIds",))
    if len(known) == len(ids):
        branch.put_original("collectionIds")
    else:
        branch.keep("collectionIds", _NO_FOLDER)
    branch.put_original("id")
    branch.put("organizationId", "organization_id")


def _read_login(login: Branch) -> None:
    login.put_all({"username": "username", "password": "password", "totp": "totp"})
    for number, address in enumerate(login.branches("uris")):
        address.put("uri", f"urls/{number}")
        address.put("match", f"urls/{number}/match")
        address.put_original("uriChecksum")
    login.put("uri", "urls/0")  # Older exports repeat the first address here.
    for number, passkey in enumerate(login.branches("fido2Credentials")):
        suffix = f":{number + 1}" if number else ""
        passkey.put_all({member: f"passkey/{name}{suffix}" for member, name in _PASSKEY.items()})
        passkey.put_time("creationDate", f"passkey/created_at{suffix}")
    login.put_time("passwordRevisionDate", "password_changed_at")


def _read_card(builder: RecordBuilder, card: Branch) -> None:
    card.put_all(_CARD)
    year, month = card.peek("expYear"), card.peek("expMonth")
    if _is_number(year, 4) and _is_number(month, 1, 2):
        builder.put("expiry_date", f"{year}-{str(month).zfill(2)}", (*card.path, "expYear"))
        card.put_original("expYear")
        card.put_original("expMonth")
    else:
        card.put_all({"expYear": "expiry_year", "expMonth": "expiry_month"})


def _read_custom_field(builder: RecordBuilder, field: Branch, prefix: str) -> None:
    field.put_all({"name": f"{prefix}/name", "value": f"{prefix}/value"})
    number = field.peek("type")
    kind = _FIELD_KINDS.get(number) if type(number) is int else None
    if kind is not None:
        builder.put(f"{prefix}/kind", kind, (*field.path, "type"))
        field.put_original("type")
    field.put("linkedId", f"{prefix}/linked_id")


def _is_number(value: Json, *sizes: int) -> bool:
    return isinstance(value, str) and value.isascii() and value.isdigit() and len(value) in sizes
