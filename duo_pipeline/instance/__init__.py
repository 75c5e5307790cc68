"""The classes that `dagster.yaml` names. Each adds a little to a class of Dagster."""
