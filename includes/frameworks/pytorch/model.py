"""The model: a PyTorch network, trained by one process or by several at once. train.py and score.py use this page.

Several processes are started by `torchrun`, by Azure ML or by `aml` (train-distributed.runconfig): each sees a part of
the rows, and the gradients are averaged. The file, model.pt, holds numbers and names only: reading it runs no code.
"""

import os
import shutil
from contextlib import contextmanager

import numpy as np
import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

MODEL_FILE = "model.pt"
CHECKPOINT = "checkpoint.pt"
PROCESSES, RANK = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
MAIN = RANK == 0  # The process that logs, evaluates and saves


def add_options(parser):
    """The options of train.py that belong to this model."""
    parser.add_argument("--learning-rate", "--learning_rate", type=float, default=0.01, help="Adam's learning rate")
    parser.add_argument("--hidden", type=int, default=16, help="width of the hidden layer")
    # More threads than idle cores make training slower, not faster.
    parser.add_argument("--threads", type=int, default=1, help="threads of one process on the CPU")


def device():
    """This process's GPU, or the CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


@contextmanager
def process_group():
    """Join the other processes, if there are any."""
    if PROCESSES > 1:
        distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()


def agreed(value):
    """The first process's value, in all of them."""
    if not distributed.is_initialized():
        return value
    shared = torch.tensor([value], dtype=torch.float64, device=device())
    distributed.broadcast(shared, src=0)
    return shared.item()


class Network(nn.Module):
    """Raw columns in, a score for each class out. The columns' means and spreads are saved with it."""

    def __init__(self, columns, classes, hidden):
        super().__init__()
        self.register_buffer("mean", torch.zeros(columns))
        self.register_buffer("scale", torch.ones(columns))
        self.layers = nn.Sequential(nn.Linear(columns, hidden), nn.ReLU(), nn.Linear(hidden, classes))

    def forward(self, rows):
        return self.layers((rows - self.mean) / self.scale)


class Model:
    """A network that answers as scikit-learn's classifiers do."""

    def __init__(self, columns, classes, hidden):
        self.feature_names_in_, self.classes_, self.hidden = list(columns), np.array(classes), hidden
        self.network = Network(len(self.feature_names_in_), len(self.classes_), hidden).to(device())

    def prepare(self, features, target, args, seed):
        """Get ready to learn from these rows."""
        values = np.asarray(features, dtype="float32")
        self.network.mean.copy_(torch.from_numpy(values.mean(axis=0)))
        self.network.scale.copy_(torch.from_numpy(values.std(axis=0)).clamp(min=1e-6))
        rows = TensorDataset(torch.from_numpy(values), torch.from_numpy(np.searchsorted(self.classes_, target)))
        self.sampler = DistributedSampler(rows, PROCESSES, RANK, seed=seed)
        self.batches = DataLoader(rows, batch_size=args.batch_size, sampler=self.sampler)
        self.trained = DistributedDataParallel(self.network) if distributed.is_initialized() else self.network
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=args.learning_rate)

    def fit_epoch(self, epoch):
        """Pass over the rows once; the mean loss over all processes."""
        self.sampler.set_epoch(epoch)  # The same order whether a training was resumed or not
        self.trained.train()
        total = torch.zeros(2, dtype=torch.float64, device=device())
        for rows, labels in self.batches:
            rows, labels = rows.to(device()), labels.to(device())
            self.optimizer.zero_grad()
            loss = nn.functional.cross_entropy(self.trained(rows), labels)
            loss.backward()
            self.optimizer.step()
            total += torch.tensor([loss.item() * len(labels), len(labels)], device=device())
        if distributed.is_initialized():
            distributed.all_reduce(total)
        return (total[0] / total[1]).item()

    @torch.no_grad()
    def predict_proba(self, features):
        self.network.eval()
        rows = torch.from_numpy(np.asarray(features, dtype="float32")).to(device())
        return self.network(rows).double().softmax(dim=1).cpu().numpy()

    def predict(self, features):
        return self.classes_[self.predict_proba(features).argmax(axis=1)]


def build(features, target, args, seed):
    """An unfitted model for these rows, which `fit_epoch` fits."""
    torch.manual_seed(seed)
    torch.set_num_threads(args.threads)
    model = Model(features.columns, np.unique(target), args.hidden)
    model.prepare(features, target, args, seed)
    return model


def write(content, path):
    """Write the whole file or nothing: a training may be stopped at any moment."""
    unfinished = path.with_name(path.name + ".part")
    torch.save(content, unfinished)
    unfinished.replace(path)


def save(model, path):
    """Write the model where `aml model register` and score.py look for it."""
    about = {"columns": model.feature_names_in_, "classes": model.classes_.tolist(), "hidden": model.hidden}
    write({**about, "network": model.network.state_dict()}, path)


def load(path):
    """A saved model."""
    content = torch.load(path, map_location=device(), weights_only=True)
    model = Model(content["columns"], content["classes"], content["hidden"])
    model.network.load_state_dict(content["network"])
    return model


def save_checkpoint(model, path, progress):
    """Write what is needed to go on after this epoch. `progress`: the next epoch, the best loss, epochs waited."""
    states = {"network": model.network.state_dict(), "optimizer": model.optimizer.state_dict()}
    write({**states, "progress": [float(number) for number in progress]}, path)


def resume(model, folder, outputs):
    """Go on where the run with these outputs stopped: its progress. Its best model counts until there is a better."""
    content = torch.load(folder / CHECKPOINT, map_location=device(), weights_only=True)
    model.network.load_state_dict(content["network"])
    model.optimizer.load_state_dict(content["optimizer"])
    if MAIN and folder.resolve() != outputs.resolve():
        shutil.copy2(folder / MODEL_FILE, outputs / MODEL_FILE)
    epoch, best_loss, waited = content["progress"]
    return int(epoch), best_loss, int(waited)
