"""The flags of `aml model deploy` and `aml service update` that say in words what `--dc` says in a file."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from amlrun.cli.common import F, key_values, with_options
from amlrun.cli.scoring_options import Flag, blame_flag, word
from amlrun.errors import AmlError
from amlrun.v1.config import Config
from amlrun.v1.scoring.field_table import DEPLOYMENT

# V1_CLI.md §8, with the key of the deployment configuration.
_FLAGS: tuple[Flag, ...] = (
    ("--cpu-cores", "--cc", "containerResourceRequirements.cpu"),
    ("--memory-gb", "--gb", "containerResourceRequirements.memoryInGB"),
    ("--cpu-cores-limit", "--ccl", "containerResourceRequirements.cpuLimit"),
    ("--memory-gb-limit", "--gbl", "containerResourceRequirements.memoryInGBLimit"),
    ("--gpu-cores", "--gc", "gpuCores"),
    ("--num-replicas", "--nr", "numReplicas"),
    ("--scoring-timeout-ms", "--tm", "scoringTimeoutMs"),
    ("--replica-max-concurrent-requests", "--rm", "maxConcurrentRequestsPerContainer"),
    ("--max-request-wait-time", "--mr", "maxQueueWaitMs"),
    ("--collect-model-data", "--md", "dataCollection.storageEnabled"),
    ("--enable-app-insights", "--ai", "appInsightsEnabled"),
    ("--auth-enabled", "--ae", "authEnabled"),
    ("--token-auth-enabled", "", "tokenAuthEnabled"),
    ("--primary-key", "--kp", "keys.primaryKey"),
    ("--secondary-key", "--ks", "keys.secondaryKey"),
    ("--autoscale-enabled", "--as", "autoScaler.autoscaleEnabled"),
    ("--autoscale-min-replicas", "--mi", "autoScaler.minReplicas"),
    ("--autoscale-max-replicas", "--ma", "autoScaler.maxReplicas"),
    ("--autoscale-refresh-seconds", "--ar", "autoScaler.refreshPeriodInSeconds"),
    ("--autoscale-target-utilization", "--at", "autoScaler.targetUtilization"),
    ("--period-seconds", "--ps", "livenessProbeRequirements.periodSeconds"),
    ("--initial-delay-seconds", "--id", "livenessProbeRequirements.initialDelaySeconds"),
    ("--timeout-seconds", "--ts", "livenessProbeRequirements.timeoutSeconds"),
    ("--success-threshold", "--st", "livenessProbeRequirements.successThreshold"),
    ("--failure-threshold", "--ft", "livenessProbeRequirements.failureThreshold"),
    ("--location", "--lo", "location"),
    ("--dns-name-label", "--dn", "dnsNameLabel"),
    ("--namespace", "", "namespace"),
    ("--vnet-name", "", "vnetName"),
    ("--subnet-name", "", "subnetName"),
    ("--ssl-enabled", "--se", "sslEnabled"),
    ("--ssl-cname", "--sc", "cname"),
    ("--ssl-cert-pem-file", "--sp", "sslCertificate"),
    ("--ssl-key-pem-file", "--sk", "sslKey"),
    ("--vault-base-url", "", "cmkVaultBaseUrl"),
    ("--key-name", "", "cmkKeyName"),
    ("--key-version", "", "cmkKeyVersion"),
    ("--traffic-percentile", "--tp", "trafficPercentile"),
    ("--compute-type", "--cp", "computeType"),
    ("--compute-target", "--ct", "computeTarget"),
    ("--port", "--po", "port"),
    ("--description", "", "description"),
)
_SHOWN = ("port", "computeType", "numReplicas", "scoringTimeoutMs", "dataCollection.storageEnabled")


def deployment_options(function: F) -> F:
    """`--dc`, and a flag for each of its keys; the command gets one `dc: DeploymentFlags`."""

    @functools.wraps(function)
    def command(*args: Any, dc: str | None, tags: tuple[str, ...], properties: tuple[str, ...], **kwargs: Any) -> Any:
        given = {key: kwargs.pop(word("dc", key)) for _, _, key in _FLAGS}
        words = {key: value for key, value in given.items() if value is not None}
        maps = {"tags": key_values(tags, "--tag"), "properties": key_values(properties, "--property")}
        return function(
            *args, dc=DeploymentFlags(dc, words, {key: value for key, value in maps.items() if value}), **kwargs
        )

    options: list[Callable[[Any], Any]] = [
        click.option("--deploy-config-file", "--dc", "dc", metavar="FILE", help="v1's deployment configuration."),
        click.option("--tag", "--add-tag", "tags", multiple=True, metavar="KEY=VALUE", help="Can be repeated."),
        click.option("--property", "--add-property", "properties", multiple=True, metavar="KEY=VALUE"),
    ]
    for long, short, key in _FLAGS:
        names = [name for name in (long, short) if name]
        hidden = key not in _SHOWN
        text = f"{key}: {DEPLOYMENT.field(key).becomes}."
        options.append(click.option(*names, word("dc", key), metavar="VALUE", hidden=hidden, help=text))
    return with_options(command, options)  # type: ignore[return-value]


class DeploymentFlags:
    """What the flags say about the deployment: the file, and the keys that come before it."""

    def __init__(self, file: str | None, words: dict[str, str], maps: dict[str, dict[str, str]]) -> None:
        self.file, self.words, self.maps = file, words, maps

    def config(self, path: Path) -> Config:
        """The deployment configuration: the file's keys, then the flags'. Raises AmlError for a wrong value."""
        from amlrun.serving.configuration import read_deployment

        try:
            config = read_deployment(path, self.file, values=self.words)
        except AmlError as error:
            raise blame_flag(_FLAGS, error) from error
        for key, value in self.maps.items():
            config.set(key, value)
        return config
