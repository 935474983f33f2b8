"""The very commands of the render's train.yml, run in bash against the stand-in: attach, train, gate, register."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from standin.rendered import Rendered
from standin.world import GROUP, SUBSCRIPTION, World

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the workflows run on Linux, in bash")
TRAIN, REGISTER = "Train", "Register, unless it is worse"


class Runner(Rendered):
    """GitHub's runner at a fresh checkout of a rendered project."""

    def __init__(self, world: World, place: Path) -> None:
        super().__init__(world, place)
        content = yaml.safe_load((self.project / ".github/workflows/train.yml").read_text(encoding="utf-8"))
        job = content["jobs"]["train"]
        self.steps = {step["name"]: step for step in job["steps"] if "run" in step}
        self.folder = self.project / job["defaults"]["run"]["working-directory"]
        self.env |= {**content["env"], "GITHUB_SHA": "c0ffee"}

    def step(self, name: str, expect: int = 0) -> str:
        return self.bash(self.steps[name]["run"], expect)

    def models(self) -> list[dict[str, Any]]:
        """The registered versions, as the workspace has them."""
        return json.loads(self.bash(f"uv run aml model list -n demo-model -w {self.workspace.name} -g {GROUP} "
                                    f"--subscription-id {SUBSCRIPTION} -o json 2>/dev/null"))  # fmt: skip


def test_a_good_model_is_registered_and_a_worse_one_is_refused(world: World, tmp_path: Path) -> None:
    runner = Runner(world, tmp_path)
    assert set(runner.steps) == {"Attach", TRAIN, REGISTER, "Deploy"}
    runner.step("Attach")
    # What the project's README says to do once, before the first training in a workspace.
    runner.bash("cd ../.. && uv run aml dataset register -n sample -p data/sample -w $WORKSPACE")

    said = runner.step(TRAIN)
    record = json.loads((runner.folder / "run.json").read_text(encoding="utf-8"))
    assert record["status"] == "Completed" and record["target"] == "cpu-cluster" and "accuracy 0.9" in said
    assert runner.workspace.creates == [record["run_id"]], "it ran in the workspace"
    runner.step(REGISTER)
    (first,) = runner.models()
    assert float(first["properties"]["auc"]) > 0.95 and first["tags"]["commit"] == "c0ffee"
    assert json.loads((runner.folder / "model.json").read_text(encoding="utf-8"))["modelId"] == "demo-model:1"

    # One as good is compared with it, and passes.
    runner.step(REGISTER)
    assert sorted(int(model["version"]) for model in runner.models()) == [1, 2]

    runner.bash(runner.steps[TRAIN]["run"] + " train.py --data-path /data --epochs 1 --penalty 1e6")
    said = runner.step(REGISTER, expect=1)
    assert "Refused: auc" in said and "is worse than" in said and "version 2" in said
    assert len(runner.models()) == 2, "the gate keeps a worse model out"
