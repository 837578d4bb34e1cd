-- v6 -> v7: When the account of a session was paired, for limits of new accounts
ALTER TABLE bridge_sessions ADD COLUMN paired_at BIGINT NOT NULL DEFAULT 0;
UPDATE bridge_sessions SET paired_at=created_at WHERE device_jid<>'';
