"""What is started, in which environment, and how it ends: the same on every machine, whatever the user's settings."""
