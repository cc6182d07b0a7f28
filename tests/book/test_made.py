"""What ``claims.json`` says of the whole book: for programs, and for small machines."""

import json

import jsonschema
from built import HTML

from utils.pipeline.stage import SCHEMA

BINDER = 2000  # MB that a notebook on Binder has
SERVER = 300  # of these, what JupyterLab itself takes


def not_json(constant):
    raise ValueError(f"{constant} is Python's, no other program reads it")


def test_claims_json_is_of_its_schema():
    made = json.loads((HTML.parent / "claims.json").read_text(encoding="utf-8"), parse_constant=not_json)
    jsonschema.validate(made, json.loads(SCHEMA.read_text(encoding="utf-8")))


def test_every_notebook_fits_binder():
    memory = json.loads((HTML.parent / "claims.json").read_text(encoding="utf-8"))["memory"]
    assert {name: held for name, held in memory.items() if held > BINDER - SERVER} == {}
