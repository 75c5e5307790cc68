"""Google's model: what the parser of SecOps makes of a line."""

from duo_pipeline.udm.mapping import to_udm

__all__ = ["to_udm"]
