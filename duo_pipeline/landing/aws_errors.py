"""Say in one sentence why a request to S3 failed: who refused what, and the cure.

S3 itself is only one of those who can refuse. What is before it, `unanswered` names; behind it are KMS and
the policies of AWS Organizations.
"""

import re
from typing import NamedTuple

from botocore import exceptions as aws

from duo_pipeline.landing.credential_errors import says, step_of
from duo_pipeline.landing.unanswered import not_the_service, why_unanswered
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
    "InternalError": "S3 had an error of its own: the next run tries again",
    "RequestTimeout": "S3 waited too long for the request: the next run tries again",
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
_BAD_NAME = re.compile(r'Invalid bucket name "(.*?)"')
_ACTION = re.compile(r"\b[a-z0-9]+:[A-Z][A-Za-z]+\b")


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
    match error:
        case aws.IncompleteReadError() | aws.ResponseStreamingError():
            return Explained(
                f"S3 did not {verb} {what} to its end: try again, and if that does not help, check whether"
                " the object is damaged.",
                "IncompleteRead",
            )
        case aws.FlexibleChecksumError() | aws.ChecksumError():
            return Explained(
                f"What S3 sent for {what} does not match its checksum: the object is damaged, or the store"
                " computes checksums in another way: set AWS_RESPONSE_CHECKSUM_VALIDATION=when_required.",
                "BadDigest",
            )
        case aws.ParamValidationError() if found := _BAD_NAME.search(str(error)):
            return Explained(f"{shown(found[1])} is not a valid bucket name: check S3_BUCKET.")
        case aws.ClientError() if not step_of(error):
            return _refused(error, verb, what, conditional=conditional)
    sentence = why_unanswered(error, "S3", f"{verb} {what}")
    return Explained(sentence) if sentence else None


def _refused(error: aws.ClientError, verb: str, what: str, *, conditional: bool) -> Explained:
    answer = error.response.get("Error", {})
    given, words = str(answer.get("Code") or ""), str(answer.get("Message") or "")
    meta = error.response.get("ResponseMetadata", {})
    headers = meta.get("HTTPHeaders", {})
    if "html" in headers.get("content-type", "") or not given:
        server = shown(headers.get("server", "").partition("/")[0])
        who = ", ".join(filter(None, (f"status {meta.get('HTTPStatusCode')}", server and f"server {server}")))
        return Explained(not_the_service("S3", f"{verb} {what}", f" ({who})"))
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
