"""Why an environment could not be built: which requirement failed, and the reason in a sentence, out of uv's output."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from amlrun.dataclass import dataclass
from amlrun.errors import JOB_FAILED, AmlError
from amlrun.prepare.conda_file import CondaFile, Requirement
from amlrun.prepare.conda_rules import normal
from amlrun.runs.redact import masked_text

# uv's variables that name files with requirements of their own.
_FILES = ("UV_CONSTRAINT", "UV_OVERRIDE", "UV_BUILD_CONSTRAINT", "UV_EXCLUDE")
NAMES_FIX = "Correct the names or versions in the conda file, then submit again."
_GIT_FIX = "Check its address and commit, the network, and your access to the host, then submit again."
_ADDRESS_FIX = "Check the address, your access to it, and the network (for a proxy HTTPS_PROXY), then submit again."
# uv's hint where it was told not to use the network.
_OFFLINE = "the network was disabled"


@dataclass
class Problem:
    """One package that failed: the requirement of the file that names it (or needs it), and why."""

    package: str
    reason: str
    requirement: Requirement | None = None
    fix: str = NAMES_FIX

    @property
    def text(self) -> str:
        named = self.requirement.text if self.requirement else self.package
        needed = self.requirement is not None and name_of(self.requirement.text) != name_of(self.package)
        named = masked_text(named)
        return f"{named}: needs {self.package}: {self.reason}" if needed else f"{named}: {self.reason}"


def name_of(requirement: str) -> str:
    """The name in a requirement, as packages are compared."""
    found = re.match(r"[A-Za-z0-9][\w.-]*", requirement)
    return normal(found[0]) if found else ""


def of_settings(output: str, settings: Mapping[str, str], wanted: CondaFile) -> AmlError | None:
    """The error of a build that a setting of uv's ended: no package is at fault. None for any other failure."""
    named = re.search(r"(?:Couldn't parse requirement in|File not found:) `?([^`\n]+)`?", output)
    for name in _FILES:
        file = next((file for file in settings.get(name, "").split() if named and file == named[1].strip()), None)
        if file is not None:
            reason = "is not a requirements file" if Path(file).is_file() else "no such file or folder"
            lines = [line.strip() for line in output.splitlines() if line.strip().startswith("cause:")]
            hint = "\n".join([*lines, f"{name} names it: correct it, or unset {name}."])
            return AmlError(reason, file=Path(file), hint=hint)
    return _offline(output, settings, wanted)


def other_files(settings: Mapping[str, str]) -> str:
    """What else decides on versions, for the end of an error; empty where there is nothing."""
    named = [f"{name}={settings[name]}" for name in _FILES if settings.get(name)]
    return f"Versions are also decided by {' and '.join(named)}." if named else ""


def _offline(output: str, settings: Mapping[str, str], wanted: CondaFile) -> AmlError | None:
    """Of packages that uv may not fetch. With an index on the disk beside, uv says only that it found no version."""
    forbidden = settings.get("UV_OFFLINE", "").lower() not in ("", "0", "false", "no", "off", "n", "f")
    if _OFFLINE not in re.sub(r"\s+", " ", output) and not (forbidden and "No solution found" in output):
        return None
    return AmlError(
        "UV_OFFLINE is set, and the packages are not in uv's cache", file=wanted.file, exit_code=JOB_FAILED,
        hint="Unset it (or `offline` in uv.toml) for the first build: later runs reuse the environment.",
    )  # fmt: skip


