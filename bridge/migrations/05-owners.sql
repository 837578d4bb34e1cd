-- v4 -> v5: Stored data belongs to one life of a session, not to its id

-- incarnation is random and new with each session that is created, also under an id that was used before. Data is stored
-- under <id>~<incarnation>. Empty: the session is older than this version, and its data lies under the id alone.
ALTER TABLE bridge_sessions ADD COLUMN incarnation TEXT NOT NULL DEFAULT '';

-- owner is the key of the deleted session's data. Empty: its id.
ALTER TABLE bridge_deletions ADD COLUMN owner TEXT NOT NULL DEFAULT '';

-- Data of sessions that were deleted without purge. It is for a session that is created with restore, until it expires.
CREATE TABLE bridge_kept (
	session    TEXT   NOT NULL,
	owner      TEXT   NOT NULL PRIMARY KEY,
	deleted_at BIGINT NOT NULL
);
CREATE INDEX bridge_kept_by_session ON bridge_kept (session, deleted_at);
CREATE INDEX bridge_kept_by_age ON bridge_kept (deleted_at);

-- Contact keys as each session has them. Sessions with an empty incarnation take theirs over from bridge_contact_keys,
-- which is of all sessions and is not written any more.
CREATE TABLE bridge_contacts (
	session     TEXT   NOT NULL,
	jid         TEXT   NOT NULL,
	contact_key TEXT   NOT NULL,
	created_at  BIGINT NOT NULL,
	PRIMARY KEY (session, jid)
);
CREATE INDEX bridge_contacts_by_key ON bridge_contacts (session, contact_key);

-- Pairs of LID and phone number as each session has seen them; users without their servers.
CREATE TABLE bridge_lids (
	session TEXT NOT NULL,
	lid     TEXT NOT NULL,
	pn      TEXT NOT NULL,
	PRIMARY KEY (session, lid),
	UNIQUE (session, pn)
);
CREATE INDEX bridge_lids_by_lid ON bridge_lids (lid);
