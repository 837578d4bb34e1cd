-- v2 -> v3: Files and uploads belong to a session by key, and each row names its own file on disk

-- file is the name of the content on disk, random. Empty: the content was stored before this version, and New fills the
-- name in.
CREATE TABLE media_owned_files (
	session    TEXT   NOT NULL,
	media_id   TEXT   NOT NULL,
	file       TEXT   NOT NULL,
	mime_type  TEXT   NOT NULL,
	filename   TEXT   NOT NULL,
	size       BIGINT NOT NULL,
	sha256     TEXT   NOT NULL,
	created_at BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	PRIMARY KEY (session, media_id)
);
INSERT INTO media_owned_files (session, media_id, file, mime_type, filename, size, sha256, created_at, expires_at)
	SELECT session, media_id, '', mime_type, filename, size, sha256, created_at, expires_at FROM media_files;
DROP TABLE media_files;
ALTER TABLE media_owned_files RENAME TO media_files;
CREATE INDEX media_files_by_expiry ON media_files (expires_at);
CREATE INDEX media_files_by_file ON media_files (file);

CREATE TABLE media_owned_uploads (
	session    TEXT   NOT NULL,
	upload_id  TEXT   NOT NULL,
	mime_type  TEXT   NOT NULL,
	filename   TEXT   NOT NULL,
	size       BIGINT NOT NULL,
	sha256     TEXT   NOT NULL,
	expires_at BIGINT NOT NULL,
	PRIMARY KEY (session, upload_id)
);
INSERT INTO media_owned_uploads (session, upload_id, mime_type, filename, size, sha256, expires_at)
	SELECT session, upload_id, mime_type, filename, size, sha256, expires_at FROM media_uploads;
DROP TABLE media_uploads;
ALTER TABLE media_owned_uploads RENAME TO media_uploads;
CREATE INDEX media_uploads_by_expiry ON media_uploads (expires_at);
