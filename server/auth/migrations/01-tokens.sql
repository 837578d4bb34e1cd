-- v0 -> v1: Tokens of sessions, hashed
CREATE TABLE auth_tokens (
	session    TEXT   PRIMARY KEY,
	hash       TEXT   NOT NULL UNIQUE,
	created_at BIGINT NOT NULL
);
