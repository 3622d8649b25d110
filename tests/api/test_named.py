"""What ids name, and what names nothing."""

from __future__ import annotations

import orjson
import pytest

from api.evidence import each_revision, newest_revisions
from api.named import UnknownId, named
from events.codec import encode
from events.ids import alert_id, hit_id, packet_id, parent_id, structure_id
from tests.connectors.store.samples import plain_events

PRINT = "databento:options.prints:SPY260116C00450000:1767623400100000000:77-0a1b2c.2"
PACKET, PARENT = packet_id(PRINT), parent_id(PRINT)
STRUCTURE = structure_id(PARENT)


@pytest.mark.parametrize(
    ("ident", "kind", "about"),
    [
        (PACKET, "packet", PACKET), (PARENT, "parent", PARENT), (STRUCTURE, "structure", STRUCTURE),
        (hit_id(PACKET, "unusual_contract_spike"), "hit", PACKET), (hit_id(PARENT, "straddle"), "hit", PARENT),
        (hit_id(STRUCTURE, "roll"), "hit", STRUCTURE), (alert_id(PACKET), "alert", PACKET),
        (alert_id(PARENT), "alert", PARENT), (alert_id(STRUCTURE), "alert", STRUCTURE),
    ],
)  # fmt: skip
def test_an_id_says_its_kind_what_it_is_about_and_when(ident: str, kind: str, about: str) -> None:
    found = named(ident)
    assert (found.kind, found.about, found.print) == (kind, about, PRINT)
    assert (found.instrument, found.ts) == ("SPY260116C00450000", 1767623400100000000)


@pytest.mark.parametrize(
    "ident",
    ["", "foo", "pk:", "pk:a:b:c:x:k", f"al:{PACKET}:roll", f"st:{PACKET}", f"{PACKET} ", f"xx:{PRINT}", PRINT,
     f"pk:a:b:c:{'9' * 5000}:d", f"pk:a:b:c:{2**63}:d", "pk:a:b:c:\u0661\u0662:d"],
)  # fmt: skip
def test_what_is_no_id_of_ours_is_refused_by_name(ident: str) -> None:
    with pytest.raises(UnknownId, match="is no id of"):
        named(ident)


@pytest.mark.parametrize("topic", ["flow.structures", "alert.outcomes", "position.check", "flow.alerts"])
def test_messages_of_the_log_that_leave_a_first_revision_out_are_revisions_too(topic: str) -> None:
    first, second = plain_events(topic, 2)
    first.revision, second.revision, second.id = 0, 1, first.id
    messages = [orjson.loads(encode(event)) for event in (second, first, second)]
    assert [fields.get("revision", 0) for fields in each_revision(messages)] == [0, 1]
    (newest,) = newest_revisions(messages)
    assert newest["revision"] == 1
