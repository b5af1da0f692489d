"""Honest: data and a file name that are not ASCII."""

from redteam.case import Expected, RedCase, honest

CASE = RedCase(
    id="C08",
    title="honest: non-ASCII data and file names",
    script=lambda material: honest(
        material,
        {
            "tests/data/réservations_été_日本.json": '{"organiser": "Zoé Łukasiewicz", "titre": "Café ☕ — 会議"}\n',
            "tests/test_données.py": (
                '"""Names of many alphabets."""\n\nimport json\nfrom pathlib import Path\n\n'
                'DATA = Path(__file__).parent / "data" / "réservations_été_日本.json"\n\n\n'
                "def test_the_data_are_read_as_they_are():\n"
                '    assert json.loads(DATA.read_text(encoding="utf-8"))["organiser"] == "Zoé Łukasiewicz"\n'
            ),
        },
    ),
    beats=(),
    expected=Expected.FULL,
)
