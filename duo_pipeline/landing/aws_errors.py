"""Say in one sentence why a request to S3 failed: who refused what, and the cure.

S3 itself is only one of those who can refuse. Before it there are the settings, the services that give
credentials, proxies and certificates; behind it, KMS and the policies of AWS Organizations.
"""

import os
import re
import ssl
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import botocore.session
from botocore import exceptions as aws
from botocore.parsers import ResponseParserError

from duo_pipeline.landing.credential_errors import no_credentials, says, step_of
from duo_pipeline.masking import shown

NO_CONDITION = "NoCondition"
NO_CHECKSUM = "NoChecksum"
"""Our own codes for a store that refuses a conditional write, or a checksum."""

_CURES = {
    "NoSuchBucket": "there is no such bucket: check S3_BUCKET, or create it",
    "AccessDenied": "access is denied: the credentials need s3:ListBucket on the bucket, and s3:GetObject and"
    " s3:PutObject below S3_PREFIX and S3_WORK_PREFIX",
    "InvalidAccessKeyId": "the access key is not known: check AWS_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "the secret key is wrong: check AWS_SECRET_ACCESS_KEY",
    "ExpiredToken": "the credentials have expired: renew them",
    "InvalidToken": "the session token is not valid: check AWS_SESSION_TOKEN, and that the bucket's region is"
    " enabled for your account",
    "RequestTimeTooSkewed": "this machine's clock is wrong: set it (NTP)",
    "PermanentRedirect": "the bucket is in another region: check AWS_DEFAULT_REGION",
    "InvalidObjectState": "the object is in an archive (Glacier): restore it, and exclude S3_PREFIX and"
    " S3_WORK_PREFIX from the transitions of the bucket's lifecycle",
    NO_CONDITION: "the store does not support If-None-Match, so log objects could be rewritten and"
    " ingested again: use Amazon S3 or a store that honours If-None-Match",
    NO_CHECKSUM: "the store does not support the checksums of the AWS SDK: set"
    " AWS_REQUEST_CHECKSUM_CALCULATION=when_required",
    "EntityTooLarge": "the object is larger than the store takes in one request (Amazon S3: 5 GiB): raise the"
    " limit of the store, or of the proxy before it",
    "SlowDown": "S3 has too much to do: the next run tries again",
    "MalformedXML": "the store does not understand the request: check that AWS_ENDPOINT_URL is an S3 store,"
    " and that no proxy changes requests",
}
_SAME_AS = {
    "403": "AccessDenied",
    "Forbidden": "AccessDenied",
    "AllAccessDisabled": "AccessDenied",
    "404": "NoSuchBucket",
    "301": "PermanentRedirect",
    "AuthorizationHeaderMalformed": "PermanentRedirect",
    "IllegalLocationConstraintException": "PermanentRedirect",
    "TokenRefreshRequired": "ExpiredToken",
    "RequestExpired": "RequestTimeTooSkewed",
    "413": "EntityTooLarge",
    "EntityTooSmall": "MalformedXML",
    "503": "SlowDown",
    "429": "SlowDown",
    "ServiceUnavailable": "SlowDown",
    "InternalError": "SlowDown",
    "RequestTimeout": "SlowDown",
}
_OF_CHECKSUM = (
    *("NotImplemented", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch", "MissingContentLength"),
    *("BadDigest", "InvalidDigest", "411", "501"),
)
_SPEAKS_OF_CHECKSUM = re.compile("checksum|chunked|streaming|content-sha256|trailer|crc", re.IGNORECASE)
_SPEAKS_OF_CONDITION = re.compile("if-none-match|precondition|conditional", re.IGNORECASE)
_SAYS_ENOUGH = ("NoSuchBucket", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "SlowDown")
"""Codes of which S3's own words say no more than our sentence."""
_ENCRYPTION = (
    "the bucket's policy asks for encryption: set S3_KMS_KEY_ID, or S3_ENCRYPTION to AES256 or aws:kms"
)
_KMS_CURES = {
    "KMS.DisabledException": "the key is disabled: enable it",
    "KMS.NotFoundException": "there is no such key in the bucket's region: check S3_KMS_KEY_ID",
    "KMS.KMSInvalidStateException": "the key cannot be used, since it waits for its deletion: cancel that",
}
_POLICIES = {
    "service control policy": "a service control policy of AWS Organizations denies {action}: its"
    " administrator must allow it",
    "resource control policy": "a resource control policy of AWS Organizations denies {action}: its"
    " administrator must allow it",
    "permissions boundary": "the permissions boundary of the role or user does not allow {action}: add it"
    " there",
    "session policy": "the policy of the session does not allow {action}: add it where the role is assumed",
    "VPC endpoint policy": "the policy of the VPC endpoint does not allow {action}: add it there",
    "deny in a resource-based policy": "the policy of the {of} denies {action}: change it",
    "deny in an identity-based policy": "a policy of the role or user denies {action}: change it",
}
_ACTION = re.compile(r"\b[a-z0-9]+:[A-Z][A-Za-z]+\b")
_TUNNEL = re.compile(r"Tunnel connection failed: (\d{3})")
_BUNDLE = "REQUESTS_CA_BUNDLE"
_WRONG_URL = "AWS_ENDPOINT_URL is not a valid URL: set it to https:// and the host of the store."


class Explained(NamedTuple):
    """Why a request failed.

    Attributes:
        sentence: One sentence for a person, without secrets; it may be followed by the store's own words.
        code: S3's own code, one that means the same, or one of this module; None if S3 did not answer.
    """

    sentence: str
    code: str | None = None


def explain(error: Exception, verb: str, what: str, *, conditional: bool = False) -> Explained | None:
    """Return why a request failed; None for an error that neither AWS nor its SDK has made.

    Args:
        error: The error that boto3 raised.
        verb: What was requested: ``list``, ``read`` or ``write``.
        what: The URI of what was requested.
        conditional: Whether it was a write that sends If-None-Match.
    """
    step = step_of(error)
    match error:
        case aws.IncompleteReadError() | aws.ResponseStreamingError():
            return Explained(
                f"S3 did not {verb} {what} to its end: try again, and if that does not help, check whether"
                " the object is damaged.",
                "IncompleteRead",
            )
        case aws.ConnectionError() | aws.HTTPClientError():
            return Explained(_no_answer(error, step, verb, what))
        case _ if step:
            return Explained(no_credentials(error, step))
        case aws.ClientError():
            return _refused(error, verb, what, conditional=conditional)
        case aws.FlexibleChecksumError() | aws.ChecksumError():
            return Explained(
                f"What S3 sent for {what} does not match its checksum: the object is damaged, or the store"
                " computes checksums in another way: set AWS_RESPONSE_CHECKSUM_VALIDATION=when_required.",
                "BadDigest",
            )
        case ResponseParserError():
            return Explained(_not_s3(what, ""))
        case aws.BotoCoreError():
            return Explained(_wrong_setting(error, verb, what))
        case ValueError() if "Invalid endpoint" in str(error):
            return Explained(_WRONG_URL)
    return None


def _refused(error: aws.ClientError, verb: str, what: str, *, conditional: bool) -> Explained:
    answer = error.response.get("Error", {})
    given, words = str(answer.get("Code") or ""), str(answer.get("Message") or "")
    meta = error.response.get("ResponseMetadata", {})
    headers = meta.get("HTTPHeaders", {})
    if "html" in headers.get("content-type", "") or not given:
        server = shown(headers.get("server", "").partition("/")[0])
        who = ", ".join(filter(None, (f"status {meta.get('HTTPStatusCode')}", server and f"server {server}")))
        return Explained(_not_s3(what, f" ({who})"))
    code = _code(given, words, conditional=conditional)
    region = answer.get("Region") or headers.get("x-amz-bucket-region")
    action = next(iter(_ACTION.findall(words)), "")
    if code.startswith("KMS.") or action.startswith("kms:"):
        needed = action or ("kms:GenerateDataKey" if verb == "write" else "kms:Decrypt")
        cure = _KMS_CURES.get(code) or _denied_by(words, "key", needed)
        cure = cure or f"the credentials need {needed} in their own policies and in the policy of the key"
        who = f"KMS did not let S3 {verb} {what}"
    elif code == "PermanentRedirect" and region:
        who, cure = f"S3 did not {verb} {what}", f"the bucket is in {region}: set AWS_DEFAULT_REGION to that"
    else:
        who = f"S3 did not {verb} {what}"
        cure = _cure(code, words, verb, action)
    more = "" if code in _SAYS_ENOUGH else says("S3", given, words)
    return Explained(f"{who} ({given}): {cure}.{more}", code)


def _code(given: str, words: str, *, conditional: bool) -> str:
    """Return the code that S3's answer amounts to; some stores tell only by their words what they refuse."""
    refused = given in _OF_CHECKSUM or given.startswith("Invalid") or given == "400"
    if refused and conditional and _SPEAKS_OF_CONDITION.search(words):
        return NO_CONDITION
    if refused and _SPEAKS_OF_CHECKSUM.search(words):
        return NO_CHECKSUM
    if given in ("NotImplemented", "501"):
        return NO_CONDITION if conditional else NO_CHECKSUM
    return NO_CHECKSUM if given in _OF_CHECKSUM else _SAME_AS.get(given, given)


def _cure(code: str, words: str, verb: str, action: str) -> str:
    if code == "SignatureDoesNotMatch" and verb == "write":
        return f"{_CURES[code]}; if other requests work, {_CURES[NO_CHECKSUM]}"
    if code != "AccessDenied":
        return _CURES.get(code, "look up this code in the documentation of S3")
    if re.search("encrypt", words, re.IGNORECASE):
        return _ENCRYPTION
    cure = _denied_by(words, "bucket", action or "the request")
    if cure and "bucket" in cure and verb == "write":
        return f"{cure}. If it asks for encryption, set S3_KMS_KEY_ID or S3_ENCRYPTION"
    more = ". If they have these rights, a policy may deny the request, or ask for encryption (S3_KMS_KEY_ID)"
    return cure or _CURES[code] + (more if verb == "write" else "")


def _denied_by(words: str, of: str, action: str) -> str | None:
    """Return which policy denies an action, and the cure; None if AWS does not say which.

    Args:
        words: AWS's own words.
        of: What has a policy of its own that can deny it: the bucket, or the key.
        action: What is denied.
    """
    cure = next((cure for policy, cure in _POLICIES.items() if policy in words), None)
    return cure and cure.format(action=action, of=of)


def _not_s3(what: str, who: str) -> str:
    return (
        f"What answered for {what} is not S3{who}: check AWS_ENDPOINT_URL, and whether a proxy or a gateway"
        " in between answers for it."
    )


def _no_answer(error: aws.BotoCoreError, step: str | None, verb: str, what: str) -> str:
    """Return the sentence for a request that S3, or a service that gives credentials, did not answer."""
    host = urlsplit(str(error.kwargs.get("endpoint_url", ""))).hostname or "the host"
    who = f"{'SSO' if step == 'sso' else 'STS'} ({host}), which gives the credentials," if step else "S3"
    cause = error.kwargs.get("error")
    if isinstance(error, aws.ProxyConnectionError):
        return _proxy_failed(str(error.kwargs["proxy_url"]).rpartition("@")[2], str(cause), host)
    variable, bundle = _bundle()
    if isinstance(error, aws.SSLError) and bundle and (fault := _fault_of_bundle(bundle)):
        return f"{variable} names {bundle}, {fault}: correct it."
    distrust = _distrust(cause)
    if distrust is not None:
        instead = "" if variable == _BUNDLE else f" {variable} is set and counts instead of it: correct that."
        return (
            f"The certificate of {host} is not trusted ({distrust.verify_message}): if your company opens TLS"
            " connections, put its CA certificate into a file of all CA certificates and name that in"
            f" {_BUNDLE}, which counts for Duo and for AWS.{instead}"
        )
    plain = isinstance(error, aws.EndpointConnectionError | aws.ConnectTimeoutError)
    why = "" if plain else f" ({type(error).__name__})"
    return (
        f"{who} cannot be reached to {verb} {what}{why}: check the network, AWS_DEFAULT_REGION and"
        " AWS_ENDPOINT_URL."
    )


def _proxy_failed(address: str, words: str, host: str) -> str:
    tunnel = _TUNNEL.search(words)
    if tunnel and tunnel[1] == "407":
        cure = "put its user and password into HTTPS_PROXY"
    else:
        cure = "check HTTPS_PROXY and HTTP_PROXY, allow S3 there, or name S3's host in NO_PROXY"
    how = f"answered {tunnel[1]} to the request for {host}" if tunnel else "cannot be reached"
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
    try:
        ssl.create_default_context(cafile=path)
    except FileNotFoundError:
        return "which is not there"
    except ssl.SSLError:
        return "which has no certificates (PEM)"
    except OSError as error:
        return f"which cannot be read ({error.strerror})"
    return None


def _distrust(cause: object) -> ssl.SSLCertVerificationError | None:
    """Return the refusal of a certificate; urllib3 hides it in `args` and `reason`."""
    waiting = [cause]
    for _ in range(10):
        if not waiting:
            break
        one = waiting.pop(0)
        if isinstance(one, ssl.SSLCertVerificationError):
            return one
        if isinstance(one, BaseException):
            waiting += [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]
    return None


def _wrong_setting(error: aws.BotoCoreError, verb: str, what: str) -> str:
    """Return the sentence for a setting that keeps the SDK from sending a request."""
    match error:
        case aws.NoCredentialsError():
            bucket = what.removeprefix("s3://").partition("/")[0]
            sentence = (
                f"There are no AWS credentials for the bucket {bucket}: set AWS_ACCESS_KEY_ID and"
                " AWS_SECRET_ACCESS_KEY, a profile, or a role."
            )
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
        case aws.ParamValidationError() if "bucket name" in str(error).lower():
            bucket = what.removeprefix("s3://").partition("/")[0]
            sentence = f"{bucket} is not a valid bucket name: check S3_BUCKET."
        case aws.ParamValidationError():
            report = shown(str(error.kwargs.get("report", "")))
            sentence = f"The AWS SDK does not send the request to {verb} {what}: {report.rstrip('.')}."
        case _:
            sentence = (
                f"The AWS SDK cannot {verb} {what} ({type(error).__name__}): {shown(str(error)).rstrip('.')}:"
                " check the AWS_* variables and the AWS configuration."
            )
    return sentence
