"""An emulated Google SecOps, which shares no code with the rest: a feed, a parser, statistical queries."""
