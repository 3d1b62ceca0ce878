"""FIDO Credential Exchange Format 1.0: a header with accounts, or a bare account as some write it.

An item becomes one record for each record type its credentials need, nearly always one: password,
passkey and one-time code of one item are one `login`. A second credential of one type in an item
gets `:2` after its fields. Collections become tags. Values may be plain or editable-field objects.

Spec: 40-wallet-document.md
"""

from collections import Counter

from billfold.formats.cxf_vocabulary import ATTACHED, CREDENTIALS
from billfold.importers.field_names import Path
from billfold.importers.interface import ImportReport, Json
from billfold.importers.record_builder import Branch, RecordBuilder, ReportBuilder, content_hash
from billfold_protocol.errors import Malformed

FORMAT = "cxf"

_UNKNOWN_TYPE = "Billfold does not know this type of credential, so it is kept as it is."
_NO_ITEM = "This is no item, so it is kept as it is."
_STRANGE_VERSION = "The file is of another version than 1; it was read as if it were 1.0."
_FILE_ELSEWHERE = "The file itself is not in this export; only its name and hash are."
_ELSEWHERE = "The collection names items that are not in this file."


def is_cxf(value: dict[str, Json]) -> bool:
    """Say whether a JSON object looks like a CXF header or a bare CXF account."""
    if isinstance(value.get("accounts"), list):
        return True
    items = value.get("items")
    if not isinstance(items, list):
        return False
    return "collections" in value or any(
        isinstance(item, dict) and "credentials" in item for item in items
    )


def read_cxf(value: dict[str, Json]) -> ImportReport:
    """Read an export.

    Raises:
        Malformed: The accounts or items are not lists.
        LimitExceeded: There are too many records.
    """
    report = ReportBuilder(FORMAT)
    if "accounts" not in value:
        _read_account(report, value, ())
        return report.build()
    accounts = value["accounts"]
    if not isinstance(accounts, list):
        raise Malformed("The accounts of the CXF file are not a list.")
    header = RecordBuilder(report, "document", ())
    branch = header.branch({name: value[name] for name in value if name != "accounts"})
    version = branch.branch("version")
    major = version.peek("major")
    if type(major) is int and major not in (0, 1):
        report.add_unmapped(("version",), _STRANGE_VERSION, "version_major")
    version.put_all({"major": "version_major", "minor": "version_minor"})
    branch.put_all({"exporterRpId": "exporter", "exporterDisplayName": "exporter_name"})
    branch.put_time("timestamp", "exported_at")
    report.expect(accounts)
    for index, account in enumerate(accounts):
        if isinstance(account, dict):
            _read_account(report, account, ("accounts", index))
        else:
            header.keep(("accounts", index), account, "This is no account.")
    exporter = header.text("exporter")
    name = header.text("exporter_name") or exporter
    if not header.finish().is_empty():
        header.put("kind", "import", ())
        key = exporter or content_hash(value)
        report.add(header.build((FORMAT, "header", key), f"Import from {name or 'CXF'}"))
    return report.build()


def _read_account(report: ReportBuilder, account: dict[str, Json], root: Path) -> None:
    items = account.get("items", [])
    if not isinstance(items, list):
        raise Malformed("The items of the CXF account are not a list.")
    report.expect(items)
    builder = RecordBuilder(report, "document", root)
    branch = builder.branch({name: account[name] for name in account if name != "items"})
    account_id = account.get("id")
    account_key = account_id if isinstance(account_id, str) else ""
    tags = _collect_tags(account.get("collections"), account_key)
    for index, item in enumerate(items):
        if isinstance(item, dict):
            _read_item(report, item, (*root, "items", index), account_key, tags)
        else:
            builder.keep(("items", index), item, _NO_ITEM)
    known = {item.get("id") for item in items if isinstance(item, dict) and _is_text(item, "id")}
    branch.put_all({"username": "username", "email": "email", "fullName": "full_name"})
    branch.put_original("id")
    # The titles are tags by now; the collections themselves are kept for what else they hold.
    branch.keep("collections", None if tags.keys() <= known else _ELSEWHERE)
    if not builder.finish().is_empty():
        builder.put("kind", "import", ())
        name = builder.text("username") or builder.text("email") or "CXF"
        key = account_key or content_hash(account)
        report.add(builder.build((FORMAT, "account", key), f"Account {name}"))


def _collect_tags(collections: Json, account_key: str, above: str = "") -> dict[str, list[str]]:
    tags: dict[str, list[str]] = {}
    for collection in collections if isinstance(collections, list) else ():
        if not isinstance(collection, dict):
            continue
        title = collection.get("title")
        name = f"{above}{title}" if isinstance(title, str) and title else above.rstrip("/")
        links = collection.get("items")
        for link in links if isinstance(links, list) else ():
            target = link.get("item") if isinstance(link, dict) else link
            owner = link.get("account") if isinstance(link, dict) else None
            if isinstance(target, str) and owner in (None, "", account_key):
                tags.setdefault(target, []).append(name)
        below = _collect_tags(
            collection.get("subCollections"), account_key, f"{name}/" if name else ""
        )
        for target, names in below.items():
            tags.setdefault(target, []).extend(names)
    return tags


