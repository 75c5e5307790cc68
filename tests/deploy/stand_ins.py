"""Stand-ins for resources that moto's CloudFormation does not make, or makes incompletely."""

from typing import Any

import boto3
from moto.cloudformation import parsing

_IDS = {
    "AWS::SecretsManager::Secret": "arn:aws:secretsmanager:{region}:{account}:secret:{name}-A1b2C3",
}


class StandIn:
    """A resource with only its properties and a name, from which its ids and ARNs are made."""

    def __init__(self, name: str, template: dict[str, Any], account: str, region: str) -> None:
        self.name, self.account, self.region = name, account, region
        self.type: str = template["Type"]
        self.properties: dict[str, Any] = template.get("Properties", {})

    @classmethod
    def create_from_cloudformation_json(
        cls, name: str, template: dict[str, Any], account: str, region: str, **_: Any
    ) -> "StandIn":
        return cls(name, template, account, region)

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:  # noqa: ARG003 - moto's name
        return True

    def is_created(self) -> bool:
        return True

    @property
    def physical_resource_id(self) -> str:
        return _IDS.get(self.type, "{name}").format(region=self.region, account=self.account, name=self.name)

    def get_cfn_attribute(self, name: str) -> str:
        service = self.type.split("::")[1].lower()
        return f"arn:aws:{service}:{self.region}:{self.account}:{self.name}" if name == "Arn" else self.name


class TaskDefinition(StandIn):
    """A task definition with all that the template says, by ECS's API: moto's own has no roles."""

    def __init__(self, name: str, template: dict[str, Any], account: str, region: str) -> None:
        super().__init__(name, template, account, region)
        ecs = boto3.client("ecs", region, aws_access_key_id="any", aws_secret_access_key="any")
        said = _in_camel_case(self.properties)
        for container in said["containerDefinitions"]:
            container["memory"] = int(said["memory"])  # which only moto requires
        made = ecs.register_task_definition(**said)
        self.arn: str = made["taskDefinition"]["taskDefinitionArn"]

    @property
    def physical_resource_id(self) -> str:
        return self.arn


def stand_in(types: dict[str, type[StandIn]]) -> None:
    """Have moto's CloudFormation make stand-ins of the resources of these types."""
    for name, kind in types.items():
        parsing.get_model_map()[name] = kind  # type: ignore[assignment]
        parsing.get_name_type_map()[name] = "Name"


def _in_camel_case(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key[0].lower() + key[1:]: one if key == "Options" else _in_camel_case(one)
            for key, one in value.items()
        }
    if isinstance(value, list):
        # moto leaves a None where a list has AWS::NoValue
        return [_in_camel_case(one) for one in value if one is not None]
    return value
