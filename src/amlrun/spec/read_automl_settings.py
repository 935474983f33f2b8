"""Reads the settings of a v2 AutoML job YAML: limits, featurization and training."""

from __future__ import annotations

from typing import Any

from amlrun.errors import did_you_mean, folded
from amlrun.spec.automl import (
    COLUMN_TYPES,
    GONE,
    STRATEGIES,
    TRANSFORMERS,
    AutoMLLimits,
    AutoMLTraining,
    Featurization,
)
from amlrun.spec.node import Node
from amlrun.spec.read_command import Reader

_NUMBERS = ("timeout_minutes", "trial_timeout_minutes", "max_trials", "max_concurrent_trials", "max_cores_per_trial",
            "max_nodes")  # fmt: skip
_LIMITS = (*_NUMBERS, "enable_early_termination", "exit_score")
_FEATURIZATION = ("mode", "blocked_transformers", "column_name_and_types", "transformer_params", "dataset_language",
                  "enable_dnn_featurization")  # fmt: skip
_SWITCHES = ("enable_stack_ensemble", "enable_vote_ensemble", "enable_onnx_compatible_models",
             "enable_model_explainability", "enable_dnn_training")  # fmt: skip
_TRAINING = ("allowed_training_algorithms", "blocked_training_algorithms", *_SWITCHES,
             "ensemble_model_download_timeout_minutes", "training_mode", "stack_ensemble_settings")  # fmt: skip
_SECTIONS: dict[str, tuple[str, ...]] = {
    "limits": _LIMITS,
    "featurization": _FEATURIZATION,
    "training": _TRAINING,
}


