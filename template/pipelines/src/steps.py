"""The steps of pipelines/train.yml around the training itself: `prep` and `evaluate`."""

import argparse
import json
import shutil
from pathlib import Path

import joblib
import mlflow
import pandas as pd
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

TARGET = "target"  # The column to predict, as in train.py


def read(folder):
    """The table of all CSV files below a folder."""
    return pd.concat([pd.read_csv(file) for file in sorted(folder.rglob("*.csv"))], ignore_index=True)


def prep(args):
    """Split the rows into a training and a test set."""
    table = read(args.data)
    # Your own preparation goes here.
    train, test = train_test_split(table, test_size=args.test_share, stratify=table[TARGET], random_state=42)
    train.to_csv(args.train / "train.csv", index=False)
    test.to_csv(args.test / "test.csv", index=False)
    print(len(train), "training rows,", len(test), "test rows")


def evaluate(args):
    """Score the new and the registered model on the same rows, and pass on the better one."""
    table = read(args.data)
    features, target = table.drop(columns=TARGET), table[TARGET]
    report = {}
    for name, place in {"auc": args.model, "registered_auc": args.registered}.items():
        if place is not None:
            model = joblib.load(place if place.is_file() else next(place.rglob("model.pkl")))
            report[name] = float(roc_auc_score(target, model.predict_proba(features)[:, 1]))
    print(report)
    with mlflow.start_run():
        mlflow.log_metrics(report)
    args.report.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")

    new_is_better = args.registered is None or report["auc"] > report["registered_auc"]
    print("The new model is better." if new_is_better else "The registered model stays.")
    better = args.model if new_is_better else args.registered
    file = better if better.is_file() else next(better.rglob("model.pkl"))
    shutil.copyfile(file, args.better / "model.pkl")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    first = commands.add_parser("prep", help=prep.__doc__)
    first.set_defaults(step=prep)
    first.add_argument("--data", type=Path, required=True, help="a folder of CSV files")
    first.add_argument("--test-share", type=float, required=True, help="fraction of rows for the test set")
    first.add_argument("--train", type=Path, required=True, help="the folder to write the training set to")
    first.add_argument("--test", type=Path, required=True, help="the folder to write the test set to")
    last = commands.add_parser("evaluate", help=evaluate.__doc__)
    last.set_defaults(step=evaluate)
    last.add_argument("--data", type=Path, required=True, help="a folder of CSV files")
    last.add_argument("--model", type=Path, required=True, help="the folder of the new model")
    last.add_argument("--registered", type=Path, help="the registered model, if there is one")
    last.add_argument("--report", type=Path, required=True, help="the JSON file to write")
    last.add_argument("--better", type=Path, required=True, help="the folder to write the better model to")
    args = parser.parse_args()
    args.step(args)


if __name__ == "__main__":
    main()
