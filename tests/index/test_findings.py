"""What was found out about servers stays in the index, whatever store it is about."""

from consist.index.environment import Environment
from consist.index.findings import Findings
from tests.harm import harmed


def test_what_was_found_is_there_for_the_next_process(environment, db_path):
    findings = Findings(environment)
    assert findings.get("s3://here: create") is None
    findings["s3://here: create"] = "yes"
    findings["s3://there: create"] = "no"
    findings["s3://there: create"] = "yes"
    environment.close()
    again = Environment(db_path)
    assert Findings(again).get("s3://here: create") == "yes"
    assert Findings(again).get("s3://there: create") == "yes"
    assert Findings(again).get("s3://here") is None
    again.close()


def test_what_is_damaged_is_found_out_again(environment):
    findings = Findings(environment)
    findings["s3://here: create"] = "yes"

    def flip(txn, tables):
        [(key, value)] = [(k, v) for k, v in map(_own, txn.cursor(tables.meta)) if b"s3://here: create" in v]
        txn.put(key, harmed(value), db=tables.meta)

    environment.write(flip)
    assert findings.get("s3://here: create") is None
    findings["s3://here: create"] = "no"
    assert findings.get("s3://here: create") == "no"


def _own(item):
    return tuple(map(bytes, item))
