"""A U-net as a flow: with stored values, with held ones, and with none (theory, section 2)."""
