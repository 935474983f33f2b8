"""The words of `docker run`: v1's docker.arguments, mounts and variables, and what engines say when they refuse."""

from __future__ import annotations

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlrun.errors import AmlError
from amlrun.targets import docker_run, engine
from amlrun.targets.docker_run import Mount
from amlrun.targets.engine import Engine

DOCKER, PODMAN = Engine("/usr/bin/docker"), Engine("/usr/bin/podman")


@pytest.mark.parametrize(
    ("words", "volumes"),
    [
        (["-v", "/full/path:/data"], [Mount("/full/path", "/data")]),
        (["-v /full/path:/data"], [Mount("/full/path", "/data")]),
        (["-v/full/path:/data"], [Mount("/full/path", "/data")]),
        (["--volume=/full/path:/data:ro"], [Mount("/full/path", "/data", readonly=True)]),
        (["--volume", "data:/data"], [Mount("data", "/data")]),
        (["-v", r"C:\Users\anna:/data:z"], [Mount(r"C:\Users\anna", "/data")]),
        (["--mount", "type=bind,src=/a b,dst=/data,readonly"], [Mount("/a b", "/data", readonly=True)]),
        (["--mount=type=bind,source=/a,target=/b"], [Mount("/a", "/b")]),
    ],
)
def test_volumes_are_mounts(words: list[str], volumes: list[Mount]) -> None:
    asked = docker_run.read(words)
    assert (asked.volumes, asked.words, asked.notes) == (volumes, [], [])


@pytest.mark.parametrize(
    "words",
    [["--name", "x"], ["--name=x"], ["--rm"], ["-d"], ["-it"], ["-i", "-t"], ["--entrypoint", "sh"], ["-u", "0:0"],
     ["-u0"], ["--pull=always"], ["--workdir", "/x"]],
)  # fmt: skip
def test_what_is_left_out_is_told_with_its_reason(words: list[str]) -> None:
    asked = docker_run.read([*words, "--cpus", "2"])
    assert asked.words == ["--cpus", "2"]
    assert asked.notes and all(" is left out: " in note for note in asked.notes)


def test_what_is_known_passes_and_what_is_not_is_told() -> None:
    words = ["--gpus", "all", "--ipc=host", "--network", "host", "-m", "4g", "--privileged", "--ulimit=memlock=-1"]
    asked = docker_run.read([*words, "--shm-size", "8g", "--cap-add", "SYS_PTRACE", "-e", "A=1", "--env=B"])
    assert asked.words == [*words, "--cap-add", "SYS_PTRACE"]
    assert (asked.shm_size, asked.gpus, asked.variables) == ("8g", True, {"A": "1", "B": None})
    assert asked.notes == ["docker.arguments: --cap-add is passed on to the engine as it is"]


@pytest.mark.parametrize(
    "words", [["-v", "nothing"], ["-v", "/a:relative"], ["--mount", "type=bind,src=/a"], ["-v 'x"]]
)
def test_a_volume_that_cannot_be_read(words: list[str]) -> None:
    with pytest.raises(AmlError, match=r"docker\.arguments: "):
        docker_run.read(words)


