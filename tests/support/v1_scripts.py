"""Scripts of SDK v1 that run anywhere, and what v1 logs for each."""

from __future__ import annotations

HEAD = "from azureml.core import Dataset, Run, Workspace\n\nrun = Run.get_context()\n"

# name → (script, metrics as series of values, parameters and tags, artifacts)
SCRIPTS: dict[str, tuple[str, dict[str, list[float]], dict[str, str], set[str]]] = {
    "scalars": (
        HEAD + "run.log('a', 1.5)\nrun.log('flag', True)\nrun.log('solver', 'saga')\nrun.log('time (s)', 2)\n",
        {"a": [1.5], "flag": [1], "time _s_": [2]},
        {"solver": "saga"},
        set(),
    ),
    "loops": (
        HEAD + "loss = 8.0\nfor epoch in range(3):\n    loss /= 2\n    run.log('loss', loss)\n"
        "while loss > 0.2:\n    loss /= 2\n    run.log('tail', loss)\n",
        {"loss": [4, 2, 1], "tail": [0.5, 0.25, 0.125]},
        {},
        set(),
    ),
    "unknown kinds": (
        HEAD + "import numpy as np\nfound = {'depth': 3, 'name': 'gini', 'f1@2': np.float32(0.5), 'none': None,\n"
        "         'text': '0.75'}\nfor key, value in found.items():\n    run.log(key, value)\n",
        {"depth": [3], "f1_2": [0.5]},
        {"name": "gini", "none": "None", "text": "0.75"},
        set(),
    ),
    "numpy aliases": (
        HEAD
        + "import numpy as np\nrun.log('c', np.float(0.5))\nrun.log('n', np.int(3))\nrun.log('k', np.str('rbf'))\n",
        {"c": [0.5], "n": [3]},
        {"k": "rbf"},
        set(),
    ),
    "lists": (
        HEAD + "run.log_list('scores', [0.7, 0.7, 0.9])\nxs = [i / 2 for i in range(3)]\nrun.log_list('halves', xs)\n",
        {"scores": [0.7, 0.7, 0.9], "halves": [0, 0.5, 1]},
        {},
        set(),
    ),
    "tables and pictures": (
        HEAD + "import matplotlib\nmatplotlib.use('Agg')\nimport matplotlib.pyplot as plt\n"
        "for city, people in (('Ghent', 265), ('Bath', 90)):\n    run.log_row('Cities', city=city, people=people)\n"
        "run.log_table('squares', {'x': [1, 2], 'y': 3})\nplt.plot([1, 2])\nrun.log_image('line', plot=plt)\n"
        "run.log_confusion_matrix('cm', {'data': {'matrix': [[1, 0], [0, 1]]}})\nrun.log('done', 1)\n",
        {"done": [1]},
        {},
        {"Cities.json", "squares.json", "line.png", "cm.json"},
    ),
    "a callback": (
        HEAD + "class Log:\n    def __init__(self, run):\n        self.run = run\n\n"
        "    def on_epoch_end(self, epoch, logs):\n        self.run.log('Loss', logs['loss'])\n\n\n"
        "callback = Log(run)\nfor epoch in range(3):\n    callback.on_epoch_end(epoch, {'loss': 1 - epoch / 4})\n",
        {"Loss": [1, 0.75, 0.5]},
        {},
        set(),
    ),
    "a dataset": (
        HEAD + "ws = run.experiment.workspace\ndata = Dataset.get_by_name(ws, name='flowers')\n"
        "df = data.drop_columns(columns=['id']).to_pandas_dataframe()\nrun.log('rows', len(df))\n"
        "run.log('columns', len(df.columns))\nrun.log('mean', float(df['petal'].mean()))\n",
        {"rows": [4], "columns": [1], "mean": [2.5]},
        {},
        set(),
    ),
    "tags and files": (
        HEAD + "import json\nimport os\nos.makedirs('outputs', exist_ok=True)\nrun.tag('stage', 'train')\n"
        "with open('outputs/a.json', 'w') as file:\n    json.dump({}, file)\n"
        "run.upload_file('outputs/b.json', 'outputs/a.json')\nrun.upload_file('a.json', 'outputs/a.json')\n"
        "run.log('mse', 3.5)\nif float(run.get_metrics()['mse']) > 3 and run.get_tags()['stage'] == 'train':\n"
        "    run.log('read back', 1)\nrun.log('copied', int(os.path.exists('outputs/b.json')))\nrun.complete()\n",
        {"mse": [3.5], "read back": [1], "copied": [1]},
        {"stage": "train"},
        {"a.json"},
    ),
    "children and an offline branch": (
        HEAD + "if run.id.startswith('OfflineRun'):\n    ws = Workspace.from_config()\nelse:\n"
        "    ws = run.experiment.workspace\nfor fold in range(2):\n    child = run.child_run(name=f'fold {fold}')\n"
        "    child.log('accuracy', fold / 2)\n    child.complete()\nrun.log('folds', 2)\n",
        {"folds": [2]},
        {},
        set(),
    ),
}
