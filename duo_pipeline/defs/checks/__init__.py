"""The asset checks: what can be wrong with an hour although it has landed."""
