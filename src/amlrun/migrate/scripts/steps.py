"""Which step a metric gets: v1 makes a series of a name that is logged again, MLflow needs to be told the step."""

from __future__ import annotations

import ast

from amlrun.migrate.scripts.names import Binding, Names
from amlrun.migrate.scripts.values import counted
from amlrun.python_source import FUNCTIONS, parameters_of

_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_STEP_NAMES = {"epoch", "step", "iteration", "batch", "global_step", "n_iter", "it"}
COUNTER = "counter"


def step_of(call: ast.Call, name: ast.expr, names: Names, block: ast.AST | None) -> str:
    """The text of the step: empty for a name logged once, a variable that counts, or COUNTER.

    `block` is where the run begins that it is logged to; what is around that does not repeat it.
    """
    # What the name is made of gives each round a name of its own.
    inside = {names.of[node] for node in ast.walk(name) if isinstance(node, ast.Name) and node in names.of}
    rounds: list[str] = []
    node: ast.AST = call
    while True:
        above = names.parents.get(node)
        if above is None or above is block:
            break
        if isinstance(above, _LOOPS) and node is not getattr(above, "iter", None) and node not in above.orelse:
            _loop(above, inside, rounds, names)
        elif isinstance(above, _COMPREHENSIONS):
            for part in above.generators:
                _loop(part, inside, rounds, names)
        elif isinstance(above, FUNCTIONS):
            if not isinstance(above, ast.Lambda) and not _runs_once(above, names, set()):
                own = [names.of[arg] for arg in parameters_of(above)]
                if not any(one in inside for one in own):
                    rounds.append(next((one.name for one in own if one.name in _STEP_NAMES), COUNTER))
            elif isinstance(above, ast.Lambda):
                rounds.append(COUNTER)
            break
        node = above
    if not rounds:
        return ""
    return rounds[0] if len(rounds) == 1 else COUNTER


def _loop(loop: ast.AST, inside: set[Binding], rounds: list[str], names: Names) -> None:
    target = getattr(loop, "target", None)
    own = [names.of[node] for node in ast.walk(target) if node in names.of] if target is not None else []
    if any(one in inside for one in own) and not any(counted(one, names) for one in own):
        return
    number = next((one.name for one in own if counted(one, names)), COUNTER)
    rounds.append(number)


def _runs_once(function: ast.AST, names: Names, seen: set[ast.AST]) -> bool:
    """Whether the file calls a function in one place, outside of loops, or it is an entry point that others call."""
    if function in seen:
        return False
    seen.add(function)
    calls = names.calls_of.get(function, [])
    if not calls:
        loads = next(
            (
                names.module.names[one].loads
                for one in [getattr(function, "name", "")]
                if one in names.module.names and names.module.names[one].definition is function
            ),
            None,
        )
        # Neither called nor handed on here: whoever imports it calls it, once as far as anybody knows. A method of a
        # class is called by a framework, as often as that likes.
        return loads == [] and getattr(function, "name", "") != "run"
    if len(calls) > 1:
        return False
    node: ast.AST = calls[0]
    while True:
        above = names.parents.get(node)
        if above is None:
            return True
        if isinstance(above, (*_LOOPS, *_COMPREHENSIONS)):
            return False
        if isinstance(above, FUNCTIONS):
            return not isinstance(above, ast.Lambda) and _runs_once(above, names, seen)
        node = above
