"""`aml model deploy` and `aml service` against the stand-in: a managed endpoint from its start to its end."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from standin.endpoints import DOMAIN, KEY
from standin.project import Cloud
from standin.world import World

TEMPLATE = Path(__file__).resolve().parents[2] / "template"
COLUMNS = ["mean_radius", "mean_texture"]


@pytest.fixture
def endpoint(world: World, cloud: Cloud) -> Cloud:
    """A project with score.py, its configurations, and a model in the workspace."""
    import joblib
    import pandas
    from sklearn.linear_model import LogisticRegression

    shutil.copy2(TEMPLATE / "models" / "model1" / "score.py", cloud.path)
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

    assert endpoint.aml("service", "delete", "-n", name).code == 0
    assert endpoint.workspace.__dict__["endpoints"] == {}
    gone = endpoint.aml("service", "show", "-n", name)
    assert gone.code == 3
    assert "404" in gone.err


def test_a_model_that_the_workspace_lacks_is_the_services_own_refusal(endpoint: Cloud) -> None:
    done = endpoint.aml("model", "deploy", "-n", "svc-other", "-m", "nosuch:1", "--ic", "ic.yml", "--dc", "dc.yml")
    assert done.code == 3, done.text
    assert "nosuch" in done.err
    assert "Traceback" not in done.err
