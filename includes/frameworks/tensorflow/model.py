"""The model: a Keras network on TensorFlow. train.py and score.py use this page.

Its file, model.keras, is Keras' own format: reading it runs no code.
"""

import json
import shutil

import keras
import numpy as np
import tensorflow as tf

MODEL_FILE = "model.keras"
CHECKPOINT = "checkpoint.keras"


def add_options(parser):
    """The options of train.py that belong to this model."""
    parser.add_argument("--learning-rate", "--learning_rate", type=float, default=0.01, help="Adam's learning rate")
    parser.add_argument("--hidden", type=int, default=16, help="width of the hidden layer")
    # More threads than idle cores make training slower, not faster.
    parser.add_argument("--threads", type=int, default=1, help="threads of one process on the CPU")


@keras.saving.register_keras_serializable(package="model")
class Network(keras.Model):
    """Raw columns in, a probability for each class out. The columns' means and spreads are saved with it."""

    def __init__(self, columns, classes, hidden, **settings):
        super().__init__(**settings)
        self.columns, self.classes, self.hidden = list(columns), list(classes), hidden
        self.scaler = keras.layers.Normalization()
        self.layer = keras.layers.Dense(hidden, activation="relu")
        self.head = keras.layers.Dense(len(self.classes), activation="softmax")

    def call(self, rows):
        return self.head(self.layer(self.scaler(rows)))

    def get_config(self):
        own = {"columns": list(self.columns), "classes": list(self.classes), "hidden": self.hidden}
        return {**super().get_config(), **own}


class Model:
    """A network that answers as scikit-learn's classifiers do."""

    def __init__(self, network):
        self.network = network
        self.feature_names_in_, self.classes_ = list(network.columns), np.array(list(network.classes))

    def fit_epoch(self, epoch):
        """Pass over the rows once; the mean loss."""
        # The same order whether a training was resumed or not.
        order = np.random.default_rng((self.seed, epoch)).permutation(len(self.labels))
        kept = self.network.fit(
            self.rows[order], self.labels[order], batch_size=self.batch_size, shuffle=False, verbose=0
        )
        return float(kept.history["loss"][0])

    def predict_proba(self, features):
        chances = self.network(np.asarray(features, dtype="float32"), training=False)
        chances = keras.ops.convert_to_numpy(chances).astype("float64")
        return chances / chances.sum(axis=1, keepdims=True)  # 32 bits do not add up to 1

    def predict(self, features):
        return self.classes_[self.predict_proba(features).argmax(axis=1)]


def build(features, target, args, seed):
    """An unfitted model for these rows, which `fit_epoch` fits."""
    keras.utils.set_random_seed(seed)
    tf.config.threading.set_intra_op_parallelism_threads(args.threads)
    tf.config.threading.set_inter_op_parallelism_threads(args.threads)
    classes = np.unique(target)
    network = Network(features.columns, classes.tolist(), args.hidden)
    model = Model(network)
    model.rows, model.labels = np.asarray(features, dtype="float32"), np.searchsorted(classes, target)
    model.batch_size, model.seed = args.batch_size, seed
    network.scaler.adapt(model.rows)
    network.compile(keras.optimizers.Adam(args.learning_rate), loss="sparse_categorical_crossentropy")
    network(model.rows[:1])  # The weights exist from here on
    return model


def save(model, path):
    """Write the whole file or nothing, where `aml model register` and score.py look for it."""
    unfinished = path.with_name("part." + path.name)
    model.network.save(unfinished)
    unfinished.replace(path)


def load(path):
    """A saved model."""
    return Model(keras.saving.load_model(path))


def save_checkpoint(model, path, progress):
    """Write what is needed to go on after this epoch. `progress`: the next epoch, the best loss, epochs waited."""
    save(model, path)
    numbers = [float(number) for number in progress]
    path.with_suffix(".json").write_text(json.dumps(numbers) + "\n", encoding="utf-8")


def resume(model, folder, outputs):
    """Go on where the run with these outputs stopped: its progress. Its best model counts until there is a better."""
    model.network = load(folder / CHECKPOINT).network
    if folder.resolve() != outputs.resolve():
        shutil.copy2(folder / MODEL_FILE, outputs / MODEL_FILE)
    epoch, best_loss, waited = json.loads((folder / CHECKPOINT).with_suffix(".json").read_text(encoding="utf-8"))
    return int(epoch), best_loss, int(waited)
