"""Datasets, datastore paths and outputs of a driver: what a run configuration's `data:` and its kin say of them."""

from __future__ import annotations

import re
from typing import Any

from amlrun.dataclass import dataclass, field
from amlrun.migrate.drivers.signatures import DEFAULT_DATASTORE, argument, bound, name_of
from amlrun.migrate.drivers.values import NOTHING, Gap, Item, Part, SdkObject, Text, gaps_in, known

_TABLE_CHANGES = ("keep_columns", "drop_columns", "filter", "take", "skip", "random_split", "take_sample",
                  "time_before", "time_after", "time_between", "time_recent", "partition_by")  # fmt: skip


@dataclass
class Data:
    """One input or output. `location` is what `dataLocation` or `outputLocation` holds; `kind` is dataset, reference,
    output or intermediate (between two steps). `made` is what stands for it in arguments."""

    name: str
    kind: str
    mechanism: str = "mount"
    location: dict[str, Any] = field(default_factory=dict)
    on_compute: Any = None
    register: Any = None
    made: Any = None
    is_file: bool = False
    remarks: list[str] = field(default_factory=list)

    @property
    def token(self) -> str:
        """What stands in the arguments of a run configuration."""
        if self.kind == "reference":
            return f"$AZUREML_DATAREFERENCE_{self.name}"
        return f"Dataset{'Output' if self.kind == 'output' else 'Consumption'}Config:{self.name}"

    @property
    def path(self) -> Any:
        """Where it lies, as a v2 input says it; NOTHING when the text does not say."""
        dataset, place, uri = (self.location.get(key) for key in ("dataset", "dataPath", "uri"))
        if dataset:
            name, version = dataset.get("name"), dataset.get("version")
            if isinstance(name, str):
                return f"azureml:{name}:{version}" if isinstance(version, (str, int)) else f"azureml:{name}@latest"
            return Gap(name.reason, name.line, name.source, NOTHING, name.file) if isinstance(name, Gap) else NOTHING
        if place:
            path = place.get("relativePath") or ""
            if gaps_in(list(place.values())):
                gap = gaps_in(list(place.values()))[0]
                return Gap(gap.reason, gap.line, gap.source, NOTHING, gap.file)
            path = (
                re.sub(r"^(\./|/)+", "", str(path))
                .replace("{run-id}", "${{name}}")
                .replace("{output-name}", "${{output_name}}")
            )
            return f"azureml://datastores/{place['datastoreName']}/paths/{path}"
        return uri["path"] if uri else NOTHING


def data(value: Any, fallback: str = "data") -> Data | None:
    """The input or output that a value stands for; None for what is none."""
    value = known(value)
    if isinstance(value, Item):
        return _of_dataset(value, "", fallback)
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], SdkObject):
        return _bound_path(value[0], value[1])
    if not isinstance(value, SdkObject):
        return None
    name = name_of(value)
    given = bound(value)
    if name in ("PipelineData", "OutputFileDatasetConfig", "HDFSOutputDatasetConfig", "TrainingOutput"):
        return _output(value, given, fallback)
    if name == "DataReference":
        return _reference(value, given, fallback)
    if name == "DatasetConsumptionConfig":
        inner = _of_dataset(given.get("dataset"), _word(given.get("name")), fallback)
        if inner:
            inner.mechanism, inner.on_compute = _word(given.get("mode")) or "direct", given.get("path_on_compute")
            inner.made = value
        return inner
    if name.startswith("."):
        return _method(value, name[1:], given, fallback)
    return _of_dataset(value, "", fallback) if name.startswith("Dataset.") else None


def _method(made: SdkObject, verb: str, given: dict[str, Any], fallback: str) -> Data | None:
    if verb == "get" and made.name.endswith("datasets.get"):
        return _of_dataset(made, "", fallback)
    if verb == "path":
        store = datastore(made.owner)
        if store is NOTHING:
            return None
        path = given.get("path", "")
        label = _plain_name(_word(given.get("data_reference_name")) or fallback)
        return Data(label, "reference", location=_place(store, path), made=made)
    owner = data(made.owner, fallback)
    if owner is None:
        if verb in ("as_mount", "as_download", "as_upload") and (store := datastore(made.owner)) is not NOTHING:
            return Data(_plain_name(fallback), "reference", verb[3:], _place(store, ""), made=made)
        return None
    if verb == "as_named_input":
        owner.name, owner.made = _plain_name(_word(given.get("name")) or owner.name), made
        owner.mechanism = "direct"
    elif verb in ("as_mount", "as_download", "as_upload", "as_hdfs", "as_direct"):
        owner.mechanism = {"as_hdfs": "hdfs"}.get(verb, verb[3:])
        owner.on_compute = given.get("path_on_compute", owner.on_compute)
        if owner.kind != "output":
            owner.made = made
    elif verb in ("as_input", "as_dataset", "read_delimited_files", "read_parquet_files", "parse_delimited_files",
                  "parse_parquet_files"):  # fmt: skip
        owner.kind = "intermediate"
        owner.remarks += [f".{verb}(): the script reads the files itself"] if "files" in verb else []
    elif verb == "register_on_complete":
        owner.register = given.get("name")
    elif verb in _TABLE_CHANGES:
        owner.remarks.append(f".{verb}() of the dataset: do it in the script")
    elif verb == "register" and isinstance(given.get("name", made.args[1] if len(made.args) > 1 else None), (str, Gap)):
        owner.location = {"dataset": {"name": given.get("name", made.args[1] if len(made.args) > 1 else None)}}
    return owner


