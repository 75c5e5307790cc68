"""Say why there are no AWS credentials: who refused them, or which file, program or setting is wrong.

What botocore raises while it fetches credentials can be any exception, and a request to S3 raises it. The
public classes of `botocore.credentials` in the traceback tell that it was this step, and which way was tried.
"""

import logging
import os
import traceback
from pathlib import Path

import botocore.session
from botocore import exceptions as aws
from botocore.credentials import CredentialProvider, RefreshableCredentials

from duo_pipeline.masking import shown

TOKEN_FILES = {
    "assume-role-with-web-identity": "AWS_WEB_IDENTITY_TOKEN_FILE",
    "container-role": "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
}
_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired")
_UNKNOWN_KEY = ("InvalidClientTokenId", "InvalidAccessKeyId", "UnrecognizedClientException")
_CURES = {
    **dict.fromkeys(_EXPIRED, "they have expired: renew them"),
    **dict.fromkeys(_UNKNOWN_KEY, "the access key is not known: check AWS_ACCESS_KEY_ID"),
    "SignatureDoesNotMatch": "the secret key is wrong: check AWS_SECRET_ACCESS_KEY",
    "RequestTimeTooSkewed": "this machine's clock is wrong: set it (NTP)",
    "RegionDisabledException": "STS is switched off there for your account: activate the region in IAM's"
    " account settings, or set AWS_DEFAULT_REGION to one that is active",
    "InvalidIdentityToken": "AWS does not know the identity provider of the token, or its audience: check the"
    " provider in IAM",
    "IDPRejectedClaim": "the identity provider rejects the token: renew it",
    "IDPCommunicationError": "AWS cannot reach the identity provider: check that its address is public",
    "ValidationError": "check the ARN of the role",
    "Throttling": "AWS has had too many requests: try again",
}
_WRONG_CLOCK = ("Signature expired", "Signature not yet current")


def step_of(error: BaseException) -> str | None:
    """Return how botocore was fetching credentials when it raised an error, by botocore's own name.

    Returns:
        The innermost way, such as ``assume-role`` or ``custom-process``; None if it was doing something else.
    """
    step = None
    for frame, _ in traceback.walk_tb(error.__traceback__):
        match frame.f_locals.get("self"):
            case CredentialProvider() as provider:
                step = provider.METHOD
            case RefreshableCredentials() as credentials:
                step = credentials.method
    return step


def no_credentials(error: Exception, step: str, service: str) -> str:
    """Return the sentence for an error that was raised while credentials were fetched.

    Args:
        error: The error. What a program printed is not shown, since it may be a secret.
        step: What `step_of` returned for it.
        service: The service that was to be asked with them.
    """
    if isinstance(error, OSError) and error.filename is not None and step in TOKEN_FILES:
        return _wrong_token_file(step, str(error.filename), f"cannot be read ({error.strerror})")
    match error:
        case aws.ClientError():
            return _refused(error, step, service)
        case aws.SSOError() | aws.TokenRetrievalError() | aws.NoAuthTokenError():
            return f"The SSO login of {_profile()} has expired or was never made: {_login('sso login')}."
        case aws.LoginError():
            return f"The login of {_profile()} has expired or was never made: {_login('login')}."
        case aws.PartialCredentialsError():
            missing = str(error.kwargs["cred_var"]).upper()
            return f"The AWS credentials are incomplete: {missing} is not set ({error.kwargs['provider']})."
        case aws.ParamValidationError() if "WebIdentityToken" in str(error):
            return _wrong_token_file(step, os.environ.get(TOKEN_FILES[step], ""), "has no token in it")
        case aws.ParamValidationError():
            return f"The role of {_profile()} cannot be assumed: check its ARN (role_arn, AWS_ROLE_ARN)."
        case UnicodeDecodeError() if step in TOKEN_FILES:
            return _wrong_token_file(step, os.environ.get(TOKEN_FILES[step], ""), "is not a text")
    if step == "custom-process":
        return f"The credential_process of {_profile()} {_fault_of_process(error)}."
    words = error.kwargs.get("error_msg", error) if isinstance(error, aws.BotoCoreError) else error
    return f"There are no AWS credentials ({step}): {shown(str(words)).rstrip('.')}."


