"""The template, deployed in moto."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore import xform_name
from botocore.exceptions import ClientError

from tests.deploy.iam import Call, Document
from tests.deploy.stand_ins import StandIn, stand_in

TEMPLATE = Path(__file__).parents[2] / "deploy" / "aws" / "template.yaml"
REGION = "eu-central-1"
NAME = "duo-telephony"
BUCKET = "acme-duo-telephony"
ACCOUNT = "123456789012"


@dataclass(frozen=True)
class Keys:
    """Credentials, those of a role with a token."""

    access_key: str
    secret_key: str
    token: str | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The variables that the AWS SDK reads them from."""
        token = {"AWS_SESSION_TOKEN": self.token} if self.token else {}
        return {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key, **token}


ADMIN = Keys("admin", "admin")


@cache
def client(service: str, keys: Keys = ADMIN) -> Any:
    """Return a cached client of moto: making one takes longer than most calls."""
    session = boto3.session.Session(keys.access_key, keys.secret_key, keys.token, REGION)
    return session.client(service)  # type: ignore[call-overload] # whatever service it is


@dataclass(frozen=True)
class Principal:
    """Who calls: its keys, and the policies that are attached to it."""

    keys: Keys
    policies: list[Document]

    def is_refused(self, call: Call) -> bool:
        """Make the call, and return whether moto refuses it because a right is missing."""
        try:
            answer = getattr(client(call.service, self.keys), xform_name(call.operation))(**call.params)
        except ClientError as error:
            return bool(error.response["ResponseMetadata"]["HTTPStatusCode"] == 403)
        return any(error["Code"] == "AccessDenied" for error in answer.get("Errors", []))


class Stack:
    """The template, deployed in moto with some parameters beside the bucket's name."""

    def __init__(self, **parameters: str) -> None:
        stand_in({"AWS::SecretsManager::Secret": StandIn})
        with warnings.catch_warnings():
            # moto does not make the bucket's policy, and says so
            warnings.simplefilter("ignore", UserWarning)
            client("cloudformation").create_stack(
                StackName=NAME,
                TemplateBody=TEMPLATE.read_text(),
                Parameters=[
                    {"ParameterKey": key, "ParameterValue": value}
                    for key, value in {"S3Bucket": BUCKET, **parameters}.items()
                ],
                Capabilities=["CAPABILITY_NAMED_IAM"],
            )

    @property
    def outputs(self) -> dict[str, str]:
        """The stack's outputs."""
        (stack,) = client("cloudformation").describe_stacks(StackName=NAME)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    @property
    def settings(self) -> dict[str, str]:
        """The settings that the stack puts out, as a .env file has them."""
        return dict(line.split("=", 1) for line in self.outputs["Settings"].split())

    def pipeline(self) -> Principal:
        """Take the pipeline's role."""
        arn = self.outputs["PipelineRoleArn"]
        taken = client("sts").assume_role(RoleArn=arn, RoleSessionName="pipeline")
        return Principal(temporary(taken), role_policies(arn))

    def secops_role(self) -> Principal:
        """Take the role as Google does; moto does not look at the token."""
        arn = self.outputs["SecOpsRoleArn"]
        taken = client("sts").assume_role_with_web_identity(
            RoleArn=arn, RoleSessionName="secops", WebIdentityToken="token"
        )
        return Principal(temporary(taken), role_policies(arn))

    def secops_user(self) -> Principal:
        """Make an access key for the user."""
        name = self.outputs["SecOpsUser"]
        key = client("iam").create_access_key(UserName=name)["AccessKey"]
        attached = client("iam").list_attached_user_policies(UserName=name)["AttachedPolicies"]
        return Principal(Keys(key["AccessKeyId"], key["SecretAccessKey"]), _documents(attached))

    def trust(self, output: str) -> Document:
        """Return the one statement that says who may take a role."""
        role = client("iam").get_role(RoleName=_name(self.outputs[output]))["Role"]
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        return dict(statement)


def temporary(taken: Mapping[str, Any]) -> Keys:
    credentials = taken["Credentials"]
    return Keys(credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"])


def role_policies(arn: str) -> list[Document]:
    assert not client("iam").list_role_policies(RoleName=_name(arn))["PolicyNames"]
    return _documents(client("iam").list_attached_role_policies(RoleName=_name(arn))["AttachedPolicies"])


def _documents(attached: list[dict[str, str]]) -> list[Document]:
    versions = [
        client("iam").get_policy_version(PolicyArn=policy["PolicyArn"], VersionId="v1") for policy in attached
    ]
    return [version["PolicyVersion"]["Document"] for version in versions]


def _name(arn: str) -> str:
    return arn.rsplit("/", 1)[1]
