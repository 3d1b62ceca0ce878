"""Accounts, passes, means of payment and papers.

Spec: 41-records.md
"""

from dataclasses import dataclass
from typing import Final

from billfold.document import RecordView
from billfold.model.declaring import fact, flag, group, integer, text, time
from billfold.model.fields import FIXED, LAST

PASS_STYLES: Final = ("boardingPass", "coupon", "eventTicket", "generic", "storeCard")


@dataclass(frozen=True, slots=True)
class Login:
    """How the person signs in somewhere."""

    record: RecordView

    kind = text("kind", "wifi or generated-password; absent for an account", "CXF 1.0 type", FIXED)
    title = text("title", "what the person calls it", "CXF 1.0 item.title")
    username = text("username", "the account's name there", "CXF 1.0 basic-auth.username")
    password = text(
        "password",
        "the password; of two that were set apart both are kept",
        "CXF 1.0 basic-auth.password",
        is_secret=True,
    )
    totp = text("totp", "the secret of one-time codes", "CXF 1.0 totp.secret", is_secret=True)
    totp_period_s = integer("totp_period_s", "how long a code holds", "CXF 1.0 totp.period")
    totp_digits = integer("totp_digits", "how long a code is", "CXF 1.0 totp.digits")
    totp_algorithm = text("totp_algorithm", "how codes are made", "CXF 1.0 totp.algorithm")
    passkey_id = text("passkey/credential_id", "which passkey", "CXF 1.0 passkey.credentialId")
    passkey_rp = text("passkey/rp_id", "for whom", "CXF 1.0 passkey.rpId")
    passkey_user = text("passkey/user_handle", "as whom", "CXF 1.0 passkey.userHandle")
    passkey_key = text("passkey/key", "its key", "CXF 1.0 passkey.key", is_secret=True)
    network = text("ssid", "the wireless network", "CXF 1.0 wifi.ssid")
    passphrase = text("passphrase", "its password", "CXF 1.0 wifi.passphrase", is_secret=True)
    password_changed_at = time("password_changed_at", "when the password was set", merge=LAST)
    url_fields = group(text("urls/*", "where it is used, by number", "CXF 1.0 item.scope.urls"))
    url_matches = group(
        integer("urls/*/match", "how exactly an address must match, as Bitwarden counts")
    )

    @property
    def urls(self) -> tuple[str, ...]:
        """Where it is used, in order."""
        numbered = {int(name): url for name, url in self.url_fields.items() if name.isdecimal()}
        return tuple(url for _, url in sorted(numbered.items()))


@dataclass(frozen=True, slots=True)
class Pass:
    """A ticket, a card of a shop, a coupon: what its issuer says stands, and nothing is counted."""

    record: RecordView

    pass_type = text(
        "pass_type_identifier", "whose kind of pass", "Apple pass passTypeIdentifier", FIXED
    )
    serial_number = text("serial_number", "which one", "Apple pass serialNumber", FIXED)
    team = text("team_identifier", "who signs it", "Apple pass teamIdentifier", FIXED)
    organisation = text("organization_name", "whose it is", "Apple pass organizationName", LAST)
    description = text("description", "what it is", "Apple pass description", LAST)
    title = text("title", "what the person calls it")
    style = text("style", "what it looks like", "Apple pass", FIXED, choices=PASS_STYLES)
    logo_text = text("logo_text", "what stands on it", "Apple pass logoText", LAST)
    relevant_date = text("relevant_date", "when it is needed", "Apple pass relevantDate", LAST)
    expiration_date = text("expiration_date", "until when", "Apple pass expirationDate", LAST)
    barcode = text("barcode/message", "what a scanner reads", "Apple pass barcodes.message", LAST)
    barcode_format = text("barcode/format", "in which form", "Apple pass barcodes.format", LAST)
    web_service = text("web_service_url", "where it is renewed", "Apple pass webServiceURL", LAST)
    token = text(
        "authentication_token",
        "what renews it",
        "Apple pass authenticationToken",
        LAST,
        is_secret=True,
    )
    voided = fact("voided", "whether its issuer has voided it", "Apple pass voided")
    balance = fact("balance", "what is on it, as its issuer says", "Apple pass storeCard")
    stamps = fact("stamps", "how many stamps it has, as its issuer says", "Apple pass storeCard")
    shown = group(
        fact("fields/*", "what it shows, by key, as its issuer says", "Apple pass fields.key")
    )


@dataclass(frozen=True, slots=True)
class Payment:
    """A means of payment."""

    record: RecordView

    kind = text("kind", "credit-card or account", "CXF 1.0 type", FIXED)
    title = text("title", "what the person calls it", "CXF 1.0 item.title")
    number = text("number", "its number", "CXF 1.0 credit-card.number", is_secret=True)
    full_name = text("full_name", "whose it is", "CXF 1.0 credit-card.fullName")
    card_type = text("card_type", "the scheme", "CXF 1.0 credit-card.cardType")
    verification_number = text(
        "verification_number",
        "the number on the back",
        "CXF 1.0 credit-card.verificationNumber",
        is_secret=True,
    )
    pin = text("pin", "its code", "CXF 1.0 credit-card.pin", is_secret=True)
    expiry_date = text("expiry_date", "until when", "CXF 1.0 credit-card.expiryDate")
    valid_from = text("valid_from", "from when", "CXF 1.0 credit-card.validFrom")
    iban = text("iban", "the account's number", "ISO 13616 IBAN")
    bic = text("bic", "the bank", "ISO 9362 BIC")
    balance = fact("balance", "what is on it, as the bank says")


@dataclass(frozen=True, slots=True)
class DocumentRecord:
    """A paper: a passport, a licence, a contract, a note."""

    record: RecordView

    kind = text("kind", "passport, drivers-license, file, note, ...", "CXF 1.0 type", FIXED)
    title = text("title", "what the person calls it", "CXF 1.0 item.title")
    document_number = text(
        "document_number", "its number", "CXF 1.0 identity-document.documentNumber"
    )
    passport_number = text("passport_number", "its number", "CXF 1.0 passport.passportNumber")
    license_number = text("license_number", "its number", "CXF 1.0 drivers-license.licenseNumber")
    license_class = text("license_class", "for what", "CXF 1.0 drivers-license.licenseClass")
    identification_number = text(
        "identification_number", "the person's number", "CXF 1.0 identificationNumber"
    )
    full_name = text("full_name", "whose it is", "CXF 1.0 fullName")
    birth_date = text("birth_date", "born", "CXF 1.0 birthDate")
    birth_place = text("birth_place", "where", "CXF 1.0 birthPlace")
    sex = text("sex", "sex", "CXF 1.0 sex")
    nationality = text("nationality", "nationality", "CXF 1.0 nationality")
    issuing_country = text("issuing_country", "which country issued it", "CXF 1.0 issuingCountry")
    issuing_authority = text("issuing_authority", "who", "CXF 1.0 issuingAuthority")
    issue_date = text("issue_date", "when", "CXF 1.0 issueDate")
    expiry_date = text("expiry_date", "until when it is good", "CXF 1.0 expiryDate")
    file_name = text("file_name", "the file's name", "CXF 1.0 file.name")
    file_sha256 = text("file_sha256", "the file's hash", "CXF 1.0 file.integrityHash")
    is_original = flag("original", "whether the person has the paper itself")
