"""The model: an XGBoost classifier that learns a tree for each class in an epoch. train.py and score.py use this page.

Its file, model.ubj, is XGBoost's own format: reading it runs no code.
"""

import json

import numpy as np
import xgboost

MODEL_FILE = "model.ubj"


def add_options(parser):
    """The options of train.py that belong to this model."""
    parser.add_argument("--learning-rate", "--learning_rate", type=float, default=0.3, help="weight of each new tree")
    parser.add_argument("--max-depth", "--max_depth", type=int, default=3, help="depth of a tree")
    # More threads than idle cores make XGBoost many times slower.
    parser.add_argument("--threads", type=int, default=1, help="threads of one process")


def build(features, target, args, seed):
    """An unfitted model for these rows, which `fit_epoch` fits. `--batch-size` means nothing here: it sees all rows."""
    classes = np.unique(target)
    settings = {
        "objective": "multi:softprob",
        "num_class": len(classes),
        "learning_rate": args.learning_rate,
        "max_depth": args.max_depth,
        "nthread": args.threads,
        "seed": seed,
    }
    rows = xgboost.DMatrix(features, label=np.searchsorted(classes, target), nthread=args.threads)
    booster = xgboost.Booster(settings, [rows])
    booster.set_attr(classes=json.dumps(classes.tolist()))
    return Model(booster, rows)


class Model:
    """A booster that answers as scikit-learn's classifiers do."""

    def __init__(self, booster, rows=None):
        self.booster, self.rows = booster, rows
        self.classes_ = np.array(json.loads(booster.attr("classes")))

    @property
    def feature_names_in_(self):
        return self.booster.feature_names

    def fit_epoch(self, epoch):
        """Add a tree for each class; the loss on the rows it learns from."""
        self.booster.update(self.rows, epoch)
        return float(self.booster.eval(self.rows).rsplit(":", 1)[1])

    def predict_proba(self, features):
        return self.booster.predict(xgboost.DMatrix(features))

    def predict(self, features):
        return self.classes_[self.predict_proba(features).argmax(axis=1)]


def save(model, path):
    """Write the model where `aml model register` and score.py look for it."""
    model.booster.save_model(path)


def load(path):
    """A saved model."""
    return Model(xgboost.Booster(model_file=path))