def prepare_botocore(profile: str | None = None) -> None:
    """Make botocore fit for a run, which nobody watches; call this before a client is made.

    If credentials need a code from a keyboard, botocore would wait for it. And its warnings have a traceback,
    which may show what a credential_process printed.

    Args:
        profile: The profile in the AWS configuration; None for the one that the environment chooses.

    Raises:
        RefreshWithMFAUnsupportedError: They do; ``kwargs`` has the profile that asks for the code.
    """
    logging.getLogger("botocore.credentials").setLevel(logging.ERROR)
    session = botocore.session.Session(profile=profile)
    profiles = session.full_config["profiles"]
    name, seen = session.get_config_variable("profile") or "default", set[str]()
    while name in profiles and name not in seen:
        seen.add(name)
        if "role_arn" in profiles[name] and "mfa_serial" in profiles[name]:
            credentials = session.get_credentials()  # other ways may come before the profile
            if credentials and credentials.method == "assume-role":
                raise aws.RefreshWithMFAUnsupportedError(profile=name)
        name = profiles[name].get("source_profile", "")


def needs_code(profile: str) -> str:
    """Return the sentence for a profile that `prepare_botocore` refuses."""
    return (
        f"The AWS profile {profile} asks for an MFA code (mfa_serial), and nobody can type one into a"
        " run: use a role or a key that needs none, or get temporary keys with `aws sts get-session-token`."
    )


def _refused(error: aws.ClientError, step: str, service: str) -> str:
    code, words = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
    who = "IAM Identity Center (SSO)" if step == "sso" else "STS"
    if any(clock in words for clock in _WRONG_CLOCK):
        cure = _CURES["RequestTimeTooSkewed"]
    elif step == "sso":
        cure = f"the user who has logged in must have the account and the role of {_profile()}: check both"
    elif "service control policy" in words:
        cure = "a service control policy of AWS Organizations forbids it: its administrator must allow"
        cure += f" sts:{error.operation_name}"
    elif code in ("AccessDenied", "AccessDeniedException", "403"):
        cure = _TRUST[error.operation_name == "AssumeRoleWithWebIdentity"]
    else:
        cure = _CURES.get(code, "look up this code in AWS's documentation")
        if step in TOKEN_FILES and code in _EXPIRED:
            cure = f"the token in {TOKEN_FILES[step]} has expired: let it be renewed"
    return (
        f"{who} gave no credentials for {_role(step)} ({code}), so {service} was not asked: {cure}."
        f"{says(who, code, words)}"
    )


_TRUST = {
    True: "the role's trust policy must allow sts:AssumeRoleWithWebIdentity to the identity provider of the"
    " token, with its audience and its subject: check the policy, and AWS_ROLE_ARN",
    False: "the role's trust policy must name the user or role that assumes it, which needs sts:AssumeRole on"
    " it: check both policies, and role_arn",
}


def says(who: str, code: str, words: str) -> str:
    """Return a sentence with the words of an AWS service, or nothing if they say no more than its code."""
    said = shown(words)
    letters = "".join(filter(str.isalnum, words)).lower()
    return f" {who} says: {said}" if letters and letters not in code.lower() else ""


def _wrong_token_file(step: str, path: str, fault: str) -> str:
    variable = TOKEN_FILES[step]
    where = f"{variable} names" if os.environ.get(variable) else f"The AWS profile {_name()} names"
    if Path(path).is_dir():
        fault = "is a folder"
    elif path and not Path(path).exists():
        fault = "is not there"
    return f"{where} {path or 'a token file'}, which {fault}: correct it, or let the token be written there."


def _fault_of_process(error: Exception) -> str:
    match error:
        case FileNotFoundError():
            return f"names {error.filename}, which is not there: install it, or correct the path"
        case OSError():
            return f"names {error.filename}, which cannot be run ({error.strerror})"
        case aws.CredentialRetrievalError() if "Missing required key" not in str(
            error
        ) and "Unsupported version" not in str(error):
            return "failed: run it in a shell to see why (its output is not shown here: it may be secret)"
        case RuntimeError():
            return "printed credentials that have expired: renew its login"
        case _:
            return (
                "did not print the JSON that AWS expects, with Version, AccessKeyId and SecretAccessKey: run"
                " it in a shell to see what it prints"
            )


def _role(step: str) -> str:
    arn = os.environ.get("AWS_ROLE_ARN") if step in TOKEN_FILES else None
    return f"the role {arn} (AWS_ROLE_ARN)" if arn else f"the role of {_profile()}"


def _profile() -> str:
    return f"the AWS profile {_name()}"


def _name() -> str:
    return os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE") or "default"


def _login(command: str) -> str:
    return f"run `aws {command} --profile {_name()}` as the user that runs Dagster, or use a role"
