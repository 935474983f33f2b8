"""Train the model: read the data, fit, evaluate, save. An outline: put your own code into its sections.

Runs by itself (`python train.py --data-path ../../data/sample`) and, unchanged, under `aml run submit-script`.
"""

import argparse
import json
from copy import deepcopy
from pathlib import Path

import joblib
import mlflow
import numpy as np
import pandas as pd
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import (
    accuracy_score,
    classification_report,
    confusion_matrix,
    log_loss,
    roc_auc_score,
    roc_curve,
)
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

TARGET = "target"  # The column to predict
OUTPUTS = Path("outputs")  # What is written here is kept with the run
SEED = 42


# ---- Arguments


def parse_args(words=None):
    """The options of a training; words that are not ours are left to whoever added them."""
    parser = argparse.ArgumentParser(description="Train the model.")
    parser.add_argument("--data-path", type=Path, required=True, help="a CSV file, or a folder of them")
    parser.add_argument("--epochs", type=int, default=10, help="passes over the training data")
    parser.add_argument("--batch-size", "--batch_size", type=int, default=32, help="rows in a step")
    patience = "stop after this many epochs without a better loss; below 0: never"
    parser.add_argument("--es-patience", "--es_patience", type=int, default=-1, help=patience)
    share = "share of rows kept for the test"
    parser.add_argument("--train-test-split-ratio", "--train_test_split_ratio", type=float, default=0.3, help=share)
    parser.add_argument("--alpha", type=float, default=0.01, help="strength of the penalty")
    parser.add_argument(
        "--penalty", default="l2", help="l1, l2, elasticnet, none, or a number: l2, that many times as strong"
    )
    # Your own options go here.
    args, unknown = parser.parse_known_args(words)
    if unknown:
        print("Options that train.py does not know:", *unknown)
    if args.epochs < 1 or args.batch_size < 1:
        parser.error("--epochs and --batch-size must be at least 1")
    if args.alpha <= 0:
        parser.error("--alpha must be above 0")
    if not 0 < args.train_test_split_ratio < 1:
        parser.error("--train-test-split-ratio must lie between 0 and 1")
    try:
        make_classifier(args.penalty, args.alpha)
    except ValueError:
        parser.error(f"--penalty: expected l1, l2, elasticnet, none or a number, got {args.penalty!r}")
    return args


# ---- Data


def load_data(path):
    """The columns to learn from, and the one to predict, of all CSV files at or below `path`."""
    files = [path] if path.is_file() else sorted(path.rglob("*.csv"))
    if not files:
        raise SystemExit(f"train.py: there is no CSV file in {path}")
    table = pd.concat([pd.read_csv(file) for file in files], ignore_index=True)
    if TARGET not in table.columns:
        raise SystemExit(f"train.py: {files[0]} has no column {TARGET!r}")
    # Your own preparation goes here.
    return table.drop(columns=TARGET), table[TARGET].to_numpy()


# ---- Model


def make_classifier(penalty, alpha):
    """A classifier that learns batch by batch. `penalty` is a word or a number; ValueError if it is neither."""
    penalty = penalty.lower()
    if penalty not in ("l1", "l2", "elasticnet", "none"):
        penalty, alpha = "l2", alpha * float(penalty)
    return SGDClassifier(
        loss="log_loss", penalty=None if penalty == "none" else penalty, alpha=alpha, random_state=SEED
    )


