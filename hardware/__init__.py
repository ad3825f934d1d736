"""How a device is spoken to: ports, modems, and the same devices played."""
