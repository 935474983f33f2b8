"""`aml model deploy` and `aml service` against the stand-in: a managed endpoint from its start to its end."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import pytest
import yaml
from standin.endpoints import DOMAIN, KEY, TOKEN
from standin.project import Cloud
from standin.world import Ended, World
from support.rendering import copy_template, render, template_file

TEMPLATE = Path(__file__).resolve().parents[2] / "template"
COLUMNS = ["mean_radius", "mean_texture"]


class Patient(Cloud):
    """A deployment of the stand-in runs score.py while a call waits: that may take long on a busy machine."""

    def aml(self, *words: str, **variables: str) -> Ended:
        patient = {"AML_AZURE_DEADLINE": "600", "AML_CACHE_DIR": str(self.path.parent / "cache"), **variables}
        return self.world.aml(*words, cwd=self.path, timeout=900, **patient)


@pytest.fixture
def endpoint(world: World, tmp_path: Path) -> Cloud:
    """A project with score.py, its configurations, and a model in the workspace."""
    cloud = Patient(world, tmp_path / "project")
    import joblib
    import pandas
    from sklearn.linear_model import LogisticRegression

    (cloud.path / "score.py").write_text(template_file("models/model1/score.py"), encoding="utf-8")
    (cloud.path / "ic.yml").write_text("entryScript: score.py\ncondaFile: aml_config/conda.yml\n")
    (cloud.path / "dc.yml").write_text(
        "computeType: ACI\ncontainerResourceRequirements: {cpu: 1, memoryInGB: 1}\nscoringTimeoutMs: 5000\n"
    )
    table = pandas.DataFrame([[1.0, 2.0], [2.0, 1.0], [9.0, 8.0], [8.0, 9.0]], columns=COLUMNS)
    joblib.dump(LogisticRegression().fit(table, [0, 0, 1, 1]), cloud.path / "model.pkl")
    world.network.names.add(f"svc-{cloud.workspace.name}{DOMAIN}")
    made = cloud.aml("model", "register", "-n", "demo", "-p", "model.pkl", "-w", cloud.workspace.name, "-t", "m.json")
    assert made.code == 0, made.text
    return cloud


def test_deploy_invoke_logs_and_delete(world: World, endpoint: Cloud) -> None:
    (endpoint.path / ".env").write_text("TOKEN=do-not-send\n")
    name = f"svc-{endpoint.workspace.name}"
    done = endpoint.aml("model", "deploy", "-n", name, "-f", "m.json", "--ic", "ic.yml", "--dc", "dc.yml")
    assert done.code == 0, done.text
    assert f"https://{name}{DOMAIN}/score" in done.out
    assert "\x1b" not in done.text, "no colours in a pipe"
    held = endpoint.workspace.__dict__["endpoints"][name]
    said = held["deployments"]["blue"]["said"]
    assert said["instanceType"] == "Standard_DS1_v2"
    assert said["requestSettings"]["requestTimeout"] == "PT5S"
    assert {key: int(value) for key, value in held["said"]["traffic"].items()} == {"blue": 100}
    _, _, _, container, prefix = world.plane.code_uri(said["codeConfiguration"]["codeId"]).split("/", 4)
    sent = [blob.name for blob in world.azurite.container(container).list_blobs(name_starts_with=prefix)]
    assert any(one.endswith("/score.py") for one in sent)
    assert not any(one.endswith(".env") for one in sent), "what looks like a secret never travels"

    shown = json.loads(endpoint.aml("service", "show", "-n", name, "-o", "json").out)
    assert (shown["state"], shown["computeType"]) == ("Healthy", "MANAGED")
    row = dict.fromkeys(COLUMNS, 9.0)
    good = endpoint.aml("service", "run", "-n", name, "-d", json.dumps({"data": [row]}))
    assert good.code == 0, good.text
    assert json.loads(good.out)["probabilities"][0][1] > 0.5
    bad = endpoint.aml("service", "run", "-n", name, "-d", '{"data": []}')
    assert bad.code == 2, bad.text
    assert 'status 400: "data" has no rows' in bad.err
    assert "POST /score 200" in endpoint.aml("service", "get-logs", "-n", name).out
    assert json.loads(endpoint.aml("service", "get-keys", "-n", name, "-o", "json").out)["primaryKey"] == KEY
    assert KEY not in done.text + good.text + bad.text

    deleted = endpoint.aml("service", "delete", "-n", name, "-o", "json")
    assert deleted.code == 0 and json.loads(deleted.out)["deleted"], deleted.text
    assert endpoint.workspace.__dict__["endpoints"] == {}
    gone = endpoint.aml("service", "delete", "-n", name)
    assert gone.code == 2, gone.text
    assert f"no service '{name}' here or in {endpoint.workspace.name}" in gone.err


def test_update_changes_what_is_said_and_nothing_else(world: World, endpoint: Cloud) -> None:
    name = f"svc-{endpoint.workspace.name}"
    deploy = ("model", "deploy", "-n", name, "-f", "m.json", "--ic", "ic.yml", "--dc", "dc.yml")
    assert endpoint.aml(*deploy, "--no-wait", "--tag", "team=one").code == 0
    held = endpoint.workspace.__dict__["endpoints"][name]
    assert not held["said"].get("traffic"), "it is not sent requests before it is there"
    again = endpoint.aml(*deploy)
    assert again.code == 2, again.text
    assert "--overwrite" in again.err
    before = dict(held["deployments"]["blue"]["said"])

    words = ("service", "update", "-n", name)
    done = endpoint.aml(*words, "--cc", "4", "--gb", "8", "--nr", "2", "--tm", "9000", "--tag", "more=two")
    assert done.code == 0, done.text
    blue = held["deployments"]["blue"]
    assert blue["said"] == {
        **before, "instanceType": "Standard_DS3_v2", "requestSettings": blue["said"]["requestSettings"],
    }  # fmt: skip
    assert blue["said"]["requestSettings"]["requestTimeout"] == "PT9S"
    assert blue["sku"]["capacity"] == 2
    assert held["tags"] == blue["tags"] == {"team": "one", "more": "two"}
    assert int(held["said"]["traffic"]["blue"]) == 100, "and it answers now"

    score = endpoint.path / "score.py"
    good = score.read_text(encoding="utf-8")
    score.write_text(good.replace('{"probabilities":', '{"version": 2, "probabilities":'), encoding="utf-8")
    done = endpoint.aml(*words, "--ic", "ic.yml")
    assert done.code == 0, done.text
    assert held["deployments"]["blue"]["said"]["codeConfiguration"] != before["codeConfiguration"]
    row = dict.fromkeys(COLUMNS, 9.0)
    answer = endpoint.aml("service", "run", "-n", name, "-d", json.dumps({"data": [row]}))
    assert json.loads(answer.out)["version"] == 2, answer.text

    score.write_text(good.replace("global model\n", "raise RuntimeError('no table')\n"), encoding="utf-8")
    broken = endpoint.aml(*deploy, "--overwrite")
    assert broken.code == 3, broken.text
    assert int(held["said"]["traffic"]["blue"]) == 100, "the requests are not turned away meanwhile"
    assert "container has crashed" in broken.err
    assert f"aml service get-logs -n {name}" in broken.err
    assert "RuntimeError: no table" in endpoint.aml("service", "get-logs", "-n", name).out
    shown = json.loads(endpoint.aml("service", "show", "-n", name, "-o", "json").out)
    assert shown["state"] == "Failed"
    assert (shown["models"], shown["deployments"]["blue"]["instanceCount"]) == (["demo:1"], 1)
    found = endpoint.aml("service", "list", "-w", endpoint.workspace.name, "--model-name", "demo", "-o", "json")
    assert [one["name"] for one in json.loads(found.out)] == [name]


def test_a_deployment_that_fails_at_first_has_a_log_and_no_traffic(endpoint: Cloud) -> None:
    name = f"svc-{endpoint.workspace.name}"
    (endpoint.path / "score.py").write_text("import nosuch\n", encoding="utf-8")
    done = endpoint.aml("model", "deploy", "-n", name, "-f", "m.json", "--ic", "ic.yml", "--dc", "dc.yml")
    assert done.code == 3, done.text
    assert "No module named 'nosuch'" in endpoint.aml("service", "get-logs", "-n", name).out
    assert json.loads(endpoint.aml("service", "show", "-n", name, "-o", "json").out)["state"] == "Failed"


def test_keys_are_made_anew_and_tokens_are_shown(endpoint: Cloud) -> None:
    name = f"svc-{endpoint.workspace.name}"
    deploy = ("model", "deploy", "-n", name, "-f", "m.json", "--ic", "ic.yml", "--dc", "dc.yml")
    assert endpoint.aml(*deploy).code == 0
    assert endpoint.aml("service", "regen-key", "-n", name, "-k", "secondary").code == 0
    keys = json.loads(endpoint.aml("service", "get-keys", "-n", name, "-o", "json").out)
    assert keys["primaryKey"] == KEY
    assert keys["secondaryKey"] not in (KEY, f"{KEY}-2")
    refused = endpoint.aml("service", "get-access-token", "-n", name)
    assert refused.code == 2
    assert "uses keys, not tokens" in refused.err

    assert endpoint.aml(*deploy, "--overwrite", "--token-auth-enabled", "true").code == 0
    token = json.loads(endpoint.aml("service", "get-access-token", "-n", name, "-o", "json").out)
    assert token["accessToken"] == TOKEN
    row = dict.fromkeys(COLUMNS, 9.0)
    assert endpoint.aml("service", "run", "-n", name, "-d", json.dumps({"data": [row]})).code == 0
    for words in (("get-keys",), ("regen-key", "-k", "Primary")):
        refused = endpoint.aml("service", words[0], "-n", name, *words[1:])
        assert refused.code == 2
        assert "uses tokens, not keys" in refused.err


def deploy_step(folder: Path, ci: str) -> tuple[Path, list[str]]:
    """A project rendered for a CI service, with the words of its workflow's deploy step."""
    root = render(folder / ci, source=copy_template(folder / f"template-{ci}"), ci=ci)
    file = {"github": ".github/workflows/train.yml", "azure-devops": "azure-pipelines.yml"}[ci]
    tree = yaml.safe_load((root / file).read_text(encoding="utf-8"))
    steps = (tree["jobs"]["train"] if ci == "github" else tree["stages"][-1]["jobs"][0])["steps"]
    (step,) = (one for one in steps if "Deploy" in (one.get("name"), one.get("displayName")))
    text = step.get("run") or step["inputs"]["inlineScript"]
    (line,) = (line for line in text.splitlines() if line.startswith("uv run aml "))
    return root, shlex.split(line.removeprefix("uv run aml "))


def test_the_workflows_deploy_step_deploys_at_first_and_again(endpoint: Cloud, world: World, tmp_path: Path) -> None:
    root, words = deploy_step(tmp_path, "github")
    assert words == deploy_step(tmp_path, "azure-devops")[1]
    service = f"svc-{endpoint.workspace.name}"
    shutil.copytree(endpoint.path / ".azureml", root / ".azureml", dirs_exist_ok=True)
    model = root / "models" / "model1"
    shutil.copy2(endpoint.path / "m.json", model / "model.json")
    endpoint.path = model
    words[words.index("$SERVICE")] = service
    for _ in range(2):
        done = endpoint.aml(*words)
        assert done.code == 0, done.text
    good = endpoint.aml("service", "run", "-n", service, "-d", json.dumps({"data": [dict.fromkeys(COLUMNS, 9.0)]}))
    assert good.code == 0, good.text


def test_a_model_that_the_workspace_lacks_is_the_services_own_refusal(endpoint: Cloud) -> None:
    done = endpoint.aml("model", "deploy", "-n", "svc-other", "-m", "nosuch:1", "--ic", "ic.yml", "--dc", "dc.yml")
    assert done.code == 3, done.text
    assert "nosuch" in done.err
    assert "Traceback" not in done.err
