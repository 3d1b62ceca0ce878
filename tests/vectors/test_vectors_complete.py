import ast
import inspect
import json
import re
import shutil
from pathlib import Path

import pytest

from billfold_protocol import errors, limits
from billfold_protocol.crypto.domains import Domain
from specs.vectors import generate
from tests.vectors.vector_files import FOLDER, ROOT, load, refused_with

SPECS = ROOT / "specs"
PROTOCOL = ROOT / "protocol" / "billfold_protocol"
MODULES_OF = {
    "codec": ["codec.py"],
    "signing": ["crypto/signing.py", "crypto/enrolment.py"],
    "sealing": ["crypto/sealing.py"],
    "wrapping": ["crypto/wrapping.py"],
    "passwords": ["crypto/passwords.py"],
    "membership": [
        "membership/chain.py",
        "membership/entries.py",
        "membership/state.py",
        "membership/tenure.py",
    ],
    "key_hierarchy": ["key_hierarchy.py"],
    "envelope": ["envelope.py", "feed/entry.py"],
    "recovery": ["recovery.py"],
    "snapshots": ["snapshot.py", "snapshot_sealing.py"],
    "channels": ["mailbox.py", "mailbox_sealing.py", "invitation.py"],
    "blobs": ["blob_manifest.py", "blobs.py"],
    "statements": ["feed/checkpoint.py", "feed/beacon.py", "feed/vector.py"],
    "proofs": ["proofs/records.py", "proofs/checking.py", "feed/freshness.py"],
    "feeds": ["feed/graph.py", "feed/forest.py"],
}
OUR_OWN_MISTAKES = {"LocalProtocolError"}
"""A caller that breaks a rule is not an input; `codec` alone has vectors of it."""

NOT_IN_VECTORS = {
    ("feeds", "Equivocation"): "takes a snapshot to stand on; see the unit tests",
    ("feeds", "LimitExceeded"): "takes 1,025 feeds or 20,000 entries; see the unit tests",
    ("feeds", "Malformed"): "a damaged store, which no bytes from outside lead to",
    ("feeds", "StoreDamaged"): "a damaged store, which no bytes from outside lead to",
    ("recovery", "CommitMismatch"): "takes a wrap, which is random; see the unit tests",
    ("snapshots", "LimitExceeded"): "takes a document of 64 MiB; see the unit tests",
    ("channels", "LimitExceeded"): "what one writes oneself; see the unit tests",
    ("blobs", "LimitExceeded"): "takes more than 256 MiB; see the unit tests",
    ("passwords", "LimitExceeded"): "a device without memory",
}

FILES = sorted(path.stem for path in FOLDER.glob("*.json"))
ERROR_NAMES = {
    name for name, value in vars(errors).items() if inspect.isclass(value) and name[0] != "_"
}


def raised_in(module: str) -> set[str]:
    """Return the names of the errors that a module of the protocol raises by itself."""
    tree = ast.parse((PROTOCOL / module).read_text())
    return {
        node.exc.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and isinstance(node.exc.func, ast.Name)
    }


@pytest.mark.parametrize("name", MODULES_OF)
def test_every_error_that_the_code_raises_has_a_vector(name: str) -> None:
    raised = set().union(*(raised_in(module) for module in MODULES_OF[name]))
    excused = {error for file, error in NOT_IN_VECTORS if file == name}
    missing = raised - OUR_OWN_MISTAKES - refused_with(load(name)["vectors"]) - excused
    assert not missing
    assert excused <= raised


def test_a_caller_who_breaks_the_rules_of_the_encoding_has_a_vector() -> None:
    assert refused_with(load("codec")["vectors"]) >= OUR_OWN_MISTAKES


def test_at_least_forty_encodings_are_refused_for_their_form() -> None:
    refused = [v for v in load("codec")["vectors"] if v["expect"] == "Malformed"]
    assert len({vector["bytes"] for vector in refused}) >= 40


