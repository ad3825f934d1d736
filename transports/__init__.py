"""How a frame of bytes gets from here to there: one module per family of links."""
