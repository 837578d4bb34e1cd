-- v0 -> v1: Sessions, quarantined devices, contact keys
CREATE TABLE bridge_sessions (
	id                TEXT    PRIMARY KEY,
	name              TEXT    NOT NULL,
	device_jid        TEXT    NOT NULL DEFAULT '',
	device_lid        TEXT    NOT NULL DEFAULT '',
	push_name         TEXT    NOT NULL DEFAULT '',
	platform          TEXT    NOT NULL DEFAULT '',
	business_name     TEXT    NOT NULL DEFAULT '',
	wanted            BOOLEAN NOT NULL DEFAULT false,
	hold_reason       TEXT    NOT NULL DEFAULT '',
	hold_until        BIGINT  NOT NULL DEFAULT 0,
	settings          TEXT    NOT NULL,
	proxy_enabled     BOOLEAN NOT NULL DEFAULT false,
	proxy_url         TEXT    NOT NULL DEFAULT '',
	client_profile    TEXT    NOT NULL DEFAULT '',
	last_connected_at BIGINT  NOT NULL DEFAULT 0,
	created_at        BIGINT  NOT NULL,
	updated_at        BIGINT  NOT NULL
);

CREATE UNIQUE INDEX bridge_sessions_device ON bridge_sessions (device_jid) WHERE device_jid <> '';

CREATE TABLE bridge_quarantine (
	device_jid TEXT   PRIMARY KEY,
	session    TEXT   NOT NULL,
	reason     TEXT   NOT NULL,
	created_at BIGINT NOT NULL
);

CREATE INDEX bridge_quarantine_session ON bridge_quarantine (session);

CREATE TABLE bridge_contact_keys (
	jid         TEXT   PRIMARY KEY,
	contact_key TEXT   NOT NULL,
	created_at  BIGINT NOT NULL
);

CREATE INDEX bridge_contact_keys_key ON bridge_contact_keys (contact_key);

CREATE TABLE bridge_history (
	session    TEXT   NOT NULL REFERENCES bridge_sessions (id) ON DELETE CASCADE,
	message_id TEXT   NOT NULL,
	notice     bytea  NOT NULL,
	tries      BIGINT NOT NULL DEFAULT 0,
	created_at BIGINT NOT NULL,
	PRIMARY KEY (session, message_id)
);
