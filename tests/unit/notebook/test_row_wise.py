"""What a converted script does to its table row by row, which files to score need too."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from amlrun.notebook.row_wise import of_script

FUNCTIONS = """\
import numpy as np
import pandas as pd
def helper(table, power=2):
    table['b'] = table['n'] ** power
    return table
def with_label(table):
    table = table.dropna(subset=['n'])
    table['y'] = table['y'] * 2
    table['b'] = table.n.add(1)
    return table.drop(columns=['y']), table['y']
def double(number):
    if number > 2:
        return number
    return number * 2
def centred(table):
    table['b'] = table['n'] - table['n'].mean()
    return table
"""
HEAD = f"{FUNCTIONS}if __name__ == '__main__':\n    df = pd.read_csv('x.csv')\n"


def script(*lines: str) -> str:
    return HEAD + "".join(f"    {line}\n" for line in [*lines, "model.fit(df[['a', 'b']], df['y'])"])


def prepared(rows: pd.DataFrame, found: Any) -> pd.DataFrame:
    names: dict[str, Any] = {"rows": rows.copy()}
    exec(FUNCTIONS, names)  # noqa: S102 - the script's own
    for line in found.lines:
        exec(line, names)  # noqa: S102 - what was just made
    return names["rows"]


@pytest.mark.parametrize(
    "lines",
    [
        ["df['b'] = df['a'].str.strip().str.title()"],
        ["df['when'] = pd.to_datetime(df.when)", "df['b'] = df.when.dt.year % 100"],
        ["df['b'] = np.log1p(df['n'].clip(0, 10)) + df.n.fillna(0)"],
        ["df['b'] = df['a'].map({' x ': 1}).fillna(-1).astype(int)"],
        ["df = df.dropna()", "df = df[df.n > 0]", "df['b'] = (df['n'] > 2).astype(float)"],
        ["df.drop_duplicates(inplace=True)", "df['c'] = df.n * 2", "df['b'] = df['c'] - 1"],
        ["df['b'] = np.where(df['a'].isna(), np.nan, df['n'])"],
        ["df.rename(columns={'n': 'm'}, inplace=True)", "df['b'] = df['m']"],
        ["df['x'], df['b'] = df['n'], df['n']"],
        ["df.loc[df.n > 2, 'n'] = 0", "df['b'] = df['n']"],
        ["df['n'].clip(0, 3, inplace=False)", "df['b'] = 1", "df['b'] += df['n']"],
        ["df = df.fillna({'n': 0}).astype({'n': 'float'})", "df = df.assign(b=df.n * 2)", "df['b'] -= 1"],
        ["for c in ['n', 'n']:", "    df[c] = df[c] * 2", "df[['b', 'c']] = df[['n', 'y']]"],
        ["first = lambda text: text[0]", "df['b'] = df['a'].str.strip().map(first)"],
        ["df['b'] = [len(text) for text in df['a']]"],
        ["df['b'] = df.apply(lambda row: row['n'] if row['a'] == 'y' else -row.n, axis=1)"],
        ["edges = [0, 2, 9]", "df['b'] = pd.cut(df['n'], bins=edges, labels=['low', 'high']).astype(str)"],
        ["df['b'] = df['when'].str.split('-').str[0].astype(int) + df.when.str[5:7].astype(int)"],
        ["df = helper(df)"],
        ["df = df.pipe(helper)", "df['b'] = df['b'] + 1"],
        ["helper(df)"],
        ["X, y = with_label(df)", "df = X"],
        ["df['b'] = df['n'].apply(double)"],
    ],
)
def test_what_depends_on_one_row_is_the_same_in_a_file_to_score(lines: list[str]) -> None:
    rows = pd.DataFrame({"a": [" x ", "y"], "n": [1.0, 5.0], "when": ["2020-01-02", "2021-03-04"], "y": [0, 1]})
    found = of_script(script(*lines), ["a", "b"])
    names: dict[str, Any] = {"df": rows.copy()}
    exec("\n".join([FUNCTIONS, *lines]), names)  # noqa: S102 - the script's own
    assert prepared(rows, found)["b"].tolist() == names["df"]["b"].tolist()
    assert set(found.needs) <= set(rows.columns)
    # Each row alone gives the same.
    assert prepared(rows.iloc[1:], found)["b"].tolist() == names["df"]["b"].tolist()[1:]


@pytest.mark.parametrize(
    "lines",
    [
        ["df['b'] = df['n'] - df['n'].mean()"],
        ["df['b'] = df['n'].rank()"],
        ["df['b'] = df.groupby('a')['n'].transform('sum')"],
        ["df['c'] = df['n'].cumsum()", "df['b'] = df['c'] * 2"],
        ["df['b'] = helper(df['n'])"],
        ["df['b'] = df['n'].apply(unknown)"],
        ["df = centred(df)"],
        ["df = df.fillna(df.mean())", "df['b'] = df['n'] * 2"],
        ["df['b'] = pd.cut(df['n'], 3)"],
        ["df['b'] = df.n * 2", "df.b -= 1"],
        ["df['b'] = df.apply(lambda row: row.sum(), axis=1)"],
        ["x = 2", "df['b'] = df['n'].apply(lambda n: n * missing)"],
        ["if df.n.any():", "    df['n'] = 0", "df['b'] = df['n']"],
        ["df['b'] = df['n'].fillna(df['n'].median())"],
        ["df['n'].fillna(df['n'].median(), inplace=True)", "df['b'] = df['n']"],
        ["df['b'] = strength * df['n']"],
        ["df = df.merge(other)", "df['b'] = df['n'] * 2"],
        ["for one in names:", "    df[one] = 1", "df['b'] = df['n']"],
    ],
)
def test_what_depends_on_more_is_left_out(lines: list[str]) -> None:
    assert of_script(script(*lines), ["a", "b"]).lines == []


def test_only_what_the_model_gets_is_taken() -> None:
    found = of_script(
        script("df['y'] = (df['z'] == 'Yes').astype(int)", "df['b'] = df.n + 1", "df['q'] = 1"), ["a", "b"]
    )
    assert found.lines == ["rows['b'] = rows['n'] + 1"] and found.needs == ["n"]


def test_a_script_without_a_table_has_none() -> None:
    assert of_script("import numpy as np\nx = np.ones(3)\n", ["a"]).lines == []
