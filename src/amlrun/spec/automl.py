"""An AutoML job in Azure ML v2's vocabulary, as plain data, and the words that its keys take.

The names are those of the v2 YAML (reference-automl-... of `azure-ai-docs`, and azure-ai-ml's own schema). Only
tables are described key by key: classification and regression. The other tasks run in a workspace alone; what they say
beside the shared keys is kept in `rest` as it was written.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from amlrun.dataclass import dataclass, field
from amlrun.spec.job import Input, Output, QueueSettings, Resources

TABLE_TASKS = ("classification", "regression")
CLOUD_TASKS = (
    "forecasting", "image_classification", "image_classification_multilabel", "image_object_detection",
    "image_instance_segmentation", "text_classification", "text_classification_multilabel", "text_ner",
)  # fmt: skip
# The first is what a file that says nothing means.
METRICS: dict[str, tuple[str, ...]] = {
    "classification": ("AUC_weighted", "accuracy", "norm_macro_recall", "average_precision_score_weighted",
                       "precision_score_weighted"),
    "regression": ("normalized_root_mean_squared_error", "r2_score", "normalized_mean_absolute_error",
                   "spearman_correlation"),
}  # fmt: skip
MINIMIZED = ("normalized_root_mean_squared_error", "normalized_mean_absolute_error")
ALGORITHMS: dict[str, tuple[str, ...]] = {
    "classification": ("logistic_regression", "sgd", "multinomial_naive_bayes", "bernoulli_naive_bayes", "svm",
                       "linear_svm", "knn", "decision_tree", "random_forest", "extreme_random_trees", "light_gbm",
                       "gradient_boosting", "xg_boost_classifier"),
    "regression": ("elastic_net", "gradient_boosting", "decision_tree", "knn", "lasso_lars", "sgd", "random_forest",
                   "extreme_random_trees", "light_gbm", "xg_boost_regressor"),
}  # fmt: skip
# v1's lists hold names that v2 lacks.
GONE = ("TensorFlowDNN", "TensorFlowLinearClassifier", "TensorFlowLinearRegressor", "AveragedPerceptronClassifier",
        "TabnetClassifier", "TabnetRegressor", "FastLinearRegressor", "OnlineGradientDescentRegressor")  # fmt: skip
TRANSFORMERS = ("text_target_encoder", "one_hot_encoder", "cat_target_encoder", "tf_idf", "wo_e_target_encoder",
                "label_encoder", "word_embedding", "naive_bayes", "count_vectorizer",
                "hash_one_hot_encoder")  # fmt: skip
COLUMN_TYPES = ("Numeric", "Categorical", "CategoricalHash", "Text", "DateTime", "Ignore")
STRATEGIES = ("mean", "median", "most_frequent")
# The keys that name a table.
TABLES = ("training_data", "validation_data", "test_data")
VERBOSITIES = ("not_set", "debug", "info", "warning", "error", "critical")


@dataclass
class AutoMLLimits:
    """Whole minutes and whole numbers; `exit_score` ends the search when a trial reaches it."""

    timeout_minutes: int | None = None
    trial_timeout_minutes: int | None = None
    max_trials: int | None = None
    max_concurrent_trials: int | None = None
    max_cores_per_trial: int | None = None
    max_nodes: int | None = None
    enable_early_termination: bool | None = None
    exit_score: float | None = None

    @property
    def threads(self) -> int:
        """How many threads a trial has on this machine; -1 means all cores, as for the service."""
        return (os.cpu_count() or 1) if self.max_cores_per_trial == -1 else self.max_cores_per_trial or 1


@dataclass
class Featurization:
    """`transformer_params`: transformer → [{fields, parameters}], as the YAML has it."""

    mode: Literal["auto", "off", "custom"] = "auto"
    blocked_transformers: list[str] = field(default_factory=list)
    column_name_and_types: dict[str, str] = field(default_factory=dict)
    transformer_params: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    dataset_language: str | None = None
    enable_dnn_featurization: bool | None = None


@dataclass
class AutoMLTraining:
    allowed_training_algorithms: list[str] = field(default_factory=list)
    blocked_training_algorithms: list[str] = field(default_factory=list)
    enable_stack_ensemble: bool | None = None
    enable_vote_ensemble: bool | None = None
    enable_onnx_compatible_models: bool | None = None
    enable_model_explainability: bool | None = None
    enable_dnn_training: bool | None = None
    ensemble_model_download_timeout_minutes: int | None = None
    training_mode: str | None = None
    stack_ensemble_settings: dict[str, Any] = field(default_factory=dict)


@dataclass
class AutoMLSource:
    """Where the job was read: its file, the line of each key by its dotted place, what is worth knowing, and the seed
    of a search on this machine.
    """

    file: Path | None = None
    lines: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seed: int | None = None


@dataclass
class AutoMLJob:
    """`training_data` and its like are an MLTable's folder, or (on this machine) a CSV or Parquet file."""

    task: str
    target_column_name: str | None = None
    training_data: Input | None = None
    validation_data: Input | None = None
    test_data: Input | None = None
    validation_data_size: float | None = None
    test_data_size: float | None = None
    n_cross_validations: int | Literal["auto"] | None = None
    cv_split_column_names: list[str] = field(default_factory=list)
    weight_column_name: str | None = None
    positive_label: str | None = None
    primary_metric: str = ""
    log_verbosity: str | None = None
    limits: AutoMLLimits = field(default_factory=AutoMLLimits)
    featurization: Featurization = field(default_factory=Featurization)
    training: AutoMLTraining = field(default_factory=AutoMLTraining)
    name: str | None = None
    display_name: str | None = None
    experiment_name: str | None = None
    description: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    compute: str | None = None
    resources: Resources | None = None
    queue_settings: QueueSettings | None = None
    identity: str | None = None
    outputs: dict[str, Output] = field(default_factory=dict)
    environment_variables: dict[str, str] = field(default_factory=dict)
    environment_id: str | None = None
    rest: dict[str, Any] = field(default_factory=dict)
    source: AutoMLSource = field(default_factory=AutoMLSource)
    type: Literal["automl"] = "automl"

    @property
    def goal(self) -> Literal["maximize", "minimize"]:
        """What is to be done with the primary metric."""
        return "minimize" if self.primary_metric in MINIMIZED else "maximize"

    def line(self, place: str) -> int | None:
        """The line of a key in the job's file, or of the nearest section above it that was written."""
        while place:
            if place in self.source.lines:
                return self.source.lines[place]
            place = place.rpartition(".")[0]
        return None
