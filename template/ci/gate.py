"""The evaluation gate: a new model is registered only if it is as good as the one that is registered now.

    python ci/gate.py --run run.json --model demo-model --metric auc

prints the new run's metric and ends with 0, or says why not on stderr and ends with 1. Register with
`--property auc=VALUE`, so that the next run can be compared with this one.
"""

import argparse
import json
import math
import subprocess
import sys
from pathlib import Path


class Refused(Exception):
    """The new model must not be registered; the message says why."""


def decide(metric, new, registered, lower_is_better=False, tolerance=0.0, accept_unmeasured=False):
    """Raise Refused unless `new` is as good as the newest registered version's metric.

    `registered` are `aml model list`'s records. Versions that nobody measured cannot be compared with: they make
    the gate refuse, unless there are none or `accept_unmeasured` is set.
    """
    if new is None or math.isnan(new):
        raise Refused(f"the run has no {metric} (or it is not a number): log it with mlflow.log_metric")
    versions = sorted(registered, key=lambda model: int(model["version"]), reverse=True)
    measured = [model for model in versions if metric in (model.get("properties") or {})]
    if not measured:
        if versions and not accept_unmeasured:
            raise Refused(
                f"no registered version has the property {metric}, so there is nothing to compare with; "
                f"register one with --property {metric}=VALUE, or run once with --accept-unmeasured"
            )
        return
    model = measured[0]
    old = float(model["properties"][metric])
    worse = new - old if lower_is_better else old - new
    if not worse <= tolerance:
        raise Refused(f"{metric} {new:.6g} is worse than {old:.6g} of version {model['version']}")


def measure(record, metric):
    """The metric of a finished run: as MLflow has it, else as the run wrote it into outputs/metrics.json."""
    if record["status"] != "Completed":
        raise Refused(f"run {record['run_id']} is {record['status']}")
    value = (record.get("metrics") or {}).get(metric)
    if value is None:
        file = Path(__file__).parents[1] / "runs" / record["run_id"] / "outputs" / "metrics.json"
        value = json.loads(file.read_text(encoding="utf-8")).get(metric) if file.exists() else None
    return None if value is None else float(value)


def registry(record):
    """The options that name the registry of a run's models: its workspace's, or none for this project's own."""
    if not record.get("remote"):
        return []
    place = record["workspace"]
    names = {"-w": "workspace_name", "-g": "resource_group", "--subscription-id": "subscription_id"}
    return [word for option, name in names.items() for word in (option, place[name])]


def aml(*words):
    """The JSON answer of an `aml` command; what it says goes to stderr. Its failure is ours."""
    done = subprocess.run([sys.executable, "-m", "amlrun", *words, "-o", "json"], stdout=subprocess.PIPE)
    if done.returncode:
        raise SystemExit(done.returncode)
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser(description="Refuse a model that is worse than the registered one.")
    parser.add_argument("--run", required=True, metavar="RUN", help="a run id, or the run.json of a submit")
    parser.add_argument("--model", required=True, metavar="NAME", help="the registered model")
    parser.add_argument("--metric", required=True, metavar="NAME", help="the metric, and the model's property")
    parser.add_argument("--lower-is-better", action="store_true", help="for a loss or an error")
    parser.add_argument("--tolerance", type=float, default=0.0, help="how much worse is still good enough")
    parser.add_argument("--accept-unmeasured", action="store_true", help="let versions without the metric pass")
    args = parser.parse_args()
    try:
        record = aml("run", "show", "-r", args.run)
        new = measure(record, args.metric)
        registered = aml("model", "list", "-n", args.model, *registry(record))
        decide(args.metric, new, registered, args.lower_is_better, args.tolerance, args.accept_unmeasured)
    except Refused as refusal:
        sys.exit(f"Refused: {refusal}")
    print(new)


if __name__ == "__main__":
    main()
