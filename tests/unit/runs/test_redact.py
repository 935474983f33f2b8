"""The one secret policy: what is hidden, what must not be, and that no text takes long."""

from __future__ import annotations

import ast
import random
import string
import time

import pytest

from amlrun.notebook import secret_values
from amlrun.runs import redact

NAMES = """
API_KEY api-key --apikey authToken DB_PASS db_password password2 passwd PASSPHRASE bot_token
MAPBOX_TOKEN HF_TOKEN --token stripe_key client_secret AZURE_CLIENT_SECRET WANDB_API_KEY accountKey
connectionString conn_str AZURE_STORAGE_CONNECTION_STRING credentials keys.primaryKey sslKey
storage_key sas_token secret_key Authorization service_principal_password subscription-key
OPENAI_API_KEY refreshToken SMTP_PASS my.private.key
"""
OTHER_NAMES = """
pad_token --max-token max_tokens eos_token bos_token_id mask_token num_token pad_token_id
token_column sort_key primary_key partition-key n_keys key keys monkey forward_pass n_pass
secretName deleteSecretAfterRun cmkKeyName tokenizer passengers compass password_column hotkey
learning_rate alpha data_path
"""


@pytest.mark.parametrize("name", NAMES.split())
def test_the_name_of_a_secret(name: str) -> None:
    assert redact.secret_name(name) and redact.masked({name: "hunter2x"}) == {name: redact.MASK}


@pytest.mark.parametrize("name", OTHER_NAMES.split())
def test_a_name_that_only_sounds_like_one(name: str) -> None:
    assert not redact.secret_name(name) and redact.masked({name: "hunter2x"}) == {name: "hunter2x"}


@pytest.mark.parametrize(
    "value",
    ["<pad>", "[PAD]", "</s>", "<|endoftext|>", "5", "1e-3", "", "true", "$TOKEN", "${{inputs.token}}", 5, None],
)  # fmt: skip
def test_a_token_that_is_none(value: object) -> None:
    for words in (["--token", value], ["--pad_token", value], ["--max-token", value]):
        assert redact.masked(words) == words
    assert redact.masked({"token": value}) == {"token": value}


@pytest.mark.parametrize(
    ("line", "hidden"),
    [
        ("python train.py --api-key SECRET123 --epochs 3", "python train.py --api-key *** --epochs 3"),
        ("python train.py --api-key='SECRET 123' x", "python train.py --api-key='***' x"),
        ('API_KEY="SECRET123" python train.py', 'API_KEY="***" python train.py'),
        ("export AZURE_CLIENT_SECRET=SECRET123 && python a.py", "export AZURE_CLIENT_SECRET=*** && python a.py"),
        ("Server=x;Database=y;Password=SECRET123;", "Server=x;Database=y;Password=***;"),
        ("x AccountName=a;AccountKey=SECRET123==", "x AccountName=a;AccountKey=***"),
        ("curl -H 'Authorization: token SECRET123' u", "curl -H 'Authorization: token ***' u"),
        ("curl -H 'Authorization: Bearer SECRET123' u", "curl -H 'Authorization: Bearer ***' u"),
        ("https://u:SECRET123@host/x.git", "https://***@host/x.git"),
        ("https://a.blob.core.windows.net/c?sv=1&sig=SECRET123&se=2", "https://a.blob.core.windows.net/c?sv=1&sig=***&se=2"),
        ('python a.py --config \'{"api_key": "SECRET123"}\'', 'python a.py --config \'{"api_key": "***"}\''),
        ("curl -s -u me:SECRET123 https://h/x", "curl -s -u me:*** https://h/x"),
        ("cd a && curl --user 'me@b.c:SECRET123' https://h", "cd a && curl --user 'me@b.c:***' https://h"),
        ("mysql -h db -u root -pSECRET123 -e 'select 1'", "mysql -h db -u root -p*** -e 'select 1'"),
        ("az login --service-principal -u x -p SECRET123 -t y", "az login --service-principal -u x -p *** -t y"),
        ("docker login r.azurecr.io -u me -p SECRET123", "docker login r.azurecr.io -u me -p ***"),
        ("mkdir -p data && python a.py -p 5 -u x:y", None),
        ("docker run -u 1000:1000 -p 80:80 image", None),
        ("curl -u $ME:$PW https://h; mysql -p; mysql -p$PW -u root", None),
        ("wandb.api_key=SECRET123 lr=0.1", "wandb.api_key=*** lr=0.1"),
        ("python a.py sk_live_SECRET123", "python a.py ***"),
        ("python a.py ghp_SECRET123abc", "python a.py ***"),
        ("python a.py --api-key $API_KEY --token ${{inputs.token}}", None),
        ("python a.py --pad_token '<pad>' --max-token 5 --primary-key id", None),
        ("abfss://container@account.dfs.core.windows.net/data", None),
        ("git@github.com:acme/repo.git", None),
        ("the token: a word of the text", None),
        ("password = getpass.getpass()", None),
    ],
)  # fmt: skip
def test_a_line_of_text(line: str, hidden: str | None) -> None:
    assert redact.masked_text(line) == (line if hidden is None else hidden)
    assert redact.contains_secret(line) == (hidden is not None)


