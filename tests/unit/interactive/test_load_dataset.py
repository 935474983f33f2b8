"""Data by name, here and in a job."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from support.workplace import Workplace

import amlrun

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def at_home(workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workplace.model)
    data = workplace.root / "data"
    (data / "one").mkdir(parents=True)
    (data / "two").mkdir()
    (data / "pictures").mkdir()
    pd.DataFrame({"a": [1, 2]}).to_csv(data / "one" / "rows.csv", index=False)
    (data / "one" / ".DS_Store").touch()
    for name in ("x", "y"):
        pd.DataFrame({"a": [1, 2]}).to_csv(data / "two" / f"{name}.csv", index=False)
    (data / "broken.csv").write_bytes(b"\xff\xfe\x00a,b\n1\n")
    (data / "tabs.tsv").write_text("a\tb\n1\t2\n")
    names = ("one", "two", "pictures", "broken.csv", "tabs.tsv")
    lines = [f"{name.partition('.')[0]}:\n  path: data/{name}\n" for name in names]
    (data / "datasets.yml").write_text("".join(lines))


def test_a_table_or_a_folder() -> None:
    assert amlrun.load_dataset("one")["a"].tolist() == [1, 2]
    assert amlrun.load_dataset("tabs").columns.tolist() == ["a", "b"]
    assert amlrun.load_dataset("two") == Path.cwd().parents[1] / "data" / "two"
    assert len(amlrun.load_dataset("two", as_table=True)) == 4
    assert amlrun.load_dataset("one", as_table=False).name == "one"


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(amlrun.AmlError, match="did you mean 'one'"):
        amlrun.load_dataset("ones")
    with pytest.raises(amlrun.AmlError, match="no CSV, TSV or Parquet"):
        amlrun.load_dataset("pictures", as_table=True)
    with pytest.raises(amlrun.AmlError, match="not a table"):
        amlrun.load_dataset("broken")


def test_in_a_job_the_input_counts(workplace: Workplace) -> None:
    config = workplace.model / "aml_config" / "local.runconfig"
    config.write_text(
        config.read_text()
        + "dataReferences:\n  one:\n    dataStoreName: workspaceblobstore\n    pathOnDataStore: one/\n"
    )
    workplace.script(
        "import amlrun\nprint('rows', len(amlrun.load_dataset('one')))\n"
        "try:\n    amlrun.load_dataset('two')\nexcept amlrun.AmlError as error:\n    print(error)\n"
    )
    out = workplace.submit().stdout
    assert "rows 2" in out and "the job has no input 'two'" in out