@pytest.mark.parametrize("name", FILES)
def test_a_file_has_the_layout_that_readme_gives(name: str) -> None:
    content = load(name)
    assert content["version"] == 1
    assert (SPECS / content["spec"]).exists()
    assert f"`{name}.json`" in (SPECS / "README.md").read_text()
    ids = [vector["id"] for vector in content["vectors"]]
    assert len(set(ids)) == len(ids)
    for vector in content["vectors"]:
        assert re.fullmatch(r"[a-z0-9][a-z0-9-]*", vector["id"])
        assert isinstance(vector["comment"], str)
        assert vector["expect"] == "ok" or vector["expect"] in ERROR_NAMES


def test_the_files_are_what_the_generator_makes() -> None:
    assert generate.differences(FOLDER) == []


def test_the_check_finds_one_changed_digit(tmp_path: Path) -> None:
    for path in FOLDER.glob("*.json"):
        shutil.copy(path, tmp_path)
    changed = tmp_path / "sealing.json"
    changed.write_text(changed.read_text().replace('"padded_size": 272', '"padded_size": 273', 1))
    found = generate.differences(tmp_path)
    assert any(line.startswith("-") and "273" in line for line in found)
    assert any(line.startswith("+") and "272" in line for line in found)


def test_the_check_finds_a_file_that_is_missing_and_one_that_nothing_makes(tmp_path: Path) -> None:
    for path in FOLDER.glob("*.json"):
        shutil.copy(path, tmp_path)
    (tmp_path / "codec.json").rename(tmp_path / "code.json")
    found = "\n".join(generate.differences(tmp_path))
    assert "code.json: no case makes this file" in found
    assert "codec.json as made" in found


def test_a_missing_wrap_is_made_again_and_the_others_are_kept(tmp_path: Path) -> None:
    kept = load("wrapping")["vectors"]
    without_one = [vector for vector in kept if vector["id"] != "unwrap-long"]
    (tmp_path / "wrapping.json").write_text(json.dumps({"vectors": without_one}))
    made = json.loads(generate.build_files(tmp_path)["wrapping.json"])["vectors"]
    assert [vector["id"] for vector in made] == [vector["id"] for vector in kept]
    differing = [new for new, old in zip(made, kept, strict=True) if new != old]
    assert [vector["id"] for vector in differing] == ["unwrap-long"]


def rows(document: str, table: str) -> list[list[str]]:
    """Return the cells of the marked table of a spec, without its head."""
    text = (SPECS / document).read_text()
    marked = text.split(f"<!-- {table} -->")[1].split(f"<!-- end of {table} -->")[0]
    lines = [line for line in marked.splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_the_spec_lists_every_label_with_its_name() -> None:
    listed = {(row[0], row[1]) for row in rows("11-cryptography.md", "labels")}
    assert listed == {(domain.name, domain.value.decode()) for domain in Domain}
    assert len(rows("11-cryptography.md", "labels")) == len(Domain)


def test_the_spec_lists_every_bound_with_its_value() -> None:
    listed = {row[0]: int(row[1].replace(",", "")) for row in rows("10-encoding.md", "bounds")}
    bounds = {name: value for name, value in vars(limits).items() if name.isupper()}
    assert listed == bounds


def test_the_spec_lists_every_error_with_what_it_is_a_kind_of() -> None:
    listed = {(row[0], row[1]) for row in rows("01-terms.md", "errors")}
    kinds = {name: getattr(errors, name).__mro__[1].__name__ for name in ERROR_NAMES}
    assert listed == set(kinds.items())


@pytest.mark.parametrize("document", sorted(path.name for path in SPECS.glob("*.md")))
def test_every_vector_that_a_spec_names_exists(document: str) -> None:
    text = (SPECS / document).read_text()
    for name, vector_id in re.findall(r"`([a-z_]+)\.json#([a-z0-9-]+)`", text):
        assert vector_id in {vector["id"] for vector in load(name)["vectors"]}, vector_id


@pytest.mark.parametrize("document", sorted(path.name for path in SPECS.glob("*.md")))
def test_every_error_that_a_spec_names_in_an_arrow_exists(document: str) -> None:
    text = (SPECS / document).read_text()
    for error in re.findall(r"→ `([A-Za-z]+)`", text):
        assert error in ERROR_NAMES, error
