-- v0 -> v1: What this database was made for
CREATE TABLE server_facts (
	name  TEXT PRIMARY KEY,
	value TEXT NOT NULL
);
