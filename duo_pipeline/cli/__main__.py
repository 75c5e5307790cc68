"""`python -m duo_pipeline.cli` is `duo-pipeline`."""

from duo_pipeline.cli import main

main(prog_name="duo-pipeline")
