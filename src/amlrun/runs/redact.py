"""What a secret is, by its name and by its look, and how text and records are written without it.

The one policy of the library: records, logs, snapshots, `aml explain` and converted notebooks all ask here.
"""

from __future__ import annotations

import re
from typing import Any

MASK = "***"

# Words that say what kind of key a `…_key` is; a bare `sort_key` or `primary_key` names a column.
_KEYS = (
    "api|access|account|admin|app|application|auth|aws|azure|client|cognitive|comet|consumer|cosmos|cosmosdb|database|"
    "db|decryption|encryption|endpoint|function|functions|gcp|github|gitlab|google|hf|huggingface|kaggle|keys_primary|"
    "keys_secondary|management|maps|master|neptune|openai|private|redis|rsa|sas|scoring|secret|security|service|shared|"
    "shared_access|sharedaccess|signing|speech|ssh|ssl|storage|stripe|subscription|tls|translator|wandb|webhook"
)
_NAME = re.compile(
    r"(?:^|_)(?:[a-z]*pass(?:word|wd|phrase|code)s?|pwd|pass|[a-z]*secrets?(?:_(?:value|string|text))?|credentials?|creds|"
    r"authorization|basic_auth|cookie|sas|sas_ur[il]|conn(?:ection)?_?str(?:ing)?s?|"
    rf"(?:{_KEYS})_?keys?|"
    r"(?:access|api|auth|bearer|id|refresh|sas|session)token|(?:access|api|auth|bearer|refresh)_tokens|token)$"
)
# What a tokenizer calls `…_token`, and a loop `…_pass`: none of it is a secret.
_HARMLESS_TOKEN = frozenset({
    "add", "added", "additional", "assistant", "audio", "begin", "blank", "bos", "byte", "char", "class", "cls",
    "concept", "cost", "decoder", "dist", "doc", "document", "empty", "encoder", "end", "eos", "extra", "first",
    "forced", "go", "image", "img", "initializer", "input", "instruction", "label", "lang", "language", "last",
    "mask", "max", "memory", "min", "model", "n", "new", "next", "null", "num", "oov", "output", "pad", "padding",
    "patch", "per", "placeholder", "pos", "prompt", "query", "register", "response", "sentence", "sep", "separator",
    "soft", "sos", "source", "speaker", "special", "start", "stop", "sub", "subword", "system", "target", "task",
    "text", "time", "total", "trigger", "trim", "unk", "unknown", "user", "video", "virtual", "vocab", "word"
})  # fmt: skip
_HARMLESS_PASS = frozenset({
    "backward", "band", "by", "first", "forward", "high", "last", "low", "multi", "n", "num", "one", "second",
    "single", "two"
})  # fmt: skip
# A reference to where the value is kept, or a tokenizer's own word: <pad>, [SEP], </s>, <|endoftext|>.
_REFERENCE = re.compile(r"\$.*|%\w+%|\{.*\}|<[^<>]*>|\[[^\[\]]*\]|" + re.escape(MASK), re.DOTALL)
_NUMBER = re.compile(r"[+-]?[0-9][0-9_]*(?:\.[0-9]*)?(?:e[+-]?[0-9]+)?", re.IGNORECASE)
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "none", "null"})
_FILE = re.compile(r"[^\s]*\.(?:json|ya?ml|toml|ini|cfg|txt|pem|crt|cer|key|pub|pfx|p12)", re.IGNORECASE)
_GENERATED = re.compile(r"(?=[^\s]*[a-z])(?=[^\s]*[A-Z])(?=[^\s]*[0-9])[\w+/=-]{20,}|[0-9a-f]{32,}")

