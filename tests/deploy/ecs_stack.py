"""Both templates, deployed in moto, one on top of the other."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.deploy.iam import Document
from tests.deploy.stack import ADMIN, REGION, Keys, Stack, client, role_policies, temporary
from tests.deploy.stand_ins import StandIn, TaskDefinition, stand_in

TEMPLATE = Path(__file__).parents[2] / "deploy" / "aws" / "ecs.yaml"
NAME = "duo-pipeline"
IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/duo-pipeline:0.1.0"
UI_HOST = "dagster.example.com"
NOT_IN_MOTO = (
    "AWS::Cognito::UserPool",
    "AWS::Cognito::UserPoolClient",
    "AWS::Cognito::UserPoolDomain",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::ServiceDiscovery::PrivateDnsNamespace",
    "AWS::ServiceDiscovery::Service",
)


class EcsStack:
    """The stack of ecs.yaml upon that of template.yaml, in a network with two subnets of each kind."""

    def __init__(self, **parameters: str) -> None:
        stand_in({**dict.fromkeys(NOT_IN_MOTO, StandIn), "AWS::ECS::TaskDefinition": TaskDefinition})
        self.pipeline = Stack(PipelineRunsOn="ecs-tasks")
        ec2 = client("ec2")
        self.vpc: str = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        ec2.modify_vpc_attribute(VpcId=self.vpc, EnableDnsHostnames={"Value": True})
        subnets = [
            ec2.create_subnet(
                VpcId=self.vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=REGION + "ab"[number % 2]
            )["Subnet"]["SubnetId"]
            for number in range(4)
        ]
        self.public, self.private = subnets[:2], subnets[2:]
        certificate = client("acm").request_certificate(DomainName=UI_HOST)["CertificateArn"]
        given = {
            "PipelineStack": "duo-telephony",
            "Image": IMAGE,
            "Vpc": self.vpc,
            "PublicSubnets": ",".join(self.public),
            "PrivateSubnets": ",".join(self.private),
            "UiHost": UI_HOST,
            "UiCertificate": certificate,
            **parameters,
        }
        client("cloudformation").create_stack(
            StackName=NAME,
            TemplateBody=TEMPLATE.read_text(),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
            Capabilities=["CAPABILITY_IAM"],
        )

    @property
    def outputs(self) -> dict[str, str]:
        """The stack's outputs."""
        (stack,) = client("cloudformation").describe_stacks(StackName=NAME)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    @property
    def resources(self) -> dict[str, str]:
        """The physical id of each resource."""
        found = client("cloudformation").list_stack_resources(StackName=NAME)["StackResourceSummaries"]
        return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found}

    def task(self, name: str) -> dict[str, Any]:
        """The task definition of that name: webserver, daemon, code-server or run."""
        found = client("ecs").describe_task_definition(taskDefinition=f"{NAME}-{name}")["taskDefinition"]
        return dict(found)

    def container(self, name: str) -> dict[str, Any]:
        """The one container of the task definition of that name."""
        (container,) = self.task(name)["containerDefinitions"]
        return dict(container)

    def environment(self, name: str) -> dict[str, str]:
        """The variables of that container that are not secrets."""
        return {one["name"]: one["value"] for one in self.container(name)["environment"]}

    def secrets(self, name: str) -> dict[str, str]:
        """The variables of that container that are secrets, and where those are."""
        return {one["name"]: one["valueFrom"] for one in self.container(name)["secrets"]}

    def role_arn(self, resource: str) -> str:
        """The ARN of a role of the template."""
        return str(client("iam").get_role(RoleName=self.resources[resource])["Role"]["Arn"])

    def policies(self, resource: str) -> list[Document]:
        """What a role of the template may do."""
        return role_policies(self.role_arn(resource))

    def keys(self, resource: str) -> Keys:
        """Take a role of the template."""
        arn = self.role_arn(resource)
        return temporary(client("sts", ADMIN).assume_role(RoleArn=arn, RoleSessionName="task"))

    def start(self, name: str) -> Mapping[str, Any]:
        """Start a task, as the service of that name would."""
        (task,) = client("ecs").run_task(
            cluster=NAME,
            taskDefinition=f"{NAME}-{name}",
            launchType="FARGATE",
            networkConfiguration={
                "awsvpcConfiguration": {
                    "subnets": self.private[:1],
                    "securityGroups": [self.resources["TaskGroup"]],
                    "assignPublicIp": "DISABLED",
                }
            },
        )["tasks"]
        return dict(task)
