"""Training of the encoder: one small transformer, four heads, and the tasks that help it."""
