"""A day of many kits with different equipment: what arrives, how late, and what it costs."""
