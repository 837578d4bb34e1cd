-- v0 -> v1: Accounts, their keys, log-ins and sessions
CREATE TABLE accounts (
	id         TEXT   NOT NULL PRIMARY KEY,
	name       TEXT   NOT NULL,
	email      TEXT   NOT NULL,
	email_key  TEXT   NOT NULL UNIQUE, -- email in lower case
	password   TEXT   NOT NULL, -- argon2id
	role       TEXT   NOT NULL,
	created_at BIGINT NOT NULL, -- all times in milliseconds
	updated_at BIGINT NOT NULL
);

CREATE TABLE account_keys (
	id         TEXT    NOT NULL PRIMARY KEY,
	account    TEXT    NOT NULL,
	name       TEXT    NOT NULL,
	hash       TEXT    NOT NULL UNIQUE, -- SHA-256
	sealed     TEXT    NOT NULL, -- the encrypted key of the account's own key; '' = it cannot be read
	effects    INTEGER NOT NULL, -- bits of rpc.Effect
	sessions   TEXT    NOT NULL, -- JSON list of ids; '' = all of the account
	created_at BIGINT  NOT NULL,
	expires_at BIGINT  NOT NULL, -- 0 = never
	used_at    BIGINT  NOT NULL  -- 0 = never
);

CREATE INDEX account_keys_account ON account_keys (account);

CREATE TABLE account_logins (
	id         TEXT   NOT NULL PRIMARY KEY,
	account    TEXT   NOT NULL,
	hash       TEXT   NOT NULL UNIQUE, -- SHA-256 of the token
	created_at BIGINT NOT NULL,
	expires_at BIGINT NOT NULL
);

CREATE INDEX account_logins_account ON account_logins (account);

CREATE TABLE account_sessions (
	session    TEXT   NOT NULL PRIMARY KEY,
	account    TEXT   NOT NULL, -- owner
	created_at BIGINT NOT NULL
);

CREATE INDEX account_sessions_account ON account_sessions (account);

CREATE TABLE account_grants (
	id         TEXT   NOT NULL PRIMARY KEY,
	session    TEXT   NOT NULL,
	account    TEXT   NOT NULL,
	created_at BIGINT NOT NULL,
	UNIQUE (session, account)
);

CREATE INDEX account_grants_account ON account_grants (account);

-- Counts the changes, so that other servers on the database notice them.
CREATE TABLE account_changes (version BIGINT NOT NULL);
INSERT INTO account_changes (version) VALUES (0);
