"""The forms: one TOML file each (``crisiskit.codec.forms`` says what may stand in it)."""
