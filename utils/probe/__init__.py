"""Your own network: what the book is about, measured in any torch module, and what ails it in plain sentences."""

from utils.probe.diagnosis import Finding, diagnose
from utils.probe.table import probe
