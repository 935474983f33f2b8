"""The fixtures of the render tests: the template as a plain folder, and renders of it through pytest-copie."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_copie.plugin import Copie
from support.rendering import copy, copy_template


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template as a plain folder."""
    return copy_template(tmp_path_factory.mktemp("template"))


@pytest.fixture(scope="session")
def project(template: Path, copie_session: Copie) -> Path:
    """The default render."""
    return copy(copie_session, template)


@pytest.fixture
def rendered(template: Path, copie: Copie) -> Callable[..., Path]:
    """Render the template with some answers, or another template that is named first."""

    def rendered(source: Path = template, **answers: Any) -> Path:
        return copy(copie, source, **answers)

    return rendered