def find(output: str, requirements: list[Requirement], python: str) -> Problem | None:
    """The package that uv's output says failed; None when it names none. `python` is the version used, 3.11."""
    text = re.sub(r"\s+", " ", re.sub(r"[\u2500-\u257f\u25b6\u00d7]", " ", output))
    if problem := _of_address(output, text, requirements):
        return problem
    known = {name_of(one.text): one for one in requirements}

    def made(package: str, reason: str) -> Problem:
        own = known.get(name_of(package)) or _who_needs(package, text, known)
        return Problem(package, reason, own)

    built = re.search(
        r"Failed to (?:build|download and build|prepare|fetch)[^`]{0,20}`([\w.-]+)(?:==|@| )?([^`\s]*)", text
    )
    if built and "Git operation failed" in text:
        problem = made(built[1], _git_reason(output))
        problem.fix = _GIT_FIX
        return problem
    if built:
        why = _last_error(output)
        reason = f"there is no wheel for Python {python}, and building it from source failed"
        return made(_with_version(built[1], built[2]), f"{reason}{f' ({why})' if why else ''}")
    gone = re.search(r"Because ([\w.-]+) was not found in the (?:package registry|provided)", text)
    if gone:
        return made(gone[1], "there is no package with this name")
    path = re.search(
        r"(?:Distribution not found at|does not appear to be a Python project|Failed to read[^:]*): (\S+)", text
    )
    if path:
        own = next((one for one in requirements if re.split(r"[\[ ]", one.text)[-1] in text or one.text in text), None)
        return Problem(own.text if own else path[1].removeprefix("file://"), "no such file or folder", own)
    wrong = re.search(r"(?:Couldn't|Could not) parse[^`]*`", text)
    if wrong:
        own = next((one for one in requirements if one.text in text), None)
        return Problem(own.text if own else "a line", "is not a requirement that pip can read", own)
    return _conflict(text, known, python, made)


def _of_address(output: str, text: str, requirements: list[Requirement]) -> Problem | None:
    """What an address is to blame for: a package's, an index's, a repository's; or a variable in it that is not set."""
    for one in requirements:
        unset = [name for name in re.findall(r"\$\{([A-Z0-9_]+)\}", one.text) if name not in os.environ]
        if unset:
            fix = f"Set {unset[0]} where `aml` is started, then submit again."
            return Problem(one.text, f"the environment variable {unset[0]} is not set", one, fix)
    git = "Git operation failed" in text and "Failed to " not in text.partition("Git operation failed")[0]
    used = (
        re.findall(r"Updating (\S+)", text) if git else re.findall(r"(?:Failed to fetch:|URL:|for url) \W?(\S+)", text)
    )
    broken = re.findall(r"Failed to (?:read metadata|extract archive): (?:\S+ @ )?(https?://\S+)", text)
    for address in map(_bare, [*used, *broken]):
        for one in requirements:
            own = re.search(r"\w+://[^\s#]+", one.text)
            if own is None or not (address.startswith(_bare(own[0])) or (git and _bare(own[0]).startswith(address))):
                continue
            if git:
                return Problem(one.text, _git_reason(output), one, _GIT_FIX)
            status = re.search(r"HTTP status \w+ error \((\d+ [\w ]+)\)", text)
            host = address.partition("/")[0]
            reason = f"{host} answered {status[1]}" if status else f"{host} could not be reached"
            reason = f"what {host} sent is no package (a sign-in page, or half of the file)" if broken else reason
            return Problem(one.text, reason, one, _ADDRESS_FIX)
    return None


def _bare(address: str) -> str:
    """Host and path of an address."""
    return re.sub(r"^(?:\w+\+)?\w+://(?:[^/@]*@)?", "", address).strip("`'\"(),").rstrip("/")


def _git_reason(output: str) -> str:
    fatal = re.search(r"^\W*fatal: (.+?)\W*$", output, re.MULTILINE)
    return f"Git could not fetch it{f' ({masked_text(fatal[1])})' if fatal else ''}"


