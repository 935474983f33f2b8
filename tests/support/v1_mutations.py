"""Run configurations of every generation, and ways to spoil one."""

from __future__ import annotations

import random
import re

GENERATIONS = {
    "workbench": b"""ArgumentVector:
  - train.py
  - --epochs
  - 3
Target: docker
EnvironmentVariables:
  EXAMPLE_ENV_VAR: Example Value
Framework: PySpark
CondaDependenciesFile: conda.yml
SparkDependenciesFile: spark.yml
PrepareEnvironment: true
TrackedRun: true
UseSampling: true
""",
    "preview": b"""# The script to run.
script: train.py
arguments: []
target: local
framework: Python
prepareEnvironment: true
maxRunDurationSeconds:
environment:
  environmentVariables:
    EXAMPLE_ENV_VAR: EXAMPLE_VALUE
  python:
    userManagedDependencies: true
    interpreterPath: python
    condaDependenciesFile: conda.yml
  docker:
    enabled: false
    baseImage: continuumio/miniconda3
    gpuSupport: false
    baseImageRegistry:
      address:
      username:
      password:
  spark:
    packages:
    - group: g
      artifact: a
      version: '0.12'
batchai:
  nodeCount: 1
tensorflow:
  workerCount: 2
containerInstance:
  cpuCores: 1
dataReferences: {}
""",
    "early": b"""script: src\\train.py\r
arguments: [--in, $AZUREML_DATAREFERENCE_in-put, --out, $AZUREML_DATAREFERENCE_out]\r
target: cpu\r
autoPrepareEnvironment: true\r
environment:\r
  python: {userManagedDependencies: false, condaDependenciesFile: conda.yml}\r
dataReferences:\r
  in-put: {dataStoreName: s, pathOnDataStore: a/, mode: mount}\r
  out: {dataStoreName: s, mode: upload, overwrite: true}\r
amlcompute: {vmSize: , location: }\r
""",
    "modern": b"""script: train.py
arguments: [--data, DatasetConsumptionConfig:my_data, --path, /data/x, 1.0]
target: amlcompute
framework: PyTorch
communicator: Nccl
nodeCount: 2
priority: 2
maxRunDurationSeconds: 3600
environment:
  name: e
  version: 1.10
  environmentVariables: {A: b}
  docker:
    baseImage: registry.azurecr.io/image:1
    shmSize: 4g
    arguments: [-v, 'C:\\some\\folder:/data']
pytorch: {communicationBackend: nccl, processCount: 8, nodeCount: 2}
data:
  my_data:
    dataLocation: {dataset: {name: d, version: 1}}
    mechanism: mount
    environmentVariableName: my_data
    pathOnCompute: /data
outputData:
  o:
    outputLocation: {dataPath: {datastoreName: s, relativePath: r}}
    mechanism: upload
    additionalOptions: {registrationOptions: {name: made}}
amlcompute: {vmSize: STANDARD_D2_V2, vmPriority: lowpriority}
applicationEndpoints: {nb: {type: Jupyter, port: 8888}}
environmentVariables: {C: d}
""",
    "json": b"""{
    "script": "train.py",
    "framework": "PySpark",
    "communicator": "Mpi",
    "target": "cluster",
    "environment": {
        "python": {"condaDependencies": {"dependencies": ["python=3.6.2", {"pip": ["torch"]}]}},
        "docker": {"baseDockerfile": "FROM x\\nRUN y", "enabled": true}
    },
    "spark": {"configuration": {"spark.executor.cores": 2}},
    "nodeCount": 2,
    "mpi": {"processCountPerNode": 1}
}""",
}

_WORDS = [
          b"null", b"~", b"true", b'"false"', b"no", b"-1", b"0", b"1e400", b"9" * 400, b".inf", b"[]", b"{}",
          b"[a, {b: c}]",
          b"{a: [b]}", b'""', b"' '", b"*x", b"&x y", b"!t x", b"!!binary aGk=", b"!!int x", b"|", b">", b"2020-01-01",
          b"${{inputs.x}}", b"<<", b"\xc3\xa9", b"%", b"@", b"`", b"- - -", b"? x", b": :", b"\\", b"/", b"../../x",
          b"C:\\x", b"\x00", b"a" * 5000, b"1_0", b"0x1g", b"1:30", b"=", b"$AZUREML_DATAREFERENCE_",
          b"DatasetConsumptionConfig:", b"azureml:", b"local", b"<<<<<<< HEAD"]  # fmt: skip
_KEYS = [
         b"script", b"Script", b"node_count", b"environment", b"x", b"", b"data", b"docker", b"password", b"1",
         b"true",
         b"arguments", b"command", b"nodeCount", b"*", b"[]", b"<<", b"target", b"a.b", b"my-data",
         b"env ironment"]  # fmt: skip


def spoil(text: bytes, chance: random.Random, times: int) -> bytes:
    """`text` after `times` mutations: keys renamed, values retyped, lines cut, moved and doubled, bytes flipped."""
    for _ in range(times):
        text = chance.choice((_rename, _retype, _retype, _cut, _double, _indent, _flip, _insert, _end))(text, chance)
    return text


def _lines(text: bytes) -> list[bytes]:
    return text.split(b"\n")


def _rename(text: bytes, chance: random.Random) -> bytes:
    keys = list(re.finditer(rb"[A-Za-z_]+\"?:", text))
    if not keys:
        return text
    found = chance.choice(keys)
    return text[: found.start()] + chance.choice(_KEYS) + text[found.end() - 1 :]


def _retype(text: bytes, chance: random.Random) -> bytes:
    values = list(re.finditer(rb"(?<=: )[^\n,{}\[\]]+", text))
    if not values:
        return text
    found = chance.choice(values)
    return text[: found.start()] + chance.choice(_WORDS) + text[found.end() :]


def _cut(text: bytes, chance: random.Random) -> bytes:
    lines = _lines(text)
    del lines[chance.randrange(len(lines))]
    return b"\n".join(lines)


def _double(text: bytes, chance: random.Random) -> bytes:
    lines = _lines(text)
    lines.insert(chance.randrange(len(lines)), chance.choice(lines))
    return b"\n".join(lines)


def _indent(text: bytes, chance: random.Random) -> bytes:
    lines = _lines(text)
    at = chance.randrange(len(lines))
    lines[at] = chance.choice((b" ", b"  ", b"\t", b"- ")) + lines[at] if chance.random() < 0.6 else lines[at].lstrip()
    return b"\n".join(lines)


def _flip(text: bytes, chance: random.Random) -> bytes:
    if not text:
        return text
    at = chance.randrange(len(text))
    return text[:at] + bytes([text[at] ^ (1 << chance.randrange(8))]) + text[at + 1 :]


def _insert(text: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(text) + 1)
    return text[:at] + chance.choice(_WORDS) + text[at:]


def _end(text: bytes, chance: random.Random) -> bytes:
    return text[: chance.randrange(len(text) + 1)]
