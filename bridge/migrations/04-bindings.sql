-- v3 -> v4: The account that a session belongs to; it outlives a logout
CREATE TABLE bridge_bindings (
	session TEXT PRIMARY KEY REFERENCES bridge_sessions (id) ON DELETE CASCADE,
	pn      TEXT NOT NULL, -- JID; a device part is ignored
	lid     TEXT NOT NULL
);

INSERT INTO bridge_bindings (session, pn, lid) SELECT id, device_jid, device_lid FROM bridge_sessions WHERE device_jid <> '';

INSERT INTO bridge_bindings (session, pn, lid)
SELECT session, MAX(device_jid), '' FROM bridge_quarantine
WHERE session IN (SELECT id FROM bridge_sessions WHERE device_jid = '')
GROUP BY session;
