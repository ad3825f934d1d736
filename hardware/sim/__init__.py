"""The devices, played: they answer the same bytes on the same kind of port."""
