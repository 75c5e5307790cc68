"""The external assets at both ends of the pipeline: Duo's log and the SecOps feed."""

import dagster as dg


def admin_api_log(account: str) -> dg.AssetSpec:
    """Return the external asset of Duo's telephony log, where every record comes from."""
    return dg.AssetSpec(
        [account, "admin_api_telephony_log"],
        description="Duo's telephony log: each call and text message that Duo sent to let somebody log in."
        " `GET /admin/v2/logs/telephony`, the last 180 days.",
        group_name=account,
        kinds={"api"},
    )


def secops_feed(account: str) -> dg.AssetSpec:
    """Return the external asset of the SecOps feed, which reads what has landed."""
    return dg.AssetSpec(
        [account, "secops_feed"],
        deps=[[account, "telephony_ndjson"]],
        description="The feed of Google SecOps (Amazon S3 V2, DUO_TELEPHONY): it looks for new log objects"
        " about every 15 minutes, and ingests each once.",
        group_name=account,
        kinds={"googlecloud"},
    )
