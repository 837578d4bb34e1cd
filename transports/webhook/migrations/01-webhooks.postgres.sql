-- v0 -> v1: Webhooks of sessions
CREATE TABLE webhooks (
	session         TEXT COLLATE "C" NOT NULL,
	id              TEXT COLLATE "C" NOT NULL, -- 'default' once a session, others unique
	name            TEXT    NOT NULL,
	url             TEXT    NOT NULL, -- empty = delivers nowhere
	events          TEXT    NOT NULL, -- JSON array of event names
	format          TEXT    NOT NULL,
	active          BOOLEAN NOT NULL,
	secret          BYTEA,            -- encrypted; NULL = not signed
	previous_secret BYTEA,            -- encrypted; signs too until previous_until
	previous_until  BIGINT  NOT NULL, -- milliseconds
	body_token      BYTEA,            -- encrypted; for formats that carry a token
	created         BIGINT  NOT NULL, -- milliseconds
	updated         BIGINT  NOT NULL, -- milliseconds
	PRIMARY KEY (session, id)
);

CREATE UNIQUE INDEX webhooks_id ON webhooks (id) WHERE id <> 'default';
