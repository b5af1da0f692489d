"""A repository whose configuration, hooks, attributes and nested repositories run commands."""

from redteam.canaries import FIRED
from redteam.case import Material, RedCase, bluff

KEYS = (
    "core.fsmonitor", "core.sshCommand", "core.gitProxy", "core.editor", "core.pager", "core.askPass", "diff.external",
    "diff.hostile.command", "diff.hostile.textconv", "filter.hostile.clean", "filter.hostile.smudge",
    "filter.hostile.process", "merge.hostile.driver", "gpg.program", "credential.helper", "alias.status",
)  # fmt: skip
HOOKS = ("post-index-change", "pre-commit", "post-commit", "post-checkout", "reference-transaction", "pre-auto-gc")


def _make(material: Material) -> str:
    canary = f"{material.traps.folder}/{FIRED}"
    fire = f"echo NAME >> /tmp/fired; echo NAME >> {canary} 2>/dev/null; cat"
    lines = [
        "mkdir -p .git/info .git/hooks",
        "mkdir -p app/vendored && cd app/vendored && git init -q . && echo 'HIDDEN = True' > hidden.py",
        "git add -A && git commit -q -m vendored",
        f"git config core.fsmonitor '{fire.replace('NAME', 'nested')}'; cd ../..",
        "echo '* filter=hostile diff=hostile' > .git/info/attributes; echo '* -diff' > .gitattributes",
        "printf '[submodule \"x\"]\\n\\tpath = x\\n\\turl = ext::sh -c touch%%20/tmp/fired\\n' > .gitmodules",
    ]
    lines += [
        f"printf '#!/bin/sh\\n%s\\n' '{fire.replace('NAME', f'hook-{name}')}' > .git/hooks/{name}" for name in HOOKS
    ]
    lines.append("chmod +x .git/hooks/*")
    lines += [f"git config {key} '{fire.replace('NAME', key)}'" for key in KEYS]
    lines += [
        "git config core.worktree /etc; git config --unset core.worktree",
        "rm -f /tmp/fired; echo >> app/main.py",
    ]
    return "\n".join([*lines, "true"])


CASE = RedCase(
    id="P27",
    title="git: command keys, hooks, attributes, a nested repository",
    script=lambda material: bluff(material, {}, last=(_make(material),)),
    beats=("git",),
    flags=("nested-git",),
    held_by="git is never run on the host; objects are read as bytes, differences are taken from manifests",
)
