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
from inspect_ai.solver import generate, use_tools
from inspect_ai.tool import bash

GIVEN = json.loads(Path(sys.argv[1]).read_text())
COMPOSE = """services:
  default:
    image: {image}
    x-local: true
    command: sleep infinity
    network_mode: none
    working_dir: /workspace
"""


def batch(work: str, concurrency: int, trials: int, **_: Any) -> dict[str, Any]:
    """One evaluation with a sample for each trial."""
    turns = GIVEN["turns"][work]

    def play(messages: list[Any], *_: Any) -> ModelOutput:
        turn = sum(isinstance(message, ChatMessageAssistant) for message in messages)
        if turn == len(turns):
            said = ModelOutput.from_content("mockllm/model", "It is done.")
        else:
            said = ModelOutput.for_tool_call("mockllm/model", "bash", {"command": turns[turn]})
        # Without a usage of the model's own, tokens are counted with a table from the network.
        said.usage = ModelUsage(input_tokens=1000, output_tokens=100, total_tokens=1100)
        return said

    samples = [Sample(input="Work.", files=GIVEN["files"], id=number) for number in range(trials)]
    with tempfile.TemporaryDirectory() as scratch:
        sandbox: Any = "local"
        if sys.argv[2] == "docker":
            (Path(scratch) / "compose.yaml").write_text(COMPOSE.format(image=GIVEN["image"]))
            sandbox = ("docker", f"{scratch}/compose.yaml")
        log = eval(
            Task(dataset=MemoryDataset(samples), solver=[use_tools(bash(timeout=120)), generate()], sandbox=sandbox),
            model=get_model("mockllm/model", custom_outputs=play),
            max_samples=concurrency,
            max_subprocesses=max(2, concurrency),
            log_dir=f"{scratch}/logs",
            display="none",
        )[0]
        # Within the folder, because samples are read from the log.
        wrong = [
            sample.error or _said(sample) for sample in log.samples or () if sample.error or not _passed(sample, work)
        ]
        if log.status != "success" or wrong:
            raise SystemExit(f"inspect-ai: {log.status} {log.error} {wrong[:1]}")
    return {}


def _said(sample: Any) -> str:
    return "\n".join(message.text for message in sample.messages if message.role == "tool")


def _passed(sample: Any, work: str) -> bool:
    """Whether the suite ran and passed, where it was to be run."""
    return work != "real" or "5 passed" in _said(sample)


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
