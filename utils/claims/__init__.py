"""What the book claims: the registry, the rule for verdicts, and how a verdict is shown."""

from utils.claims.register import content, published, registry
from utils.claims.verdict import RECORD, Verdict, again, judge
