"""How another machine is reached: the words for ssh, computes.yml, and why a connection failed."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import pytest

from amlrun.errors import AmlError
from amlrun.prepare import machines
from amlrun.prepare.machines import Machine
from amlrun.project import Project
from amlrun.targets import ssh_connection, ssh_refusals

BOX = Machine("box", "10.0.0.4", "anna", 2222, "~/key")


def test_the_words_for_ssh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AML_SSH", "/opt/ssh -F 'my config'")
    words = ssh_connection.ssh_words(BOX)
    assert words[:3] == ["/opt/ssh", "-F", "my config"] and words[-2:] == ["-T", "anna@10.0.0.4"]
    assert {"BatchMode=yes", "StrictHostKeyChecking=yes", "IdentitiesOnly=yes"} <= set(words)
    assert words[words.index("-p") + 1] == "2222" and words[words.index("-i") + 1] == str(Path("~/key").expanduser())
    plain = ssh_connection.ssh_words(Machine("box", "host"))
    assert plain[-1] == "host" and "-p" not in plain and "-i" not in plain
    assert not any("StrictHostKeyChecking=no" in word or "accept-new" in word for word in [*words, *plain])


def test_a_machine_is_written_and_read(tmp_path: Path) -> None:
    project = Project(tmp_path)
    file = machines.file_of(project)
    file.parent.mkdir()
    file.write_text("# ours\nold: {host: a, datasets: {numbers: /srv/numbers}}\n", encoding="utf-8")
    machines.save(project, BOX)
    found = machines.load(project)
    assert found["box"] == BOX and found["old"].datasets == {"numbers": "/srv/numbers"}
    assert file.read_text(encoding="utf-8").startswith("# ours")
    assert machines.of_record({**BOX.to_dict(), "name": "box"}) == BOX
    assert machines.remove(project, "box") and not machines.remove(project, "box")


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("- a\n", 1, "expected a mapping"),
        ("a: {host: b}\nbox:\n  user: anna\n", 2, "expected `host: ADDRESS`"),
        ("box: {host: a, password: x}\n", 1, "password: secrets do not belong in this file"),
        ("box: {host: a, prot: 1}\n", 1, "prot: unknown key"),
        ("box: {host: a, port: 70000}\n", 1, "port: expected a number"),
        ("box: {host: -oProxyCommand=x}\n", 1, "host: '-oProxyCommand=x' is not valid"),
        ("box: {host: a, datasets: [x]}\n", 1, "datasets: expected NAME: PATH"),
    ],
)
def test_a_file_that_is_wrong(tmp_path: Path, text: str, line: int, says: str) -> None:
    file = machines.file_of(Project(tmp_path))
    file.parent.mkdir()
    file.write_text(text, encoding="utf-8")
    with pytest.raises(AmlError, match=r".*") as caught:
        machines.load(Project(tmp_path))
    assert (caught.value.line, says in caught.value.message) == (line, True), caught.value


@pytest.mark.parametrize(
    ("machine", "says"),
    [
        (Machine("local", "a"), "is not a valid compute name"),
        (Machine("x", "a"), "is not a valid compute name"),
        (Machine("box", "-oProxyCommand=x"), "-a: "),
        (Machine("box", "a", "-x"), "-u: "),
    ],
)
def test_a_machine_that_cannot_be_attached(machine: Machine, says: str) -> None:
    with pytest.raises(AmlError, match=says):
        machines.check(machine)


# What OpenSSH really says, the words that name the cause, and the exit code.
SAID = {
    "ssh: Could not resolve hostname nowhere.invalid: Name or service not known": ("name could not be resolved", 3),
    "ssh: connect to host 10.0.0.4 port 2222: Connection refused": ("the connection was refused", 3),
    "ssh: connect to host 10.0.0.4 port 2222: Connection timed out": ("does not answer", 3),
    "ssh: connect to host 10.0.0.4 port 2222: No route to host": ("does not answer", 3),
    "@@@@@\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.": ("has changed", 2),
    "@@@\nPermissions 0644 for 'keys/anna' are too open.\nWARNING: UNPROTECTED PRIVATE KEY FILE!\n"
    "anna@10.0.0.4: Permission denied (publickey).": ("other users can read your key", 2),
    "anna@10.0.0.4: Permission denied (publickey).": ("does not accept your key", 2),
    'Load key "keys/anna": incorrect passphrase supplied to decrypt private key': ("has a passphrase", 2),
    "Timeout, server 10.0.0.4 not responding.": ("connection was lost", 3),
    "client_loop: send disconnect: Broken pipe": ("connection was lost", 3),
    "kex_exchange_identification: Connection closed by remote host": ("closed the connection immediately", 3),
    "bash: line 1: python3: command not found": ("python3 was not found there", 2),
    "SyntaxError: future feature annotations is not defined": ("older than 3.7", 2),
}  # fmt: skip


@pytest.mark.parametrize("said", SAID)
def test_each_cause_has_its_own_sentence(said: str) -> None:
    words, code = SAID[said]
    found = ssh_refusals.explain(said, 255, BOX)
    assert words in found.message and found.message.startswith("box (anna@10.0.0.4): ")
    assert found.hint and found.exit_code == code


def test_a_key_file_that_is_not_there() -> None:
    machine = Machine("box", "host", private_key_file="/nowhere/key")
    with pytest.raises(AmlError, match="no such key file"):
        ssh_connection.Connection(machine).call("hello")


BREAKS_ONCE = """\
import os, sys
again = os.path.exists("called")
open("called", "a").write("x")
if not again:
    sys.exit(255)
os.execvp("sh", ["sh", "-c", sys.argv[-1]])
"""


@pytest.mark.skipif(os.name == "nt", reason="a POSIX shell plays the other machine")
def test_a_question_is_asked_again_where_the_connection_broke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ssh.py").write_text(BREAKS_ONCE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AML_SSH", shlex.join([sys.executable, str(tmp_path / "ssh.py")]))
    connection = ssh_connection.Connection(Machine("box", "host", python=sys.executable))
    assert connection.call("hello")["python"][:2] == list(sys.version_info[:2])
    assert Path("called").read_text(encoding="utf-8") == "xx"
    # Nothing had begun there.
    Path("called").unlink()
    assert connection.call("put", path=str(tmp_path / "put"), size=1, payload=lambda stream: stream.write(b"1"))
    assert Path("called").read_text(encoding="utf-8") == "xx" and Path("put").read_text() == "1"
    # It may have been heard.
    Path("called").unlink()
    text = BREAKS_ONCE.replace("sys.exit(255)", f"print({ssh_connection._MARK.decode()!r}, end='')\n    sys.exit(255)")
    (tmp_path / "ssh.py").write_text(text, encoding="utf-8")
    with pytest.raises(ssh_refusals.ConnectionLost, match="the connection was lost"):
        connection.call("cancel", run="r", reason="")
    assert Path("called").read_text(encoding="utf-8") == "x"
