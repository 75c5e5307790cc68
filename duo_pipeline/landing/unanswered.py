"""Say why a service of AWS did not answer: credentials, the network, a proxy, a certificate, a setting."""

import os
import re
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import botocore.session
from botocore import exceptions as aws
from botocore.parsers import ResponseParserError

from duo_pipeline.landing.credential_errors import needs_code, no_credentials, step_of
from duo_pipeline.masking import shown
from duo_pipeline.network import causes_of, fault_of_certificates

_TUNNEL = re.compile(r"Tunnel connection failed: (\d{3})")
_BUNDLE = "REQUESTS_CA_BUNDLE"
_WRONG_URL = "AWS_ENDPOINT_URL is not a valid URL: set it to https:// and the host of the store."


def why_unanswered(error: Exception, service: str, doing: str) -> str | None:
    """Return why a service did not answer a request, as a sentence for a person, without secrets.

    Args:
        error: The error that boto3 raised.
        service: The service that was to be asked, such as ``S3``.
        doing: What was requested, as in ``list s3://bucket/``.

    Returns:
        None if the service answered, or if neither AWS nor its SDK has made the error.
    """
    step = step_of(error)
    match error:
        case aws.ConnectionError() | aws.HTTPClientError():
            return _no_answer(error, step, service, doing)
        case _ if step:
            return no_credentials(error, step, service)
        case ResponseParserError():
            return not_the_service(service, doing, "")
        case aws.BotoCoreError():
            return _wrong_setting(error, doing)
        case ValueError() if "Invalid endpoint" in str(error):
            return _WRONG_URL
    return None


def not_the_service(service: str, doing: str, who: str) -> str:
    """Return the sentence for an answer that is not the service's; ``who`` says whose, in parentheses."""
    return (
        f"What answered the request to {doing} is not {service}{who}: check AWS_ENDPOINT_URL, and whether a"
        " proxy or a gateway in between answers for it."
    )


def _no_answer(error: aws.BotoCoreError, step: str | None, service: str, doing: str) -> str:
    host = urlsplit(str(error.kwargs.get("endpoint_url", ""))).hostname or "the host"
    asked = ("SSO" if step == "sso" else "STS") if step else service
    who = f"{asked} ({host}), which gives the credentials," if step else service
    cause = error.kwargs.get("error")
    if isinstance(error, aws.ProxyConnectionError):
        return _proxy_failed(str(error.kwargs["proxy_url"]).rpartition("@")[2], str(cause), asked)
    variable, bundle = _bundle()
    if isinstance(error, aws.SSLError) and bundle and (fault := _fault_of_bundle(bundle)):
        return f"{variable} names {bundle}, {fault}: correct it."
    distrust = _distrust(cause)
    if distrust is not None:
        instead = "" if variable == _BUNDLE else f" {variable} is set and counts instead of it: correct that."
        return (
            f"The certificate of {host} is not trusted ({distrust.verify_message}): if your company inspects"
            " TLS traffic, add its CA certificate to a file with all CA certificates, and set"
            f" {_BUNDLE}, which counts for Duo and for AWS, to the path of that file.{instead}"
        )
    plain = isinstance(error, aws.EndpointConnectionError | aws.ConnectTimeoutError)
    why = "" if plain else f" ({type(error).__name__})"
    return (
        f"{who} cannot be reached to {doing}{why}: check the network, AWS_DEFAULT_REGION and"
        " AWS_ENDPOINT_URL."
    )


def _proxy_failed(address: str, words: str, asked: str) -> str:
    tunnel = _TUNNEL.search(words)
    if tunnel and tunnel[1] == "407":
        cure = "put its user and password into HTTPS_PROXY"
    else:
        cure = f"check HTTPS_PROXY and HTTP_PROXY, allow {asked} there, or name its host in NO_PROXY"
    how = f"answered {tunnel[1]} to the request for {asked}" if tunnel else "cannot be reached"
    return f"The proxy {address.rpartition('//')[2]} {how}: {cure}."


def _bundle() -> tuple[str, str | None]:
    """Return what names the file of CA certificates for AWS, as botocore chooses it, and the file."""
    first = botocore.session.Session().get_config_variable("ca_bundle")
    if first is not None:
        return ("AWS_CA_BUNDLE" if os.environ.get("AWS_CA_BUNDLE") else "ca_bundle of the AWS profile"), first
    return _BUNDLE, os.environ.get(_BUNDLE)


def _fault_of_bundle(path: str) -> str | None:
    if Path(path).is_dir():
        return "which is a folder, and AWS's SDK needs one file"
    return fault_of_certificates(path)


def _distrust(cause: object) -> ssl.SSLCertVerificationError | None:
    """Return the refusal of a certificate that is among the causes."""
    causes = causes_of(cause) if isinstance(cause, BaseException) else []
    return next((one for one in causes if isinstance(one, ssl.SSLCertVerificationError)), None)


def _wrong_setting(error: aws.BotoCoreError, doing: str) -> str:
    """Return the sentence for a setting that keeps the SDK from sending a request."""
    match error:
        case aws.NoCredentialsError():
            sentence = (
                f"There are no AWS credentials to {doing}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a"
                " profile, or a role."
            )
        case aws.RefreshWithMFAUnsupportedError():
            sentence = needs_code(str(error.kwargs["profile"]))
        case aws.ProfileNotFound():
            sentence = (
                f"There is no AWS profile {error.kwargs['profile']}: correct AWS_PROFILE, or create it."
            )
        case aws.ConfigParseError():
            sentence = (
                f"The AWS configuration {error.kwargs['path']} is not valid: correct it (INI, in UTF-8)."
            )
        case aws.NoRegionError():
            sentence = "There is no AWS region: set AWS_DEFAULT_REGION."
        case aws.InvalidRegionError():
            region = shown(str(error.kwargs["region_name"]))
            sentence = f"{region} is not a valid region: check AWS_DEFAULT_REGION."
        case aws.InvalidConfigError() if "CA bundle" in str(error):
            sentence = f"{_bundle()[0]} is set and empty: name a file of CA certificates, or unset it."
        case aws.EndpointResolutionError() if "not a valid URI" in str(error):
            sentence = _WRONG_URL
        case aws.ParamValidationError():
            report = shown(str(error.kwargs.get("report", "")))
            sentence = f"The AWS SDK does not send the request to {doing}: {report.rstrip('.')}."
        case _:
            sentence = (
                f"The AWS SDK cannot {doing} ({type(error).__name__}): {shown(str(error)).rstrip('.')}:"
                " check the AWS_* variables and the AWS configuration."
            )
    return sentence
