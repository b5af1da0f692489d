"""The interpreter ends with status 0 as soon as the app is imported."""

from redteam.case import Expected, RedCase, bluff

CASE = RedCase(
    id="P05",
    title="os._exit(0) on import",
    script=lambda material: bluff(material, {"app/__init__.py": '"""Meeting rooms."""\n\nimport os\n\nos._exit(0)\n'}),
    expected=Expected.AGENT_ZERO,
    held_by="an app that ends is a failed stage; a run without its end record is no run",
)