def _read_item(
    report: ReportBuilder,
    item: dict[str, Json],
    root: Path,
    account_key: str,
    tags: dict[str, list[str]],
) -> None:
    listed = item.get("credentials")
    credentials = listed if isinstance(listed, list) else []
    builders = {name: RecordBuilder(report, name, root) for name in _record_types(credentials)}
    primary = next(iter(builders.values()))
    branch = primary.branch(
        {
            name: item[name]
            for name in item
            if name != "credentials" or item[name] is not credentials
        }
    )
    item_id = branch.peek("id")
    branch.put_original("id")
    _read_item_members(branch)
    title = primary.text("title")
    counts: Counter[str] = Counter()
    for index, credential in enumerate(credentials):
        _read_credential(builders, primary, credential, ("credentials", index), counts)
    names = tags.get(item_id, ()) if isinstance(item_id, str) else ()
    key = item_id if isinstance(item_id, str) and item_id else content_hash(item)
    label = title or primary.text("username") or primary.text("urls/0") or "Untitled"
    for record_type, builder in builders.items():
        if title:
            builder.put("title", title, ("title",))
        for name in names:
            builder.put_tag(name, ("collections",))
        suffix = "" if builder is primary else f" ({record_type})"
        report.add(builder.build((FORMAT, account_key, key), f"{label}{suffix}"))


def _record_types(credentials: list[Json]) -> list[str]:
    """Return the record types that the credentials need, the item's main one first."""
    kinds = [_kind(credential) for credential in credentials]
    types = dict.fromkeys(CREDENTIALS[kind].record_type for kind in kinds if kind in CREDENTIALS)
    return list(types) or ["document"]


def _read_item_members(branch: Branch) -> None:
    branch.put_all({"title": "title", "subtitle": "subtitle"})
    branch.put_flag("favorite", "favorite")
    branch.put_time("creationAt", "created_at")
    branch.put_time("modifiedAt", "modified_at")
    branch.put_tags("tags")
    scope = branch.branch("scope")
    scope.put_texts("urls", "urls")
    for number, app in enumerate(scope.branches("androidApps")):
        app.put_all({"bundleId": f"apps/{number}/bundle_id", "name": f"apps/{number}/name"})
        app.branch("certificate").put_all(
            {
                "fingerprint": f"apps/{number}/certificate_fingerprint",
                "hashAlg": f"apps/{number}/certificate_hash",
            }
        )


def _read_credential(
    builders: dict[str, RecordBuilder],
    primary: RecordBuilder,
    credential: Json,
    path: Path,
    counts: Counter[str],
) -> None:
    kind = _kind(credential)
    if not isinstance(credential, dict) or (kind not in CREDENTIALS and kind not in ATTACHED):
        primary.keep(path, credential, _UNKNOWN_TYPE)
        return
    counts[kind] += 1
    suffix = f":{counts[kind]}" if counts[kind] > 1 else ""
    if kind in ATTACHED:
        _read_attached(primary, primary.branch(credential, path), kind, counts)
        return
    mapping = CREDENTIALS[kind]
    builder = builders[mapping.record_type]
    branch = builder.branch(credential, path)
    branch.put_original("type")
    if mapping.has_kind:
        builder.put("kind", kind, (*path, "type"))
    for member, name in mapping.members.items():
        _put_editable(branch, member, f"{name}{suffix}")
    if kind == "basic-auth":  # Drafts before 1.0 had the addresses here.
        branch.put_texts("urls", "urls")
    if kind == "file":
        builder.report.add_unmapped(builder.root + path, _FILE_ELSEWHERE, f"file_id{suffix}")


def _read_attached(primary: RecordBuilder, branch: Branch, kind: str, counts: Counter[str]) -> None:
    branch.put_original("type")
    match kind:
        case "note":
            if isinstance(branch.peek("content"), dict):
                content = branch.branch("content")
                content.put_note("value")
                _set_aside(content)
            else:
                branch.put_note("content")
        case "custom-fields":
            section = branch.take_text("label")
            branch.put_original("id")
            fields = branch.branches("fields")
            for field in fields:
                prefix = f"custom/{counts['field']}"
                counts["field"] += 1
                field.put("label", f"{prefix}/name")
                field.put("value", f"{prefix}/value")
                field.put("fieldType", f"{prefix}/kind")
                field.put_original("id")
                if section:
                    primary.put(f"{prefix}/section", section, (*branch.path, "label"))
            if section and not fields:
                primary.keep((*branch.path, "label"), section)
        case _:
            reference = branch.branch("reference")
            prefix = f"references/{counts[kind] - 1}"
            reference.put_all({"item": f"{prefix}/item", "account": f"{prefix}/account"})
    if primary.type == "document" and not primary.text("kind"):
        primary.put("kind", kind, (*branch.path, "type"))


def _put_editable(branch: Branch, member: str, name: str) -> None:
    """Make a field of a plain value or of an editable field's value."""
    if not isinstance(branch.peek(member), dict):
        branch.put(member, name)
        return
    editable = branch.branch(member)
    if editable.peek("fieldType") == "boolean":
        editable.put_truth("value", name)
    editable.put("value", name)
    editable.put("label", f"{name}/label")
    _set_aside(editable)


def _set_aside(editable: Branch) -> None:
    editable.put_original("fieldType")
    editable.put_original("id")


def _kind(credential: Json) -> str:
    kind = credential.get("type") if isinstance(credential, dict) else None
    return kind if isinstance(kind, str) else ""


def _is_text(members: dict[str, Json], name: str) -> bool:
    return isinstance(members.get(name), str)
