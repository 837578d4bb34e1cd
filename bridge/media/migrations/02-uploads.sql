-- v1 -> v2: Uploads that come in parts
CREATE TABLE media_uploads (
	upload_id  TEXT   NOT NULL PRIMARY KEY,
	session    TEXT   NOT NULL,
	mime_type  TEXT   NOT NULL,
	filename   TEXT   NOT NULL,
	size       BIGINT NOT NULL,
	sha256     TEXT   NOT NULL,
	expires_at BIGINT NOT NULL
);
CREATE INDEX media_uploads_by_session ON media_uploads (session);
CREATE INDEX media_uploads_by_expiry ON media_uploads (expires_at);
