"""Honest: more JSON fields where the contract leaves room, in the details of a validation error."""

from redteam.case import Expected, RedCase, honest

CASE = RedCase(
    id="C10",
    title="honest: more JSON fields where the contract allows them",
    script=lambda material: honest(
        material,
        edits=[
            (
                "app/core/handlers.py",
                '    return [{"field": field_name(error), "issue": error["type"]} for error in errors]\n',
                "    return [\n"
                '        {"field": field_name(error), "issue": error["type"]}\n'
                '        | ({"where": "query"} if error["loc"][0] == "query" else {})\n'
                "        for error in errors\n"
                "    ]\n",
            )
        ],
    ),
    beats=(),
    expected=Expected.FULL,
)
