"""Can the checks fail? One thing is broken on purpose and the claims are judged again."""
