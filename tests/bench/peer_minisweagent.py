"""mini-swe-agent on the trivial trial with a scripted model; runs in an environment of its own, without the harness.

`python peer_minisweagent.py WORK.json SANDBOX` reads batches from its input as `side` does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from minisweagent.agents.default import DefaultAgent
from minisweagent.environments.docker import DockerEnvironment
from minisweagent.environments.local import LocalEnvironment
from minisweagent.models.test_models import DeterministicModel, make_output

GIVEN = json.loads(Path(sys.argv[1]).read_text())
END = "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"


def trial(work: str) -> None:
    """One conversation over a fresh copy of the files."""
    with tempfile.TemporaryDirectory() as folder:
        for path, text in GIVEN["files"].items():
            (Path(folder) / path).parent.mkdir(parents=True, exist_ok=True)
            (Path(folder) / path).write_text(text)
        made = _containers(folder) if sys.argv[2] == "docker" else LocalEnvironment(cwd=folder, timeout=120)
        commands = [f"PATH={GIVEN['programs'][sys.argv[2]]}:$PATH\n{command}" for command in GIVEN["turns"][work]]
        turns = [make_output("", [{"command": command}]) for command in (*commands, END)]
        agent = DefaultAgent(
            DeterministicModel(outputs=turns),
            made,
            system_template="Work.",
            instance_template="{{task}}",
            cost_limit=0.0,
            output_path=Path(folder) / "trajectory.json",
        )
        if agent.run("Work.")["exit_status"] != "Submitted":
            raise SystemExit(f"mini-swe-agent: {agent.messages[-1]}")
        outputs = [m["extra"]["raw_output"] for m in agent.messages if "returncode" in m.get("extra", {})]
        path, text = GIVEN["written"]
        found = made.execute({"command": f"cat {path}"})["output"]
        said = "".join(outputs)
        if not said.startswith(GIVEN["read"]) or found != text or ("5 passed" not in said and work == "real"):
            raise SystemExit(f"mini-swe-agent: {said} {found}")


def _containers(folder: str) -> DockerEnvironment:
    made = DockerEnvironment(
        image=GIVEN["image"],
        cwd="/workspace",
        timeout=120,
        run_args=["--rm", "--network", "none"],
        interpreter=["bash", "-c"],
        env=GIVEN["env"],
    )
    subprocess.run(["docker", "cp", f"{folder}/.", f"{made.container_id}:/workspace"], check=True, capture_output=True)
    return made


def main() -> None:
    """Answer until the input ends; what the peer itself prints is for people."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    print(json.dumps({"start_s": 0.0}), file=answers)
    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        began = time.monotonic()
        with ThreadPoolExecutor(asked["concurrency"]) as pool:
            list(pool.map(trial, [asked["work"]] * asked["trials"]))
        print(json.dumps({"seconds": time.monotonic() - began}), file=answers)


if __name__ == "__main__":
    main()
