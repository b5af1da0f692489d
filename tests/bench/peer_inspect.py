"""inspect-ai on the trivial trial with a scripted model; runs in an environment of its own, without the harness.

`python peer_inspect.py WORK.json SANDBOX` reads batches from its input as `side` does.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from inspect_ai import Task, eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessageAssistant, ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import CORRECT, Score, accuracy, scorer
from inspect_ai.solver import generate, use_tools
from inspect_ai.tool import bash
from inspect_ai.util import sandbox
from inspect_ai.util._sandbox.docker import docker, prereqs

# It wants Docker 24.0.6 or newer; nothing that is done here needs so new a one.
docker.validate_prereqs = prereqs.validate_docker_compose

GIVEN = json.loads(Path(sys.argv[1]).read_text())
COMPOSE = """services:
  default:
    image: {image}
    x-local: true
    command: tail -f /dev/null
    init: true
    network_mode: none
    stop_grace_period: 1s
    working_dir: /workspace
    environment: {env}
"""


@scorer(metrics=[accuracy()])
def delivered() -> Any:
    """Whether both documents were read, the file is written, and the suite passed where it was to be run."""

    async def score(state: Any, target: Any) -> Score:
        said = "".join(message.text for message in state.messages if message.role == "tool")
        path, text = GIVEN["written"]
        found = await sandbox().read_file(path)
        done = said.startswith(GIVEN["read"]) and found == text and state.metadata["passed"] in said
        return Score(value=CORRECT if done else 0, explanation=said)

    return score


def batch(work: str, concurrency: int, trials: int, **_: Any) -> dict[str, Any]:
    """One evaluation with a sample for each trial."""
    programs = GIVEN["programs"][sys.argv[2]]
    turns = [f"PATH={programs}:$PATH\n{command}" for command in GIVEN["turns"][work]]

    def play(messages: list[Any], *_: Any) -> ModelOutput:
        turn = sum(isinstance(message, ChatMessageAssistant) for message in messages)
        if turn == len(turns):
            said = ModelOutput.from_content("mockllm/model", "It is done.")
        else:
            said = ModelOutput.for_tool_call("mockllm/model", "bash", {"command": turns[turn]})
        # Without a usage of the model's own, tokens are counted with a table from the network.
        said.usage = ModelUsage(input_tokens=1000, output_tokens=100, total_tokens=1100)
        return said

    about = {"passed": "5 passed" if work == "real" else ""}
    samples = [Sample(input="Work.", files=GIVEN["files"], id=number, metadata=about) for number in range(trials)]
    with tempfile.TemporaryDirectory() as scratch:
        box: Any = "local"
        if sys.argv[2] == "docker":
            text = COMPOSE.format(image=GIVEN["image"], env=json.dumps(GIVEN["env"]))
            (Path(scratch) / "compose.yaml").write_text(text)
            box = ("docker", f"{scratch}/compose.yaml")
        solver = [use_tools(bash(timeout=120)), generate()]
        log = eval(
            Task(dataset=MemoryDataset(samples), solver=solver, scorer=delivered(), sandbox=box),
            model=get_model("mockllm/model", custom_outputs=play),
            max_samples=concurrency,
            max_sandboxes=concurrency,
            max_subprocesses=max(2, concurrency),
            log_dir=f"{scratch}/logs",
            display="none",
        )[0]
        # Within the folder, because samples are read from the log.
        if log.status != "success":
            raise SystemExit(f"inspect-ai: {log.status} {log.error}")
        for sample in log.samples or ():
            score = (sample.scores or {}).get("delivered")
            if sample.error or score is None or score.value != CORRECT:
                raise SystemExit(f"inspect-ai: {sample.error or score}")
    return {}


def main() -> None:
    """Answer until the input ends; what the peer itself prints is for people."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    print(json.dumps({"start_s": 0.0}), file=answers)
    for line in sys.stdin:
        asked = json.loads(line)
        began = time.monotonic()
        batch(**asked)
        print(json.dumps({"seconds": time.monotonic() - began}), file=answers)


if __name__ == "__main__":
    main()
