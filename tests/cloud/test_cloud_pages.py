"""The pages' examples that need a workspace, run in order against the stand-in, each to its good end."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path

import pytest
from standin import automl
from standin.endpoints import DOMAIN
from standin.rendered import Rendered
from standin.world import GROUP, SUBSCRIPTION, World

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))
import console

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the examples are written for a POSIX shell")

NOBODYS = "00000000-0000-0000-0000-000000000000"
ATTACH = 'uv run aml folder attach -g "$GROUP" -w "$WORKSPACE" --subscription-id "$SUBSCRIPTION"'
TRAIN = "(cd models/model1 && MLFLOW_DISABLE_TELEMETRY=true uv run python train.py --data-path ../../data/sample)"
REGISTER = "uv run aml model register -n demo-model -p models/model1/outputs/model.pkl -w $WORKSPACE"
SAMPLE = "uv run aml dataset register -n sample -p data/sample -w $WORKSPACE"
# What a page's reader has done before.
BEFORE = {
    "deploy": [ATTACH, SAMPLE, TRAIN, REGISTER, REGISTER], "sweep": [ATTACH, SAMPLE],
    **{key: [ATTACH] for key in ["data", "automl", "pipelines", "schedules"]},
}  # fmt: skip


def commands(page: Path) -> list[str]:
    """A page's commands that need a workspace, and each `cd` on the way; the Azure CLI's own are not ours to run."""
    found = []
    for block in console.blocks(page):
        ours = "uv run aml " if block.why == "needs a workspace" else "cd "
        found += [one.command for one in block.examples if one.command.startswith((ours, "cd "))]
    return found


PAGES = [
    page for page in sorted(console.PAGES.rglob("*.md")) if any(command.startswith("uv") for command in commands(page))
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_workspaces_examples_run(page: Path, world: World, tmp_path: Path) -> None:
    automl.play()
    place = Rendered(world, tmp_path)
    # What a page deploys.
    world.network.names |= {f"demo{DOMAIN}", f"demo-model-batch{DOMAIN}"}
    sweep = place.project / "models" / "model1" / "aml_config" / "sweep.yml"
    few = re.sub(r"max_total_runs: \d+", "max_total_runs: 2", sweep.read_text(encoding="utf-8"))
    sweep.write_text(few, encoding="utf-8")
    for block in console.blocks(page):
        if block.file:
            file = place.project / block.file
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, encoding="utf-8")
    for command in BEFORE.get(page.stem, []):
        place.bash(command)
    names = {"my-workspace": place.workspace.name, "my-group": GROUP, NOBODYS: SUBSCRIPTION}
    for command in commands(page):
        if "STEP-RUN" in command:
            steps = json.loads(place.bash("uv run aml run list --parent-run-id latest -o json"))
            names["STEP-RUN"] = steps[0]["run_id"]
        for shown, name in names.items():
            command = command.replace(shown, name)
        if command.startswith("cd "):
            folder = (place.folder / shlex.split(command)[1]).resolve()
            place.folder = folder if folder.name != "my-project" else place.project
        else:
            print(f"$ {command}\n{place.bash(command)}")