def train(features, target, args):
    """A fitted pipeline from raw columns to probabilities: that of the epoch with the lowest validation loss."""
    fit_x, check_x, fit_y, check_y = train_test_split(
        features, target, test_size=0.2, stratify=target, random_state=SEED
    )
    # Your own model goes here.
    scaler = StandardScaler().fit(fit_x)
    classifier = make_classifier(args.penalty, args.alpha)
    fit_x, check_x = scaler.transform(fit_x), scaler.transform(check_x)
    classes = np.unique(target)
    random = np.random.default_rng(SEED)
    best, best_loss, waited = classifier, np.inf, 0
    for epoch in range(args.epochs):
        order = random.permutation(len(fit_y))
        for start in range(0, len(order), args.batch_size):
            batch = order[start : start + args.batch_size]
            classifier.partial_fit(fit_x[batch], fit_y[batch], classes=classes)
        chances = classifier.predict_proba(check_x)
        loss = log_loss(check_y, chances, labels=classes)
        accuracy = accuracy_score(check_y, classes[chances.argmax(axis=1)])
        mlflow.log_metrics({"val_loss": loss, "val_accuracy": accuracy}, step=epoch)
        print(f"epoch {epoch}: validation loss {loss:.4f}, accuracy {accuracy:.4f}", flush=True)
        if loss < best_loss:
            best, best_loss, waited = deepcopy(classifier), loss, 0
            continue
        waited += 1
        if 0 <= args.es_patience <= waited:
            print(f"No better loss for {waited} epochs: stopped.", flush=True)
            break
    return make_pipeline(scaler, best)


# ---- Evaluation


def evaluate(model, features, target):
    """Measure the model on rows that it has not seen; numbers and pictures go to `outputs/`."""
    from matplotlib.figure import Figure

    chances = model.predict_proba(features)[:, 1]
    predicted = model.predict(features)
    metrics = {
        "accuracy": float(accuracy_score(target, predicted)),
        "auc": float(roc_auc_score(target, chances)),
    }
    report = classification_report(target, predicted, zero_division=0)
    print(report)
    (OUTPUTS / "classification_report.txt").write_text(report, encoding="utf-8")
    (OUTPUTS / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")

    figure = Figure(figsize=(5, 5))
    axes = figure.subplots()
    false_rate, true_rate, _ = roc_curve(target, chances, pos_label=model.classes_[1])
    axes.plot(false_rate, true_rate)
    axes.plot([0, 1], [0, 1], linestyle="--", color="grey")
    axes.set(xlabel="False positive rate", ylabel="True positive rate", title=f"ROC curve, AUC {metrics['auc']:.3f}")
    figure.savefig(OUTPUTS / "roc_curve.png")

    figure = Figure(figsize=(5, 5))
    axes = figure.subplots()
    counts = confusion_matrix(target, predicted, labels=model.classes_)
    axes.imshow(counts, cmap="Blues")
    for (row, column), count in np.ndenumerate(counts):
        dark = count > counts.max() / 2
        axes.text(column, row, str(count), ha="center", va="center", color="white" if dark else "black")
    ticks = range(len(model.classes_))
    axes.set_xticks(ticks, model.classes_)
    axes.set_yticks(ticks, model.classes_)
    axes.set(xlabel="Predicted", ylabel="True", title="Confusion matrix")
    figure.savefig(OUTPUTS / "confusion_matrix.png", bbox_inches="tight")
    return metrics


# ---- Save


def save(model):
    """Write the model where `aml model register --asset-path outputs/model.pkl` and score.py look for it."""
    joblib.dump(model, OUTPUTS / "model.pkl")


def main(words=None):
    args = parse_args(words)
    OUTPUTS.mkdir(exist_ok=True)
    features, target = load_data(args.data_path)
    train_x, test_x, train_y, test_y = train_test_split(
        features, target, test_size=args.train_test_split_ratio, stratify=target, random_state=SEED
    )
    with mlflow.start_run():
        mlflow.log_params({name: value for name, value in vars(args).items() if name != "data_path"})
        model = train(train_x, train_y, args)
        metrics = evaluate(model, test_x, test_y)
        mlflow.log_metrics(metrics)
    save(model)
    print(f"accuracy {metrics['accuracy']:.4f}, AUC {metrics['auc']:.4f}; the model is in {OUTPUTS / 'model.pkl'}")


if __name__ == "__main__":
    main()
