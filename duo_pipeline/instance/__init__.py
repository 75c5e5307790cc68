"""What a Dagster instance's `dagster.yaml` names: small things that Dagster's own parts leave out."""
