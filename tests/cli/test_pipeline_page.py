"""A pipeline's page in a real browser (headless Chromium): every step is drawn, and no text leaves its box."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest
from support.pipelines import PIPELINE, project
from support.workplace import Workplace

pytestmark = pytest.mark.slow
# What the page's own policy forbids to it: a script, which measures the drawing as the browser made it.
MEASURE = """<script>
const found = [...document.querySelectorAll("svg g")].map(group => {
  const box = group.querySelector("rect").getBBox();
  const texts = [...group.querySelectorAll("text")].map(text => [text.textContent, text.getBBox()]);
  return {name: texts[0][0], fill: getComputedStyle(group.querySelector("rect")).fill,
          inside: texts.every(([, one]) => one.x >= box.x && one.x + one.width <= box.x + box.width)};
});
const edges = [...document.querySelectorAll("svg path.edge")].map(edge => edge.getTotalLength());
const links = [...document.querySelectorAll("a")].map(link => link.href);
document.body.setAttribute("data-found", JSON.stringify({boxes: found, edges, links}));
</script></body>"""


@pytest.fixture
def browser() -> str:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium here: python tests/install.py")
    return program


def measured(browser: str, page: Path, profile: Path) -> dict[str, list[dict[str, object]]]:
    text = page.read_text(encoding="utf-8")
    open_text = re.sub(r'<meta http-equiv="(Content-Security-Policy|refresh)"[^>]*>', "", text)
    copy = page.with_name("measured.html")
    copy.write_text(open_text.replace("</body>", MEASURE), encoding="utf-8")
    words = [browser, "--headless", "--disable-gpu", f"--user-data-dir={profile}", "--dump-dom", copy.as_uri()]
    if hasattr(os, "getuid") and os.getuid() == 0:
        words.insert(1, "--no-sandbox")
    done = subprocess.run(words, capture_output=True, text=True, encoding="utf-8", timeout=120)
    match = re.search(r'data-found="([^"]*)"', done.stdout)
    assert match is not None, done.stderr[-2000:]
    found: dict[str, list[dict[str, object]]] = json.loads(unescape(match[1]))
    return found


def test_a_browser_draws_what_happened(tmp_path: Path, browser: str) -> None:
    text = PIPELINE.replace("  report:", "  a_report_with_a_name_as_long_as_people_give_them:")
    text = text.replace("--write ${{outputs.model}}", "--write ${{outputs.model}} --word fail")
    file = project(tmp_path / "project", text)
    place = Workplace(file.parent)
    place.aml("run", "submit-pipeline", "-n", "exp", "-y", "pipeline.yml", cwd=place.root, code=1)
    page = place.latest() / "pipeline.html"
    assert "<script" not in page.read_text() and 'http-equiv="refresh"' not in page.read_text()
    found = measured(browser, page, tmp_path / "profile")
    assert [box["name"] for box in found["boxes"]] == ["prep", "train", "a_report_with_a_nam…"]
    assert all(box["inside"] for box in found["boxes"]), found["boxes"]
    assert len({str(box["fill"]) for box in found["boxes"]}) == 3, "completed, failed and not started differ"
    assert len(found["edges"]) == 3 and all(float(str(length)) > 20 for length in found["edges"])
    logs = [Path(str(link).removeprefix("file://")) for link in found["links"] if str(link).endswith("std_log.txt")]
    assert logs and all(log.is_file() for log in logs), "each link leads to a log that is there"