# How keys of services look, wherever they stand; only what is matched is hidden.
_VALUE = re.compile(
    r"(?<=[?&]sig=)[^&\s\"']+|(?<=AccountKey=)[^;\s\"']+|(?<=SharedAccessKey=)[^;\s\"']+|\b[A-Za-z0-9+/]{86}==|"
    r"\bsk-(?=[\w-]{0,99}\d)\w[\w-]{6,}|\b[sr]k_(?:live|test)_\w{6,}|\bgh[pousr]_\w{6,}|\bgithub_pat_\w{16,}|"
    r"\bglpat-[\w-]{16,}|\bhf_\w{20,}|\bA[KS]IA[A-Z0-9]{12,}|\bAIza[\w-]{20,}|\bxox[abeoprs]-\w[\w-]+|"
    r"(?<=hooks\.slack\.com/services/)[\w/]+|\bSG\.[\w-]{16,}\.[\w-]{16,}|\bdapi[0-9a-f]{32}\b|\bnpm_\w{30,}|"
    r"\bpypi-[\w-]{30,}|\beyJ[\w-]{8,}\.[\w.-]+|(?<=Bearer )(?!\$|\{)[\w.+/=-]{8,}|(?<=Basic )(?!\$|\{)[\w.+/=-]{8,}|"
    r"(?<=Authorization: token )[^\s\"'${]+|(?<=://)[^/\s:@\"']+:[^/\s@{}<>$*\"']+(?=@)|"
    r"(?<=://)(?=\w*\d)\w{20,}(?=@)|"
    r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----(?:[\s\S]*?-----END (?:[A-Z]+ )*PRIVATE KEY-----|[\s\S]*)"
)
# The password among the options of a program that is known: `curl -u me:…`, `mysql -p…`, `docker login -p …`.
_PROGRAM = re.compile(
    r"(?P<before>\b(?:(?:curl|wget|https?)\b[^\n;&|]{0,300}?\s(?:-u|--user|-a|--auth)[\s=]*[\"']?[\w.@+-]+:|"
    r"(?:mysql\w*|mariadb\w*|sshpass|(?:az|docker|podman|oc|registry|twine)\s+(?:login|upload))\b[^\n;&|]{0,300}?"
    r"\s-p\s*[\"']?|redis-cli\b[^\n;&|]{0,300}?\s-a\s*[\"']?))(?P<value>[^\s\"'${;&|-][^\s\"';&|]*)"
)
# `name=value`, `"name": "value"` and `--name value` in a line of text; the value may be quoted.
_QUOTED = r"\"(?:[^\"\\]|\\.)*\"|'[^']*'"
_ASSIGNED = re.compile(
    r"(?<![\w.-])(?P<name>-{0,2}[A-Za-z_][\w.-]*)(?P<sign>[\"']?\s*=\s*|[\"']?\s*:\s*(?!/))"
    rf"(?P<value>{_QUOTED}|[^\s;&,\"')}}]+)"
)
_OPTION = re.compile(rf"(?<![\w.-])(?P<name>--?[A-Za-z][\w.-]*)(?P<sign>\s+)(?P<value>{_QUOTED}|[^\s\"'-][^\s\"']*)")

_SECRET_FILES = ("id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", ".env", ".netrc", "_netrc", ".pypirc", ".npmrc",
                 ".git-credentials", ".htpasswd")  # fmt: skip
_SECRET_ENDINGS = (".pem", ".key", ".pfx", ".p12", ".ppk", ".publishsettings", ".jks", ".kdbx")
_HARMLESS_FILES = (".env.example", ".env.sample", ".env.template")
# Named by the user and drawn by the sampler: never secrets, and needed as they are.
_OPEN_SECTIONS = ("search_space", "hyperparameters")


def secret_name(name: str) -> bool:
    """Whether what this name holds is a secret: `API_KEY`, `--db-password`, `authToken`, but not `pad_token`.

    Case, dashes, camelCase and a number at the end do not matter.
    """
    words = _split(name)
    if not words or not _NAME.search("_".join(words)):
        return False
    before = words[-2] if len(words) > 1 else ""
    if words[-1] == "token":
        return before not in _HARMLESS_TOKEN
    return not (words[-1] == "pass" and before in _HARMLESS_PASS)