@given(st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc")), min_size=1))
def test_any_path_is_one_field(path: str) -> None:
    """Colons, commas, quotes and spaces: docker reads the value as one line of CSV."""
    word = Mount(f"/{path}", "/data", readonly=True).word()
    assert next(csv.reader([word])) == ["type=bind", f"src=/{path}", "dst=/data", "readonly"]


def test_podman_is_not_given_a_comma() -> None:
    assert Mount("/a:b c", "/data").word(docker=False) == "type=bind,src=/a:b c,dst=/data"
    with pytest.raises(AmlError, match="podman can't mount a path with a comma"):
        Mount("/a,b", "/data").word(docker=False)


def test_values_stay_off_the_command_line() -> None:
    wanted = {"API_KEY": "sk-1234567890", "TEXT": "two\nlines", "PATH": "/env/bin:/bin", "DOCKER_HOST": "tcp://x"}
    words, client = docker_run.variables(wanted, {"PATH": "/usr/bin", "DOCKER_HOST": "unix:///d.sock"})
    assert words == ["-e", "API_KEY", "-e", "TEXT", "-e", "PATH=/env/bin:/bin", "-e", "DOCKER_HOST=tcp://x"]
    assert client == {"PATH": "/usr/bin", "DOCKER_HOST": "unix:///d.sock", "API_KEY": "sk-1234567890",
                      "TEXT": "two\nlines"}  # fmt: skip


def test_a_secret_under_a_name_that_the_client_needs_is_refused() -> None:
    with pytest.raises(AmlError, match="DOCKER_PASSWORD: a secret under this name"):
        docker_run.variables({"DOCKER_PASSWORD": "hunter2hunter2"}, {})


# What engines really said, and the words that name the cause.
SAID = {
    "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?":
        "its daemon is not running",
    "failed to connect to the docker API at unix:///x.sock: dial unix /x.sock: connect: no such file or directory":
        "its daemon is not running",
    "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get "
    '"http://%2Fvar%2Frun%2Fdocker.sock/v1.24/images/json": dial unix /var/run/docker.sock: connect: permission denied':
        "no permission to use the container engine's socket",
    "docker: Error response from daemon: image with reference x was found but does not match the specified platform: "
    "wanted linux/arm64, actual: linux/amd64.": "another processor architecture",
    'docker: Error response from daemon: could not select device driver "" with capabilities: [[gpu]].':
        "a GPU was requested",
    "docker: Error response from daemon: Mounts denied: The path /opt/x is not shared from the host":
        "no access to a folder",
    "docker: Error response from daemon: invalid mount config for type \"bind\": bind source path does not exist: /x.":
        "does not exist where the engine runs",
    "Error response from daemon: pull access denied for x, repository does not exist or may require 'docker login'":
        "denied access to the image",
    "Error response from daemon: manifest for x:y not found: manifest unknown": "has no such image",
    'Error response from daemon: Get "https://r/v2/": dial tcp: lookup r: no such host': "could not be reached",
    "docker: Error response from daemon: driver failed: Bind for 0.0.0.0:80 failed: port is already allocated.":
        "a port that docker.arguments publishes is taken",
    "Error response from daemon: write /var/lib/docker/tmp/x: no space left on device": "disk is full",
    "Error: container-init binary not found on the host: stat /usr/libexec/podman/catatonit: no such file or directory":
        "podman has no init program",
    'Error: short-name "x" did not resolve to an alias': "podman needs an image's full name",
    "unknown flag: --wrong\nSee 'docker run --help'.": "rejected docker.arguments",
}  # fmt: skip

OUT_OF_REACH = ("its daemon is not running", "denied access to the image", "could not be reached", "disk is full")


@pytest.mark.parametrize("said", SAID)
def test_each_refusal_has_its_own_sentence(said: str) -> None:
    found = engine.explain(said, DOCKER)
    assert SAID[said] in found.message and found.hint
    assert found.exit_code == (3 if SAID[said] in OUT_OF_REACH else 2)
    assert len({engine.explain(one, DOCKER).message for one in SAID}) >= len(SAID) - 1


def test_an_image_that_is_not_here() -> None:
    for said in ("Error: No such image: x", "Error: x: image not known"):
        assert engine.missing_image(said)
    assert "docker pull python:3.11." in engine.absent(DOCKER, "python:3.11").hint
    assert "az acr login -n reg first" in engine.absent(DOCKER, "reg.azurecr.io/x:1").hint
    assert "podman login quay.io first" in engine.absent(PODMAN, "quay.io/x:1").hint


def test_microsofts_gpu_images_have_a_licence() -> None:
    assert "Azure services only" in engine.licence_note("mcr.microsoft.com/azureml/openmpi4.1.0-cuda11.8-ubuntu22.04")
    assert engine.licence_note("mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04") == ""


def test_an_engine_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("AML_CONTAINER_ENGINE", raising=False)
    with pytest.raises(AmlError, match="neither docker nor podman was found"):
        engine.find()
    monkeypatch.setenv("AML_CONTAINER_ENGINE", "nerdctl")
    with pytest.raises(AmlError, match="AML_CONTAINER_ENGINE=nerdctl: no such program"):
        engine.find()
