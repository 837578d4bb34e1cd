-- v0 -> v1: Object storages of sessions, files on their way, stored objects
CREATE TABLE s3_settings (
	session        TEXT    NOT NULL PRIMARY KEY,
	enabled        BOOLEAN NOT NULL,
	endpoint       TEXT    NOT NULL, -- empty = AWS
	region         TEXT    NOT NULL,
	bucket         TEXT    NOT NULL,
	access_key     BLOB,             -- encrypted
	secret_key     BLOB,             -- encrypted
	path_style     BOOLEAN NOT NULL,
	public_url     TEXT    NOT NULL,
	media_delivery TEXT    NOT NULL,
	retention_days INTEGER NOT NULL, -- 0 = keep
	disable_acl    BOOLEAN NOT NULL,
	updated        BIGINT  NOT NULL  -- milliseconds
);

CREATE TABLE s3_jobs (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	lane     TEXT    NOT NULL,
	session  TEXT    NOT NULL,
	place    TEXT    NOT NULL, -- session or global
	ref      TEXT    NOT NULL, -- of the message, unique in its session
	object   TEXT    NOT NULL, -- key of the object to be
	about    BLOB    NOT NULL, -- what Files needs to know
	created  BIGINT  NOT NULL, -- milliseconds
	due      BIGINT  NOT NULL, -- milliseconds; not before
	attempts INTEGER NOT NULL
);
CREATE UNIQUE INDEX s3_jobs_ref ON s3_jobs (session, place, ref);
CREATE INDEX s3_jobs_lane ON s3_jobs (lane, due, id);

CREATE TABLE s3_objects (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	session  TEXT    NOT NULL,
	place    TEXT    NOT NULL,
	endpoint TEXT    NOT NULL,
	bucket   TEXT    NOT NULL,
	object   TEXT    NOT NULL,
	size     BIGINT  NOT NULL, -- bytes
	created  BIGINT  NOT NULL  -- milliseconds
);
CREATE UNIQUE INDEX s3_objects_key ON s3_objects (session, place, endpoint, bucket, object);
CREATE INDEX s3_objects_age ON s3_objects (place, created);
CREATE INDEX s3_objects_session ON s3_objects (session, place, created);

CREATE TABLE s3_purges ( -- sessions that are gone and whose objects are to go
	id      INTEGER PRIMARY KEY AUTOINCREMENT,
	session TEXT    NOT NULL,
	place   TEXT    NOT NULL,
	target  BLOB,             -- encrypted settings of the session's own storage
	cutoff  BIGINT  NOT NULL  -- milliseconds; objects until then
);
