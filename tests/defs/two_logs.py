"""A code location whose accounts have two logs each, and a job without assets."""

import dagster as dg

from duo_pipeline.defs.executor import by_account


def assets(account: str) -> list[dg.AssetsDefinition]:
    """Make the assets of both logs of an account."""

    @dg.asset(key=[account, "telephony_ndjson"])
    def telephony() -> None: ...

    @dg.asset(key=[account, "authentication_ndjson"])
    def authentication() -> None: ...

    return [telephony, authentication]


@dg.asset_check(asset=["acme", "telephony_ndjson"])
def check() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


@dg.op
def one() -> None: ...


@dg.op
def another() -> None: ...


@dg.job
def ops() -> None:
    one()
    another()


acme, globex = assets("acme"), assets("globex")
defs = dg.Definitions(
    assets=[*acme, *globex],
    asset_checks=[check],
    jobs=[
        dg.define_asset_job("logs_of_acme", dg.AssetSelection.assets(*acme)),
        dg.define_asset_job("logs_of_two", dg.AssetSelection.assets(acme[0], globex[1])),
        ops,
    ],
    executor=by_account,
)
