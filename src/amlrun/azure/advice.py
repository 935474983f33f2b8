"""What to do about a connection or a sign-in that failed, by its cause.

The AADSTS numbers are Microsoft Entra ID's (learn.microsoft.com/entra/identity-platform/reference-error-codes).
"""

from __future__ import annotations

import os
import re

from amlrun.runs.redact import url_without_user

NOT_TRUSTED = "its certificate is not trusted"
_TENANT = "Name the directory (tenant) of the subscription: `az login --tenant ID`, or AZURE_TENANT_ID."
_ENTRA = {
    "90002": "AZURE_TENANT_ID names no directory: `az account show --query tenantId` prints yours.",
    "900023": "AZURE_TENANT_ID is not a tenant's id or domain: `az account show --query tenantId` prints yours.",
    "700016": "AZURE_CLIENT_ID names no application of the tenant in AZURE_TENANT_ID: check both.",
    "7000215": "AZURE_CLIENT_SECRET is wrong: it is the secret's value, not its id.",
    "7000222": "The secret has expired: create a new one for the application, and set AZURE_CLIENT_SECRET.",
    "700027": "The certificate is not registered with the application: upload its public key, or correct the path.",
    "700213": "Give the application a federated credential with exactly the subject that the message names.",
    "7002138": "Give the application a federated credential with exactly the subject that the message names.",
    "700024": "The token of the workflow has expired: sign in again in a later step, or keep the session active.",
    "50020": "This account is not in that tenant. " + _TENANT,
    "50034": "This account is not in that tenant. " + _TENANT,
    "50076": "The tenant requires multi-factor authentication: `az login --tenant ID` in a terminal.",
    "50079": "The tenant requires multi-factor authentication: `az login --tenant ID` in a terminal.",
    "50173": "The sign-in was revoked: `az logout`, then `az login`.",
    "700082": "The sign-in has expired: `az login`.",
    "70043": "The sign-in has expired: `az login`.",
    "53003": "A policy of the tenant (conditional access) blocks this: ask its administrator.",
    "65001": "The tenant has not consented to this application: ask its administrator.",
}


def next_step(cause: str) -> str:
    """What to do about a failed call whose cause `_reason`, Entra ID or the service gave; empty for other causes."""
    if NOT_TRUSTED in cause or "CERTIFICATE_VERIFY" in cause.upper() or "certificate verify failed" in cause:
        return _certificate()
    if "CA certificate bundle" in cause:
        return f"{_bundle_variable()} must name an existing file: {os.environ.get(_bundle_variable(), '')}"
    if "proxy" in cause:
        return _proxy(cause)
    if "could not be resolved" in cause and not _proxy_variable():
        return "Check the network. Behind a company's proxy, set HTTPS_PROXY."
    code = re.search(r"AADSTS(\d+)", cause)
    if code:
        return _ENTRA.get(code[1], "")
    if "InvalidAuthenticationTokenTenant" in cause or "wrong issuer" in cause:
        return _TENANT
    return ""


def _certificate() -> str:
    variable = _bundle_variable()
    file = os.environ.get(variable, "")
    if file:
        return (
            f"{variable}={file} does not contain the CA that signed it: add the proxy's CA certificate to it, "
            "beside the public CAs."
        )
    step = "Set REQUESTS_CA_BUNDLE=/path/to/company-ca.pem (a file with the proxy's CA and the public CAs)."
    unread = next((name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)), "")
    return f"{unread} is not read by Azure's packages. {step}" if unread else step


def _bundle_variable() -> str:
    return next(
        (name for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE") if os.environ.get(name)), "REQUESTS_CA_BUNDLE"
    )


def _proxy_variable() -> str:
    names = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")  # in the order of urllib
    return next((name for name in names if os.environ.get(name)), "")


def _proxy(cause: str) -> str:
    variable = _proxy_variable()
    if not variable:
        return "Check the proxy's settings."
    named = f"{variable}={url_without_user(os.environ[variable])}"
    if "407" in cause:
        return f"{named} requires authentication: set http://USER:PASSWORD@HOST:PORT, from a secret store."
    if "403" in cause or "refused the connection" in cause:
        return f"{named} blocks this host: have it allowed, or add it to NO_PROXY."
    return f"{named} does not respond as a proxy: correct the address, or unset {variable}."