def test_a_job() -> None:
    job = {
        "command": ["python", "a.py", "--api-key", "S1", "--password=S2 S3", "--name", "x", "--flag"],
        "inputs": {"api_key": {"type": "string", "value": "S4"}, "data": {"path": "azureml:d:1"}, "token": "S5"},
        "environment_variables": {"WANDB_API_KEY": "S6", "EPOCHS": "3"},
        "search_space": {"token": {"type": "choice", "values": ["a", "b"]}},
        "credentials": ["S7", "S8"],
    }
    shown = redact.masked(job)
    assert not any(f"S{number}" in str(shown) for number in range(1, 9))
    assert shown["command"][-3:] == ["--name", "x", "--flag"] and shown["search_space"] == job["search_space"]
    assert shown["inputs"]["data"] == {"path": "azureml:d:1"} and shown["environment_variables"]["EPOCHS"] == "3"
    assert redact.masked(shown) == shown


@pytest.mark.parametrize("name", [".env", ".env.prod", "key.pem", "id_rsa", ".netrc", "a.pfx", ".git-credentials"])
def test_files(name: str) -> None:
    assert redact.secret_file(name) and redact.secret_file(name.upper())
    assert not any(redact.secret_file(one) for one in (".env.example", "train.py", "keys.csv", "pem.txt"))


def test_any_text_is_masked_soon_and_once_for_all() -> None:
    """Masking what is masked changes nothing, and no text makes the patterns slow."""
    draw = random.Random(5)  # noqa: S311 - not for secrets
    parts = ["--", "token", "=", " ", "'", '"', "key", "api_", ":", "://", "@", "Bearer ", "sk-", "a.", ";", "$", "\\"]
    for _ in range(400):
        text = "".join(draw.choice([*parts, draw.choice(string.printable)]) for _ in range(draw.randrange(60)))
        once = redact.masked_text(text)
        assert redact.masked_text(once) == once, text
    started = time.perf_counter()
    for part in (
        *parts,
        "a. ",
        "token=",
        "--api-key ",
        "eyJ" * 9,
        "-----BEGIN PRIVATE KEY-----",
        "A" * 80,
        "curl -u ",
        "mysql -",
    ):
        redact.masked_text(part * 20000)
    spent = time.perf_counter() - started
    print(f"{spent:.1f} s")  # a pattern that goes back would take hours here


PLANTED = """
DB_PASS = "hunter22"
bot_token = "12345:abcdefgh"
MAPBOX_TOKEN = "pk.abcdefghij"
stripe_key = "sk_live_abcdef123456"
password2 = "hunter22"
credentials = ("someone", "hunter22")
connection = "Server=x;Database=y;User=z;Password=hunter22;"
headers = {"Authorization": "token abcdef123456"}
api_key: str = "abcdef123456"
x = ["sk-plant1234567890abcd", 3]
if k == "ghp_abcdefABCDEF0123456789abcdefABCDEF01": pass
u = f"https://me:plantpw7@host/{x}"
c = f"AccountKey=UExBTlRDQ0NQTEFOVENDQ1BMQU5UQ;{x}"
x, api_key = 1, "hunter22x"
api_key = "hunter22x" if 1 else None
api_key = os.environ.get("API_KEY") or os.getenv("API_KEY", "hunter22x")
password = b"hunter22x"
os.putenv("API_KEY", "hunter22x")
login(token := "hunter22x")
wandb.login("0123456789abcdef0123456789abcdef01234567")
setattr(cfg, "password", "hunter22x")
kv = [("password", "hunter22x")]
headers.append(("Authorization", "Basic aHVudGVyOjIyeA=="))
requests.get(u, auth=("me", "hunter22x"))
requests.get(u, auth=HTTPBasicAuth("me", "hunter22x"))
parser.add_argument("--db-password", default="hunter22x")
secret = "hunter" + "22xyzw"
"""
HARMLESS = """
pad_token = "<pad>"
tokenizer = "bert-base-uncased"
primary_key = "customer_id"
max_token = "5"
token_column = "token"
title = "the password is asked for"
url = f"https://me:{password}@host/{x}"
conn = f"AccountName=a;AccountKey={key}"
parser.add_argument("--pad_token", default="<pad>")
tokens = ["[CLS]", "[SEP]", "sk-learn"]
login("someone@example.org")
os.getenv("API_KEY")
x, y = "first", "second"
tokenizer.add_special_tokens({"pad_token": "[PAD]", "eos_token": "</s>"})
special = [("bos_token", "<s>"), ("sort_key", "price")]
"""


def test_a_notebooks_planted_secrets_are_all_found() -> None:
    for line in PLANTED.strip().splitlines():
        assert secret_values.found(ast.parse(line)), line
    for line in HARMLESS.strip().splitlines():
        assert not secret_values.found(ast.parse(line)), line
