-- v2 -> v3: The account's timer for new chats, in seconds, and when it was set
ALTER TABLE bridge_sessions ADD COLUMN default_timer BIGINT NOT NULL DEFAULT 0;
ALTER TABLE bridge_sessions ADD COLUMN default_timer_at BIGINT NOT NULL DEFAULT 0;
