-- v0 -> v1: Kept files
CREATE TABLE media_files (
	media_id   TEXT   NOT NULL PRIMARY KEY,
	session    TEXT   NOT NULL,
	mime_type  TEXT   NOT NULL,
	filename   TEXT   NOT NULL,
	size       BIGINT NOT NULL,
	sha256     TEXT   NOT NULL,
	created_at BIGINT NOT NULL,
	expires_at BIGINT NOT NULL
);
CREATE INDEX media_files_by_session ON media_files (session);
CREATE INDEX media_files_by_expiry ON media_files (expires_at);
