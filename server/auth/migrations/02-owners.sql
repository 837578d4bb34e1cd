-- v1 -> v2: Principals of sessions by the key of their data, which a later session of the same id does not share
ALTER TABLE auth_tokens ADD COLUMN owner TEXT NOT NULL DEFAULT ''; -- empty: the session's id