def _conflict(text: str, known: dict[str, Requirement], python: str, made: object) -> Problem | None:
    def problem(package: str, reason: str) -> Problem:
        return made(package, reason)  # type: ignore[operator,no-any-return]

    needs = re.search(
        r"the (?:current|requested) Python version \(([\d.]+)\) does not satisfy Python([<>=!~][^\s]+)", text
    )
    if needs:
        owner = re.search(r"([\w.-]+==[\w.]+|[\w.-]+) depends on Python", text)
        return problem(
            owner[1] if owner else "a package", f"needs Python {needs[2].rstrip(',')}, and this is {needs[1]}"
        )
    wheels = re.search(
        r"([\w.-]+)((?:==|[<>]=?)[\w.,<>=]+)? has no (?:usable )?wheels( with a matching platform)?", text
    )
    if wheels:
        platforms = re.search(r"on the following platforms?: ([`\w, .-]+`)", text) if wheels[3] else None
        only = f" (only for {platforms[1].replace('`', '')})" if platforms else ""
        where = f"this machine{only}" if wheels[3] else f"Python {python}"
        return problem(_with_version(wheels[1], wheels[2]), f"has no wheel for {where}")
    version = re.search(r"there (?:is|are) no versions? of ([\w.-]+?)((?:==|>=?|<=?|~=)\S+)?(?:,| and|\s)", text)
    if version:
        return problem(_with_version(version[1], version[2]), "there is no such version")
    few = re.search(r"only (?:the following versions of )?([\w.-]+?)((?:==|[<>]=?)\S+)? (?:is|are) available", text)
    depends = re.search(r"([\w.-]+)((?:==|[<>]=?)\S+)? depends on ([\w.-]+)((?:==|[<>!~]=?)\S+)?", text)
    if few and not depends:
        return problem(_with_version(few[1], ""), "there is no such version")
    if depends:
        first, second = _with_version(depends[1], depends[2]), _with_version(depends[3], depends[4])
        other = known.get(name_of(depends[3]))
        asked = f", and the file asks for {other.text}" if other else ", which is incompatible with the other packages"
        return problem(first, f"needs {second.rstrip(',')}{asked}")
    if few:
        return problem(_with_version(few[1], ""), "there is no such version")
    return None


def error(problems: list[Problem], wanted: CondaFile, output: str, stand_in: str) -> AmlError:
    """The failed build as one error: the first problem with its line, the others in its hint.

    `stand_in` says which Python was used in place of the one asked for, and what to do; empty where it is the one.
    """
    if not problems:
        low = re.sub(r"\s+", " ", output.lower())
        if any(sign in low for sign in ("failed to fetch", "dns error", "error sending request", "connect error")):
            return AmlError(
                "the package index could not be reached", file=wanted.file, exit_code=JOB_FAILED,
                hint="The first build needs it: connect, then submit again. For a mirror or a feed set "
                "UV_DEFAULT_INDEX (or index-url in pip's or uv's settings); for a proxy HTTPS_PROXY.",
            )  # fmt: skip
        lines = [line.strip() for line in masked_text(output).splitlines() if line.strip()]
        return AmlError(
            "the environment could not be created", file=wanted.file, exit_code=JOB_FAILED, hint="\n".join(lines[-12:])
        )
    first, *others = problems
    lines = [_placed(one, wanted) for one in others]
    lines += [stand_in] if stand_in else []
    lines.append(first.fix)
    line = first.requirement.line if first.requirement else None
    return AmlError(
        first.text, file=_file_of(first, wanted), line=line, exit_code=JOB_FAILED, hint="\n".join(lines)
    )  # fmt: skip


def _placed(problem: Problem, wanted: CondaFile) -> str:
    line = problem.requirement.line if problem.requirement else None
    file = _file_of(problem, wanted)
    place = f"{file}:{line}: " if file and line else f"line {line}: " if line else ""
    return f"{place}{problem.text}"


def _file_of(problem: Problem, wanted: CondaFile) -> Path | None:
    return (problem.requirement.file if problem.requirement else None) or wanted.file


def _with_version(name: str, version: str | None) -> str:
    text = (version or "").strip(",.")
    return name if not text else f"{name}{text}" if re.match(r"[<>=!~]", text) else f"{name}=={text}"


def _who_needs(package: str, text: str, known: dict[str, Requirement]) -> Requirement | None:
    """The requirement of the file that a package which is not in it was included for."""
    for found in re.finditer(r"`([\w.-]+)`[^`]{0,40} depends on|([\w.-]+)(?:==\S+)? depends on", text):
        own = known.get(name_of(found[1] or found[2]))
        if own is not None and name_of(package) != name_of(own.text):
            return own
    return None


def _last_error(output: str) -> str:
    """The last line of a failed build that names an error, short."""
    lines = [line.strip(" │") for line in output.splitlines()]
    errors = [line for line in lines if re.match(r"(?:\w+\.)*\w*(?:Error|Exception)\b:? ?|error: |fatal error: ", line)]
    named = [line for line in errors if not line.startswith(("error: Failed", "error: No solution"))]
    if not named:
        return ""
    line = masked_text(named[-1])
    return line if len(line) <= 120 else line[:120].rsplit(" ", 1)[0] + " …"
