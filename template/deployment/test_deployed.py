"""Ask a deployed service: SERVICE_URL=http://127.0.0.1:32000/score uv run pytest deployment

On a managed online endpoint set SERVICE_KEY too (`az ml online-endpoint get-credentials`).
"""

import json
import os
import urllib.error
import urllib.request
from pathlib import Path

import pytest

URL = os.environ.get("SERVICE_URL")
SAMPLE = json.loads(Path(__file__).with_name("sample-request.json").read_text(encoding="utf-8"))

pytestmark = pytest.mark.skipif(not URL, reason="SERVICE_URL names no service")


def ask(body):
    headers = {"Content-Type": "application/json"}
    if key := os.environ.get("SERVICE_KEY"):
        headers["Authorization"] = f"Bearer {key}"
    request = urllib.request.Request(URL, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_the_sample_gets_probabilities():
    status, answer = ask(SAMPLE)
    assert status == 200
    assert [sum(row) for row in answer["probabilities"]] == pytest.approx([1.0] * len(SAMPLE["data"]))


@pytest.mark.parametrize("body", [{}, {"data": []}, {"data": [{"colour": 1}]}, {"data": [[1, 2]]}])
def test_a_bad_request_is_refused_with_a_message(body):
    status, answer = ask(body)
    assert 400 <= status < 500
    assert answer["message"]