class Settings(Reader):
    """Reads an AutoML job's sections."""

    def known(self, key: str, node: Node, names: tuple[str, ...] = ()) -> dict[str, Node]:
        """The keys of a section; one that belongs into another is told where.

        The how-to page's own samples have some in wrong places: max_trials below training, a switch at the top.
        """
        names = names or _SECTIONS[key]
        for name, line, _ in node.pairs if node.kind == "map" else ():
            home = next((section for section, keys in _SECTIONS.items() if name in keys), None)
            place = f"{key}.{name}" if key else name
            if name not in names and home is not None:
                raise self.error(place, f"belongs below {home}", line, f"Write it below `{home}:`, indented.")
            if place == "limits.timeout":
                raise self.error(place, "unknown key; did you mean 'timeout_minutes'?", line)
        if key == "featurization" and node.kind == "scalar" and node.text.lower() in ("auto", "off", "custom"):
            hint = f"Write it below: featurization: {{mode: '{node.text.lower()}'}}"
            raise self.error(key, "expected keys below it", node.line, hint)
        return self.section(key, node, names)

    def limits(self, found: dict[str, Node]) -> AutoMLLimits:
        if "limits" not in found:
            return AutoMLLimits()
        parts = self.known("limits", found["limits"])
        made = AutoMLLimits()
        for name in _NUMBERS:
            if name == "max_cores_per_trial" and name in parts and parts[name].value == -1:
                made.max_cores_per_trial = -1  # all cores
            elif name in parts:
                setattr(made, name, self.whole(name, parts, f"limits.{name}"))
        made.enable_early_termination = self.switch("enable_early_termination", parts, "limits")
        made.exit_score = self.fraction("exit_score", parts, "limits.exit_score")
        return made

    def featurization(self, found: dict[str, Node]) -> Featurization:
        if "featurization" not in found:
            return Featurization()
        key = "featurization"
        parts = self.known(key, found[key])
        mode: Any = self.one_of("mode", parts, ("auto", "off", "custom"), key) or "auto"
        if "mode" in parts and parts["mode"].value is False:
            mode = "off"
        made = Featurization(mode)
        for name, line in self._items("blocked_transformers", parts, key):
            made.blocked_transformers.append(self._named(name, TRANSFORMERS, f"{key}.blocked_transformers", line))
        for name, node in self.named("column_name_and_types", parts):
            place = f"{key}.column_name_and_types.{name}"
            made.column_name_and_types[name] = self._named(
                node.text if node.kind == "scalar" else "", COLUMN_TYPES, place, node.line
            )
        for name, node in self.named("transformer_params", parts):
            made.transformer_params[name] = self._transformers(f"{key}.transformer_params.{name}", name, node)
        made.dataset_language = self.word("dataset_language", parts, f"{key}.dataset_language")
        made.enable_dnn_featurization = self.switch("enable_dnn_featurization", parts, key)
        custom = [name for name in ("column_name_and_types", "transformer_params") if name in parts]
        if custom and mode != "custom":
            line = self.lines[f"{key}.{custom[0]}"]
            raise self.error(f"{key}.{custom[0]}", f"has no effect with mode {mode}", line, "Write: mode: custom")
        return made

    def _transformers(self, place: str, name: str, node: Node) -> list[dict[str, Any]]:
        if folded(name) not in ("imputer", "hashonehotencoder"):
            hint = "Known: imputer, HashOneHotEncoder."
            raise self.error(place, f"there is no transformer {name!r}", node.line, hint)
        if node.kind != "list":
            raise self.error(place, "expected a list of fields and parameters", node.line)
        made = []
        for item in node.items:
            parts = self.section(place, item, ("fields", "parameters"))
            values = parts["parameters"].plain() if "parameters" in parts else {}
            strategy = values.get("strategy") if isinstance(values, dict) else None
            if folded(name) == "imputer" and strategy not in (*STRATEGIES, "constant"):
                line = parts["parameters"].line if "parameters" in parts else item.line
                hint = f"One of: {', '.join(STRATEGIES)}."
                raise self.error(f"{place}.parameters.strategy", f"there is no strategy {strategy!r}", line, hint)
            if strategy == "constant" and "fill_value" not in values:
                raise self.error(f"{place}.parameters", "constant needs fill_value", item.line)
            made.append({"fields": self.list_of_words("fields", parts), "parameters": values})
        return made

    def training(self, found: dict[str, Node], algorithms: tuple[str, ...]) -> AutoMLTraining:
        if "training" not in found:
            return AutoMLTraining()
        key = "training"
        parts = self.known(key, found[key])
        made = AutoMLTraining()
        for name in _SWITCHES:
            setattr(made, name, self.switch(name, parts, key))
        lines = {}
        for name in ("allowed_training_algorithms", "blocked_training_algorithms"):
            for word, line in self._items(name, parts, key):
                known = self._named(word, algorithms, f"{key}.{name}", line)
                getattr(made, name).append(known)
                lines[name, known] = line
        for (name, known), line in lines.items():
            if name.startswith("blocked") and known in made.allowed_training_algorithms:
                hint = "Remove it from one of the two lists."
                raise self.error(f"{key}.{name}", f"{known} is both allowed and blocked", line, hint)
        allowed = made.allowed_training_algorithms or algorithms
        if not set(allowed) - set(made.blocked_training_algorithms):
            line = self.lines[f"{key}.blocked_training_algorithms"]
            raise self.error(f"{key}.blocked_training_algorithms", "blocks every algorithm", line)
        made.ensemble_model_download_timeout_minutes = self.number(
            "ensemble_model_download_timeout_minutes", parts, f"{key}.ensemble_model_download_timeout_minutes"
        )
        made.training_mode = self.one_of("training_mode", parts, ("distributed", "non_distributed", "auto"), key)
        stack = parts.get("stack_ensemble_settings")
        if stack is not None:
            names = ("stack_meta_learner_kwargs", "stack_meta_learner_train_percentage", "stack_meta_learner_type")
            self.section(f"{key}.stack_ensemble_settings", stack, names)
            made.stack_ensemble_settings = stack.plain()
        return made

    # ---- values

    def whole(self, key: str, found: dict[str, Node], place: str) -> int:
        """A whole number, 1 or more: azure-ai-ml takes 0.5 and 0 minutes for "not set", without a word."""
        node = found[key]
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value < 2**31:
            unit = "whole minutes" if key.endswith("minutes") else "a whole number"
            raise self.error(place, f"expected {unit}, 1 or more, got {_shown(node)!r}", node.line)
        return value

    def fraction(self, key: str, found: dict[str, Node], place: str) -> float | None:
        node = found.get(key)
        if node is None:
            return None
        if isinstance(node.value, bool) or not isinstance(node.value, (int, float)):
            raise self.error(place, f"expected a number, got {_shown(node)!r}", node.line)
        return float(node.value)

    def switch(self, key: str, found: dict[str, Node], section: str) -> bool | None:
        node = found.get(key)
        if node is None:
            return None
        if not isinstance(node.value, bool):
            raise self.error(f"{section}.{key}", f"expected true or false, got {_shown(node)!r}", node.line)
        return node.value

    def one_of(self, key: str, found: dict[str, Node], known: tuple[str, ...], section: str = "") -> str | None:
        node = found.get(key)
        if node is None:
            return None
        if node.value is False and "off" in known:
            return "off"
        place = f"{section}.{key}" if section else key
        return self._named(node.text if node.kind == "scalar" else "", known, place, node.line)

    def list_of_words(self, key: str, found: dict[str, Node]) -> list[str]:
        return [word for word, _ in self._items(key, found, "")]

    def _items(self, key: str, found: dict[str, Node], section: str) -> list[tuple[str, int]]:
        """The words of a list with their lines."""
        node = found.get(key)
        if node is None:
            return []
        place = f"{section}.{key}" if section else key
        if node.kind != "list" or any(item.kind != "scalar" for item in node.items):
            raise self.error(place, "expected a list", node.line, "Write: [a, b]")
        return [(item.text, item.line) for item in node.items]

    def _named(self, word: str, known: tuple[str, ...], place: str, line: int) -> str:
        """One of the known words, in whatever case style it was written."""
        names = {folded(name): name for name in known}
        if folded(word) in names:
            return names[folded(word)]
        if folded(word) in map(folded, GONE):
            raise self.error(
                place, f"{word} was v1's; v2's AutoML does not have it", line, f"Known: {', '.join(known)}."
            )
        meant = did_you_mean(word.lower(), known)
        raise self.error(place, f"unknown name {word!r}{meant}", line, f"Known: {', '.join(known)}.")


def _shown(node: Node) -> str:
    return node.text if node.kind == "scalar" else f"a {node.kind}"
