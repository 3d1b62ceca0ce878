from billfold.exporters import ExportedRecord
from billfold.report import report_html

LOGIN = ExportedRecord(
    id="a" * 26,
    type="login",
    fields={
        "title": "<script>alert(1)</script>",
        "username": "ada",
        "password": "not-a-real-password",
        "brand_new": "who knows",
    },
    conflicts={"username": ("ada", "lovelace")},
    tags=("books",),
    notes="a < b",
)
PASS = ExportedRecord(
    id="b" * 26, type="pass", fields={"description": "Stamps", "balance": "1700000000 12.5"}
)


def test_the_page_shows_everything_but_secrets() -> None:
    page = report_html([LOGIN, PASS], made_at=1_800_000_000).decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script" not in page
    assert "not-a-real-password" not in page
    assert "who knows" not in page
    assert "lovelace" in page
    assert "a &lt; b" in page
    assert "12.5 <em>(as of 2023-11-14" in page
    assert "default-src 'none'" in page


def test_secrets_stand_there_when_they_are_asked_for() -> None:
    page = report_html([LOGIN], made_at=1_800_000_000, is_secret_shown=True).decode()
    assert "not-a-real-password" in page
    assert "who knows" in page


def test_the_same_records_give_the_same_page() -> None:
    assert report_html([LOGIN, PASS], made_at=1) == report_html([PASS, LOGIN], made_at=1)
