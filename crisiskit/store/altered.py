"""Whether what is sealed in the store can be opened, row by row. Never writes."""

from __future__ import annotations

from crisiskit.store.order_views import Read

LOOKED_ROWS = 100_000
_OPENS = {
    "record": "opens(text, 'record.text', digest) AND opens(data, 'record.data', digest)",
    "signed_object": "opens(text, 'signed_object.text', number)"
    " AND opens(data, 'signed_object.data', number)",
    "order_answer": "opens(text, 'order_answer.text', number)",
    "notice": "opens(detail, 'notice.detail', at)",
    "whereabouts": "opens(place, 'whereabouts.place', pairing || '/' || epoch || '/' || seq)",
    "words": "opens(body, 'words.body', at)",
    "refused": "opens(reason, 'refused.reason', '')",
    "pairing": "opens(send_chain, 'pairing.send_chain', '')"
    " AND opens(heard_chain, 'pairing.heard_chain', '')",
}


def altered_rows(read: Read) -> int:
    """How many rows do not open, of at most ``LOOKED_ROWS`` newest of each table.

    A store of an older format has not all the tables. Raises as ``Views.opened``.
    """
    present = {name for (name,) in read("SELECT name FROM sqlite_master WHERE type = 'table'", ())}
    found = 0
    for table in sorted(present & _OPENS.keys()):
        newest = f"(SELECT * FROM {table} ORDER BY 1 DESC LIMIT ?)"
        sql = f"SELECT count(*) FROM {newest} WHERE NOT ({_OPENS[table]})"
        found += int(read(sql, (LOOKED_ROWS,))[0][0])
    return found
