"""What notebooks measure again and again, one module a theme."""
