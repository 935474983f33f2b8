"""What a submit tells beside the log: old files, ignored options, changed inputs; and the root on sys.path."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.workplace import Workplace

PASSING = """\
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float, default=1)
args, _ = parser.parse_known_args()
print("rate", args.rate)
"""


def test_an_option_that_the_script_ignores_is_told_at_the_end(workplace: Workplace) -> None:
    workplace.script(PASSING)
    done = workplace.submit("train.py", "--rates", "3")
    assert "Note: train.py has no option --rates and ignores it; did you mean --rate?" in done.stderr
    assert "ignores" not in workplace.submit("train.py", "--rate", "3").stderr


@pytest.mark.parametrize("old", [("outputs/model.pkl", "logs/old.txt"), ("outputs/a/b/model.pkl", "logs/azureml/x.log"),
                                 ("outputs/.gitkeep", "logs/.hidden/x")])  # fmt: skip
def test_a_run_begins_with_empty_outputs_and_logs(workplace: Workplace, old: tuple[str, ...]) -> None:
    for name in (*old, "sub/outputs/kept.txt"):
        (workplace.model / name).parent.mkdir(parents=True, exist_ok=True)
        (workplace.model / name).write_text("old")
    workplace.script("import os\nprint(os.listdir('outputs'), os.listdir('logs'), os.listdir('sub/outputs'))\n")
    done = workplace.submit()
    assert "[] [] ['kept.txt']" in done.stdout
    assert "Left out, because every run starts with its own: logs/, outputs/" in done.stdout


@pytest.mark.parametrize(("module", "script", "line"), [
    ("src/utils.py", "src/script/run.py", "from src.utils import WORD"),
    ("helpers.py", "jobs/train.py", "from helpers import WORD"),
    ("common/__init__.py", "a/b/c/main.py", "import common; WORD = common.WORD"),
])  # fmt: skip
def test_the_snapshots_root_is_on_sys_path_of_a_script_in_a_folder(
    workplace: Workplace, module: str, script: str, line: str
) -> None:
    for name, text in ((module, "WORD = 'found'\n"), (script, f"{line}\nprint(WORD)\n")):
        (workplace.model / name).parent.mkdir(parents=True, exist_ok=True)
        (workplace.model / name).write_text(text)
    assert "found" in workplace.submit(script).stdout
    exported = workplace.aml("export", "-c", "local").stdout
    assert "PYTHONPATH" not in exported, "only where the script lies in a folder"


@pytest.mark.parametrize("change", [
    "open(folder + '/new.txt', 'w').write('x')", "os.remove(folder + '/a.csv')", "os.makedirs(folder + '/sub/deep')",
    "open(folder + '/a.csv', 'a').write('more')",
])  # fmt: skip
def test_an_input_that_was_written_to_is_told(workplace: Workplace, change: str) -> None:
    folder = workplace.root / "data" / "sample"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text("1\n")
    workplace.aml("dataset", "register", "-n", "sample", "-p", str(folder))
    config = workplace.model / "aml_config" / "local.runconfig"
    config.write_text(
        config.read_text().replace("arguments: []", "arguments: [--data, $AZUREML_DATAREFERENCE_sample]")
        + "dataReferences:\n  sample:\n    dataStoreName: workspaceblobstore\n    pathOnDataStore: sample/\n"
    )
    workplace.script(f"import os, sys\nfolder = sys.argv[2]\n{change}\n")
    assert "input sample changed during the run" in workplace.submit().stderr
    workplace.script("import os, sys\nprint(os.listdir(sys.argv[2]))\n")
    assert "changed during the run" not in workplace.submit().stderr


def test_a_configuration_of_a_model_below_is_named(workplace: Workplace) -> None:
    done = workplace.aml("run", "submit-script", "-c", "local", "-e", "exp", cwd=workplace.root, code=2)
    assert "It exists in a subfolder: add --path models/m." in done.stderr
    other = workplace.root / "services" / "two" / "aml_config"
    other.mkdir(parents=True)
    (other / "elsewhere.runconfig").write_text((workplace.model / "aml_config" / "local.runconfig").read_text())
    done = workplace.aml("run", "submit-script", "-c", "elsewhere", "-e", "exp", cwd=workplace.root, code=2)
    assert "add --path services/two." in done.stderr


@pytest.mark.parametrize(
    "words", [("run", "list"), ("experiment", "list"), ("model", "list"), ("dataset", "list"), ("service", "list")]
)
def test_a_list_outside_a_project_says_so(workplace: Workplace, tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "nothing").mkdir()
    done = workplace.aml(*words, cwd=tmp_path / "nothing", code=2)
    assert "there is no project here" in done.stderr and "--path" in done.stderr
    assert "No runs" in workplace.aml("run", "list").stdout


@pytest.mark.parametrize("command", ["show", "monitor-logs", "cancel"])
def test_the_latest_run_of_a_folder_without_runs(workplace: Workplace, tmp_path: Path, command: str) -> None:
    said = workplace.aml("run", command, "-r", "latest", cwd=tmp_path, code=2).stderr
    assert f"{tmp_path / 'runs'}: there are no runs yet" in said and "--path FOLDER" in said


@pytest.mark.skipif(os.name == "nt", reason="a POSIX shell closes the streams")
def test_closed_streams_are_no_fault(workplace: Workplace) -> None:
    for closing in (">&-", "2>&-", ">&- 2>&-", ">&- <&-"):
        command = f"{sys.executable} -m amlrun run list {closing}"
        assert subprocess.run(["sh", "-c", command], cwd=workplace.model, env=workplace.environment()).returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_an_output_that_cannot_be_written_is_no_file_of_ours(workplace: Workplace) -> None:
    for words in ("run list -o json", "run list", "--help", "explain -c local", "run submit-script -c local -e exp"):
        command = f"{sys.executable} -m amlrun {words} >/dev/full"
        done = subprocess.run(["sh", "-c", command], cwd=workplace.model, env=workplace.environment(),
                              capture_output=True, text=True)  # fmt: skip
        assert done.returncode == 2 and done.stderr.startswith("Error: standard output could not be written: "), words
        assert "aml … > FILE" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="POSIX devices and links")
def test_a_metadata_file_that_is_a_device_or_a_link_is_written_to(workplace: Workplace, tmp_path: Path) -> None:
    (tmp_path / "target.json").write_text("")
    (tmp_path / "link.json").symlink_to(tmp_path / "target.json")
    workplace.aml("run", "list", "-t", str(tmp_path / "link.json"))
    assert (tmp_path / "link.json").is_symlink() and (tmp_path / "target.json").read_text() == "[]\n"
    os.mkfifo(tmp_path / "pipe")
    reader = subprocess.Popen(["cat", str(tmp_path / "pipe")], stdout=subprocess.PIPE)
    workplace.aml("run", "list", "-t", str(tmp_path / "pipe"))
    assert reader.communicate()[0] == b"[]\n"
    assert workplace.aml("run", "list", "-t", "/dev/stdout").stdout.startswith("[]\n")


def test_a_note_on_a_whole_file_has_no_field(workplace: Workplace) -> None:
    old = "ArgumentVector: [train.py]\nTarget: docker\nPrepareEnvironment: false\n"
    (workplace.model / "aml_config" / "old.runconfig").write_text(old)
    assert "old.runconfig:1: a Workbench file" in workplace.aml("explain", "-c", "old").stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("run submit-script nosuch.py", "Error: script: there is no 'nosuch.py' in"),
        ("run submit-script train.py", "It is in models/m: add --path models/m"),
        ("run submit-script prepare.py", "It is in tools/etl: add --source-directory tools/etl"),
        ("run submit-script trian.py --path models/m", "aml's options come before it"),
        ("run submit-script -c local --path models/m trian.py", "'trian.py' in {model}\nDid you mean train.py?"),
        ("export models/m/aml_config/local.runconfig", "Error: nothing to export\nGive -c NAME for a job, -y FILE"),
        ("export -e exp", "Error: nothing to export"),
        ("explain --ct local", "Error: nothing to explain"),
        ("job create -f pyproject.toml", "pyproject.toml:2: is not YAML: text that belongs to no key"),
    ],
)
def test_what_was_typed_is_blamed(workplace: Workplace, words: str, told: str) -> None:
    workplace.script("")
    (workplace.root / "tools" / "etl").mkdir(parents=True)
    (workplace.root / "tools" / "etl" / "prepare.py").touch()
    (workplace.root / "pyproject.toml").write_text('[project]\nname = "p"\n', encoding="utf-8")
    said = workplace.aml(*words.split(), cwd=workplace.root, code=2).stderr
    assert told.format(model=workplace.model) in said and ".runconfig:" not in said, said
