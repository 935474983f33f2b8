"""Every command of az ml v1 has an answer; what aml lacks is answered with v2's command."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from amlrun import cli
from amlrun.cli import phrasebook

# Groups and verbs of the Azure CLI's ml extension that the phrases use, from its reference.
V2 = {
    "batch-deployment": "create", "batch-endpoint": "delete list show update",
    "compute": "attach create delete detach list restart show start stop update",
    "data": "archive create list restore show import", "datastore": "create delete list show",
    "environment": "create list show", "job": "cancel create download list show show-services stream update",
    "model": "archive create download list package show update",
    "online-deployment": "create delete get-logs update",
    "online-endpoint": "create delete get-credentials invoke list regenerate-keys show update",
    "schedule": "create disable enable show update",
    "workspace": "create delete diagnose list list-keys show sync-keys update",
}  # fmt: skip


def test_every_v2_command_exists() -> None:
    for name, phrase in phrasebook.PHRASES.items():
        assert phrase.v2 or phrase.note, name
        if phrase.v2.startswith("az ml "):
            group, verb = phrase.v2.split()[2:4]
            assert verb in V2[group].split(), f"{name}: {phrase.v2}"


def test_the_table_has_the_last_references_commands() -> None:
    counted: dict[str, int] = {}
    for name in phrasebook.PHRASES:
        counted[name.split()[0]] = counted.get(name.split()[0], 0) + 1
    # 125 in the reference of 1.41.0, and 9 older ones: five attach, and one each of run, image, folder, experiment.
    assert counted == {
        "folder": 2, "experiment": 2, "run": 11, "computetarget": 25, "dataset": 7, "datastore": 15, "environment": 5,
        "model": 9, "service": 9, "endpoint": 12, "pipeline": 23, "workspace": 13, "image": 1,
    }  # fmt: skip


@pytest.mark.parametrize("name", phrasebook.PHRASES)
def test_each_is_ours_or_answered(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = [*name.split(), "--name", "x"]
    if phrasebook.ours(name, cli.cli):
        assert CliRunner().invoke(cli.cli, [*name.split(), "--help"]).exit_code == 0
        return
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    shown = capsys.readouterr().err
    assert caught.value.code == 2
    assert f"aml has no `{name}`" in shown
    assert (phrasebook.PHRASES[name].v2 or phrasebook.PHRASES[name].note) in shown


def test_the_everyday_commands_are_ours() -> None:
    for name in ("folder attach", "run submit-script", "run list", "model register", "dataset list", "experiment list"):
        assert phrasebook.ours(name, cli.cli), name


def test_a_typing_error_is_no_v1_command(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["rum"], ["run", "submit-scrip"]):
        with pytest.raises(SystemExit) as caught:
            cli.main(words)
        assert caught.value.code == 2
        assert "o such command" in capsys.readouterr().err


def test_a_group_that_aml_lacks_lists_its_phrases(capsys: pytest.CaptureFixture[str]) -> None:
    assert not isinstance(cli.cli.get_command(click.Context(cli.cli), "endpoint"), click.Command)
    with pytest.raises(SystemExit):
        cli.main(["endpoint"])
    assert "az ml online-deployment create" in capsys.readouterr().err
