"""Google's model: map a line as the parser of SecOps does, and find what SecOps will not show."""

from duo_pipeline.udm.mapping import to_udm

__all__ = ["to_udm"]