def _output(made: SdkObject, given: dict[str, Any], fallback: str) -> Data:
    name = _plain_name(_word(given.get("name")) or made.variable or fallback)
    found = Data(name, "output", made=made)
    destination = known(given.get("destination"))
    if isinstance(destination, (list, tuple)) and len(destination) == 2:
        found.location = _place(datastore(destination[0]), destination[1])
    if given.get("output_mode") == "upload":
        found.mechanism = "upload"
    return found


def _reference(made: SdkObject, given: dict[str, Any], fallback: str) -> Data:
    name = _plain_name(_word(given.get("data_reference_name")) or made.variable or fallback)
    mode = _word(given.get("mode")) or "mount"
    place = _place(datastore(given.get("datastore")), given.get("path_on_datastore", ""))
    return Data(name, "reference", mode, place, given.get("path_on_compute"), made=made)


def _of_dataset(value: Any, name: str, fallback: str) -> Data | None:
    """The registered dataset, or the files, that `value` means."""
    value = known(value)
    if isinstance(value, Item):
        if isinstance(value.of, Part) and value.of.path.endswith("datasets"):
            return Data(_plain_name(name or _word(value.key)), "dataset", "direct",
                        {"dataset": {"name": value.key}}, made=value)  # fmt: skip
        return None
    if isinstance(value, Gap):
        return Data(_plain_name(name or fallback), "dataset", "direct", {"dataset": {"name": value}}, made=value)
    if not isinstance(value, SdkObject):
        return None
    kind, given = name_of(value), bound(value)
    label = _plain_name(name or value.variable or fallback)
    if kind == "PipelineParameter":
        return _of_dataset(given.get("default_value"), name or _word(given.get("name")), fallback)
    if kind == "DataPath":
        return Data(label, "dataset", "mount", _files(value), made=value)
    if kind == ".get" and value.name.endswith("datasets.get"):
        return Data(label, "dataset", "direct", {"dataset": {"name": value.args[0]}}, made=value)
    if kind == "Dataset.get_by_name":
        dataset = {"name": given.get("name", Gap("a dataset without a name", value.line, "dataset"))}
        if given.get("version") not in (None, "latest"):
            dataset["version"] = given["version"]
        return Data(label if name or value.variable else _plain_name(_word(dataset["name"]) or label), "dataset",
                    "direct", {"dataset": dataset}, made=value)  # fmt: skip
    if kind == "Dataset.get_by_id":
        return Data(label, "dataset", "direct", {"dataset": {"id": given.get("id")}}, made=value)
    if kind.startswith("Dataset."):
        return Data(label, "dataset", "direct", _files(given.get("path")), made=value)
    return data(value, fallback) if kind.startswith(".") else None


def _bound_path(parameter: Any, binding: SdkObject) -> Data | None:
    """`(PipelineParameter, DataPathComputeBinding)`: a datastore's folder that the pipeline's user may change."""
    made = known(parameter)
    if binding.name != "DataPathComputeBinding" or not isinstance(made, SdkObject):
        return None
    given = bound(made)
    mode = known(bound(binding).get("mode", binding.args[0] if binding.args else "mount"))
    return Data(_plain_name(_word(given.get("name"))), "dataset", mode if isinstance(mode, str) else "mount",
                _files(given.get("default_value")), made=made)  # fmt: skip


def _files(path: Any) -> dict[str, Any]:
    path = known(path)
    if isinstance(path, list) and len(path) == 1:
        path = known(path[0])
    if isinstance(path, (list, tuple)) and len(path) == 2 and datastore(path[0]) is not NOTHING:
        return _place(datastore(path[0]), path[1])
    if isinstance(path, SdkObject) and name_of(path) in ("DataPath", ".path"):
        given = bound(path)
        store = given.get("datastore", path.owner)
        return _place(datastore(store), given.get("path_on_datastore", given.get("path", "")))
    if isinstance(path, (str, Text, Gap)):
        return {"uri": {"path": path}}
    if isinstance(path, list) and path and all(isinstance(one, str) for one in path):
        return {"uri": {"path": Gap("several paths, of which the first is written", 0, "paths", path[0])}}
    return {"uri": {"path": Gap("a place that is not in the code", 0, "path")}}


def _place(store: Any, path: Any) -> dict[str, Any]:
    name = Gap("a datastore that is not in the code", 0, "datastore") if store is NOTHING else store
    relative = known(path)
    if isinstance(relative, (list, tuple)):
        relative = Gap("several paths, of which the first is written", 0, "paths", relative[0] if relative else "")
    return {"dataPath": {"datastoreName": name, "relativePath": path if isinstance(path, (Gap, Text)) else relative}}


def datastore(value: Any) -> Any:
    """The name of the datastore that `value` means, NOTHING for what is none."""
    value = known(value)
    if isinstance(value, SdkObject):
        if name_of(value) in ("Datastore", "Datastore.get"):
            given = bound(value)
            return given.get("datastore_name", given.get("name", NOTHING))
        if value.name.endswith("get_default_datastore"):
            return DEFAULT_DATASTORE
        if value.name.startswith("Datastore.register_"):
            return argument(value, "datastore_name")
    if isinstance(value, Item) and isinstance(value.of, Part) and value.of.path.endswith("datastores"):
        return value.key
    if isinstance(value, Gap):
        return value
    return NOTHING


def _word(value: Any) -> str:
    plain = known(value)
    return plain.text if isinstance(plain, Text) else plain if isinstance(plain, str) else ""


def _plain_name(name: str) -> str:
    """A name that inputs may have: letters, digits and `_`."""
    plain = re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_") or "data"
    return f"_{plain}" if plain[0].isdigit() else plain
