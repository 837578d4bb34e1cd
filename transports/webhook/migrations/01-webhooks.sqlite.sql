-- v0 -> v1: Webhooks of sessions
CREATE TABLE webhooks (
	session         TEXT    NOT NULL,
	id              TEXT    NOT NULL, -- 'default' once a session, others unique
	name            TEXT    NOT NULL,
	url             TEXT    NOT NULL, -- empty = delivers nowhere
	events          TEXT    NOT NULL, -- JSON array of event names
	format          TEXT    NOT NULL,
	active          BOOLEAN NOT NULL,
	secret          BLOB,             -- encrypted; NULL = not signed
	previous_secret BLOB,             -- encrypted; signs too until previous_until
	previous_until  INTEGER NOT NULL, -- milliseconds
	body_token      BLOB,             -- encrypted; for formats that carry a token
	created         INTEGER NOT NULL, -- milliseconds
	updated         INTEGER NOT NULL, -- milliseconds
	PRIMARY KEY (session, id)
) WITHOUT ROWID;

CREATE UNIQUE INDEX webhooks_id ON webhooks (id) WHERE id <> 'default';
