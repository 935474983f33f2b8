"""Sign-in: the token endpoints of Microsoft Entra ID, for each way that can be played, and a machine's own endpoint.

What is taken: the secret `SECRET`, a certificate's or a platform's assertion, a device code or a browser's code. The
access token of each names in `oid` the way it was got, which a workspace keeps in `signed_in`. `given` has all that
was handed out, so that a test can look for it where it must not be.
"""

from __future__ import annotations

import base64
import json
import time
import uuid
from typing import Any
from urllib.parse import parse_qs, urlsplit

from standin.exchange import Reply, Request

TENANT = "11111111-1111-1111-1111-111111111111"
HOST = "login.microsoftonline.com"
SECRET = "standin-secret"  # noqa: S105 - it opens nothing
FEDERATED = "standin-federated-token"
USER_CODE = "STAND-IN1"
given: set[str] = {SECRET, FEDERATED}
# Device codes that were asked about once: a person takes a while.
_pending: set[str] = set()


def json_reply(status: int, body: Any) -> Reply:
    return Reply(status, json.dumps(body).encode(), {"Content-Type": "application/json"})


def jwt(claims: dict[str, Any]) -> str:
    parts = [{"alg": "none", "typ": "JWT"}, claims]
    text = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return f"{text}.eA"


def access_token(tenant: str, audience: str, way: str) -> str:
    claims = {"aud": audience, "exp": int(time.time()) + 3600, "oid": way, "tid": tenant, "uti": uuid.uuid4().hex}
    token = jwt(claims)
    given.add(token)
    return token


def way_of(authorization: str) -> str:
    """How the bearer of a token signed in; empty when it is no token of ours, or an old one."""
    claims = _claims(authorization.removeprefix("Bearer "))
    return str(claims.get("oid", "")) if float(claims.get("exp", 0)) > time.time() else ""


def tenant_of(authorization: str) -> str:
    """The tenant that a token is of."""
    return str(_claims(authorization.removeprefix("Bearer ")).get("tid", ""))


def _claims(token: str) -> dict[str, Any]:
    """What a token says; nothing when it is none."""
    try:
        text = token.split(".")[1]
        found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        return found
    except (IndexError, ValueError):
        return {}


def answer(request: Request) -> Reply | None:
    """The answer to a request at the sign-in host; None when there is no such place."""
    path = urlsplit(request.target).path
    tenant = path.split("/")[1]
    home = f"https://{HOST}/{tenant}"
    if path.endswith("/discovery/instance"):
        # MSAL asks here after a refusal, to learn whether the host is one of Microsoft's.
        known = {"preferred_network": HOST, "preferred_cache": "login.windows.net", "aliases": [HOST]}
        where = f"https://{HOST}/{TENANT}/v2.0/.well-known/openid-configuration"
        return json_reply(200, {"tenant_discovery_endpoint": where, "api-version": "1.1", "metadata": [known]})
    if path == f"/{tenant}/v2.0/.well-known/openid-configuration":
        found = {
            "token_endpoint": f"{home}/oauth2/v2.0/token",
            "authorization_endpoint": f"{home}/oauth2/v2.0/authorize",
            "device_authorization_endpoint": f"{home}/oauth2/v2.0/devicecode",
            "issuer": f"{home}/v2.0",
            "tenant_region_scope": "EU",
        }
        return json_reply(200, found)
    if request.method != "POST":
        return None
    said = {key: value[0] for key, value in parse_qs(request.body.decode()).items()}
    if path == f"/{tenant}/oauth2/v2.0/devicecode":
        more = {"verification_uri": "https://microsoft.com/devicelogin", "expires_in": 900, "interval": 1}
        text = f"open https://microsoft.com/devicelogin and enter {USER_CODE}"
        given.add(code := f"device-code-{uuid.uuid4().hex}")
        return json_reply(200, {"device_code": code, "user_code": USER_CODE, "message": text, **more})
    if path == f"/{tenant}/oauth2/v2.0/token":
        return _token(tenant, said)
    return None


def _token(tenant: str, said: dict[str, str]) -> Reply:
    grant = said.get("grant_type", "")
    if grant.endswith("device_code") and said["device_code"] not in _pending:
        _pending.add(said["device_code"])
        return json_reply(400, {"error": "authorization_pending", "error_description": "AADSTS70016: pending"})
    way = ""
    if grant == "client_credentials" and said.get("client_secret") == SECRET:
        way = "secret"
    elif grant == "client_credentials" and said.get("client_assertion") == FEDERATED:
        way = "workload identity"
    elif grant == "client_credentials" and _claims(said.get("client_assertion", "")).get("iss") == said["client_id"]:
        way = "certificate"
    elif grant.endswith("device_code") and said["device_code"] in given:
        way = "device code"
    elif grant == "authorization_code" and said["code"].startswith("browser-code.") and said.get("code_verifier"):
        way = "browser"
    if not way:
        asked = said.get("client_secret", "")
        wrong = asked if asked.startswith("AADSTS") else "AADSTS7000215: Invalid client secret provided."
        return json_reply(401, {"error": "invalid_client", "error_description": wrong})
    audience = said.get("scope", "").split(" ")[0].removesuffix("/.default")
    found = {"token_type": "Bearer", "expires_in": 3600, "access_token": access_token(tenant, audience, way)}
    if way in ("device code", "browser"):
        person = {"aud": said["client_id"], "iss": f"https://{HOST}/{tenant}/v2.0", "sub": "s", "tid": tenant}
        person |= {"preferred_username": "a.person@standin.test", "exp": int(time.time()) + 3600}
        if way == "browser":
            # As the page that a person signs in on would have kept it.
            person["nonce"] = said["code"].partition(".")[2]
        who = json.dumps({"uid": str(uuid.UUID(int=1)), "utid": tenant}).encode()
        given.add(refresh := f"refresh-{uuid.uuid4().hex}")
        found |= {"id_token": jwt(person), "scope": said.get("scope", ""), "refresh_token": refresh}
        found["client_info"] = base64.urlsafe_b64encode(who).decode().rstrip("=")
    return json_reply(200, found)
