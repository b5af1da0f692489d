"""Rule S2 on a real database: raw SQL and Alembic, right deliveries and ones that lose data."""

from __future__ import annotations

from dataclasses import replace

import pytest
from stand_task import case, real_lab, stand_task

from graders.catalogue import Catalogue, differences
from graders.rules.s2 import S2
from harness.compose import ROOT
from harness.core.ports import Case, Lab
from harness.core.records import Evidence, Outcome, Severity, Transcript, Tree
from harness.core.task import Migrations, Table
from harness.load.tasks import load_task

NEW = ("migrations/002_note.sql",)
"""What the seed did not have yet."""
ALEMBIC = Migrations.model_validate(
    {
        "rows": "INSERT INTO rooms (id, name, building, floor, capacity)"
        " SELECT gen_random_uuid(), 'room ' || n, 'Nord', n, 4 FROM generate_series(1, 3) AS n;",
        "downgrade": ["alembic", "downgrade", "0002"],
        "heads": ["alembic", "heads"],
        "tables": {
            "bookings": {
                "columns": {
                    "id": "uuid not null",
                    "room_id": "uuid not null",
                    "title": "character varying(120) not null",
                    "organiser": "character varying(80) not null",
                    "attendees": "integer not null",
                    "notes": "text",
                    "starts_at": "timestamp with time zone not null",
                    "ends_at": "timestamp with time zone not null",
                    "status": "character varying(20) not null",
                    "created_at": "timestamp with time zone not null",
                    "updated_at": "timestamp with time zone not null",
                },
                "primary_key": ["id"],
                "foreign_keys": {"room_id": "rooms.id"},
            }
        },
    }
)


def test_the_expected_schema_is_compared_part_by_part() -> None:
    wanted = {
        "items": Table(
            columns={"id": "integer not null", "name": "text not null"},
            primary_key=("id",),
            foreign_keys={"name": "names.name"},
            unique=(("id", "name"),),
        ),
        "gone": Table(columns={"id": "integer"}),
    }
    found = Catalogue(columns={"items": {"id": "integer not null", "name": "text", "more": "text"}})
    wrong, extra = differences(wanted, found)
    assert wrong == [
        "items.name is text, not text not null",
        "items has not the primary key id",
        "items.name does not refer to names.name",
        "items is not unique over id, name",
        "table gone is missing",
    ]
    assert extra == ["items.more is in no specification"]


@pytest.fixture(scope="module")
def lab() -> Lab:
    return real_lab()


RAW: list[tuple[str, dict[str, bytes | None], str, Severity | None]] = [
    ("a right one", {}, "", None),
    ("rows go", {NEW[0]: b"ALTER TABLE items ADD note text; DELETE FROM items;"}, "2 of 2 rows of items", None),
    ("a table goes", {NEW[0]: b"DROP TABLE items;"}, "loses table items", None),
    ("the column is missing", {NEW[0]: b"SELECT 1;"}, "items.note is missing", Severity.MAJOR),
    ("it does not run", {NEW[0]: b"SELEKT 1;"}, "SELEKT", Severity.MAJOR),
    ("rows stand in its way", {NEW[0]: b"ALTER TABLE items ADD note text NOT NULL;"}, "note", Severity.MAJOR),
]


@pytest.mark.sandbox
@pytest.mark.parametrize(("name", "files", "said", "severity"), RAW, ids=[name for name, *_ in RAW])
def test_raw_sql(lab: Lab, name: str, files: dict[str, bytes | None], said: str, severity: Severity | None) -> None:
    ruling = S2().judge(case(stand_task(), lab, files, without=NEW))
    messages = [finding.message for finding in ruling.findings]
    assert ruling.outcome is (Outcome.FAIL if said else Outcome.PASS), messages
    if said:
        first = next(finding for finding in ruling.findings if said in finding.message)
        assert first.severity is severity


@pytest.mark.sandbox
@pytest.mark.parametrize("lossy", [False, True])
def test_alembic(lab: Lab, lossy: bool) -> None:
    bundle = load_task(ROOT / "tasks" / "bookings-crud")
    task = replace(bundle.task, file=bundle.task.file.model_copy(update={"migrations": ALEMBIC}))
    seed = {path: content for path, (content, _) in bundle.seed.items()}
    final = {**seed, **bundle.solution.files}
    if lossy:
        (name,) = [path for path in final if path.startswith("migrations/versions/0003")]
        head = "def downgrade() -> None:\n"
        final[name] = final[name].decode().replace(head, head + '    op.execute("DELETE FROM rooms")\n').encode()
    evidence = Evidence(Transcript(), "", Tree.of(seed), Tree.of(final), None, None)
    ruling = S2().judge(Case(task=task, evidence=evidence, lab=lab, seed="s"))
    messages = [finding.message for finding in ruling.findings]
    if lossy:
        assert ruling.outcome is Outcome.FAIL
        assert messages == ["the downgrade loses or changes 3 of 3 rows of rooms"]
    else:
        assert ruling.outcome is Outcome.PASS, messages