def is_secret(name: str, value: Any) -> bool:
    """Whether `value`, held by `name`, is to be hidden.

    No secret: nothing, true or false, a reference such as `$API_KEY` or `${{inputs.key}}`, a token that is a number
    or a tokenizer's word (`<pad>`), a file's name where a password would have none.
    """
    if isinstance(value, (list, tuple)):
        return any(is_secret(name, item) for item in value)
    if value is None or isinstance(value, (bool, dict)):
        return False
    text = str(value).strip()
    if not text or _REFERENCE.fullmatch(text) or text.lower() in _WORDS:
        return False
    if not secret_name(name):
        words = _split(name)
        return bool(words) and words[-1] == "key" and bool(_GENERATED.fullmatch(text))
    kind = _split(name)[-1]
    if kind in ("token", "tokens", "pass", "sas", "cookie", "credentials", "credential", "key", "keys"):
        return not (_NUMBER.fullmatch(text) or _FILE.fullmatch(text))
    return True


def contains_secret(text: str) -> bool:
    """Whether a text has a secret in it: one that looks like a known kind of key, or `Password=…`."""
    return masked_text(text) != text


def keys_in(text: str) -> list[str]:
    """What in a text looks like a known kind of key, whatever it is called there."""
    return [found for found in _VALUE.findall(text) if found != MASK]


def masked_text(text: str) -> str:
    """A line of text, a shell's for instance, with the secrets in it replaced by `***`."""
    text = _PROGRAM.sub(lambda found: f"{found['before']}{MASK}", _VALUE.sub(MASK, text))
    return _OPTION.sub(_masked_match, _ASSIGNED.sub(_masked_match, text))


def _masked_match(found: re.Match[str]) -> str:
    value = found["value"]
    quote = value[0] if value[0] in "\"'" else ""
    bare = value[1:-1] if quote else value
    if MASK in bare or ("(" in bare and not quote) or not is_secret(found["name"], bare):
        return found[0]  # a call, in code, is no literal
    if ":" in found["sign"] and not (quote or (len(bare) >= 6 and any(letter.isdigit() for letter in bare))):
        return found[0]  # prose: "the token: a word"
    return f"{found['name']}{found['sign']}{quote}{MASK}{quote}"


def masked(value: Any, name: str = "") -> Any:
    """Nested plain data, a job for instance, with every secret in it replaced by `***`; `name` is what holds it."""
    if isinstance(value, dict):
        return {
            # What an input is called says what its literal is: `inputs: {api_key: {value: …}}`.
            key: item if key in _OPEN_SECTIONS else masked(item, name if key in ("value", "default") else str(key))
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        if name and secret_name(name):
            return [masked(item, name) for item in value]
        return [masked(item, _option(value[place - 1]) if place else "") for place, item in enumerate(value)]
    if name and is_secret(name, value) and not (isinstance(value, str) and _is_option(value)):
        return MASK
    if not isinstance(value, str):
        return value
    option, equals, given = value.partition("=")
    if equals and _is_option(option):
        return f"{option}={MASK if is_secret(option, given) else masked_text(given)}"
    return masked_text(value)


def _is_option(word: str) -> bool:
    return bool(re.fullmatch(r"--?[A-Za-z][\w.-]*", word))


def _option(word: Any) -> str:
    """The name of an option whose value is the next word of an argument list; empty for any other word."""
    return word if isinstance(word, str) and _is_option(word) else ""


def secret_file(name: str) -> bool:
    """Whether a file of that name is likely to hold a key or a password."""
    low = name.lower()
    if low in _HARMLESS_FILES:
        return False
    return low in _SECRET_FILES or low.startswith(".env.") or low.endswith(_SECRET_ENDINGS)


def url_without_user(url: str) -> str:
    """A URL without the user name and password that some carry."""
    from urllib.parse import urlsplit, urlunsplit

    parts = urlsplit(url)
    if parts.scheme and "@" in parts.netloc:
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return url


def _split(name: str) -> list[str]:
    """A name's words in small letters: of snake_case, camelCase, UPPER_CASE and --dashes; no number at the end."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    words = [word for word in re.split(r"[^a-z0-9]+", parted.lower()) if word]
    while words and not words[-1].rstrip("0123456789"):
        words.pop()
    return [*words[:-1], words[-1].rstrip("0123456789")] if words else []
