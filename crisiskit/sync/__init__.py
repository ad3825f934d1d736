"""The heart: what to do at each event. Pure: clock and entropy are arguments, no I/O."""
