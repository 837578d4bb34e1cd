-- v0 -> v1: System settings
CREATE TABLE system_settings (
	id      INTEGER PRIMARY KEY CHECK (id = 1),
	data    TEXT    NOT NULL, -- JSON
	updated BIGINT  NOT NULL  -- milliseconds
);
