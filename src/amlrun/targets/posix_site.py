"""What a container and another machine have in common as the place where a script runs."""

from __future__ import annotations

from amlrun.prepare.site import Report, Site


class PosixSite(Site):
    """A place that is not this machine, with a Python of its own and POSIX paths.

    `bash` is where its bash lies, if it has one; `label` is what it is called in messages.
    """

    separator = ":"
    bash: str | None
    label: str

    @property
    def python(self) -> str:
        return self.interpreter.python.as_posix()

    def has(self, program: str, path: str) -> bool:
        return True

    @property
    def facts(self) -> dict[str, str]:
        return {"root": self.folder}

    def variables_over(self, path: str) -> dict[str, str]:
        """The variables of the run's Python, which comes first on PATH, before `path`."""
        found = {"PATH": f"{self.interpreter.bin.as_posix()}:{path}"}
        if self.interpreter.folder is not None:
            found["VIRTUAL_ENV"] = self.interpreter.bin.parent.as_posix()
        return found | self.interpreter.variables

    def shell(self, line: str, report: Report) -> list[str]:
        if not self.bash:
            report(f"{self.label} has no bash: sh runs the command; Azure ML uses bash.")
        return [self.bash or "/bin/sh", "-c", line]
