-- v2 -> v3: When the timer of a chat was set, so that an older setting that arrives late changes nothing
ALTER TABLE messages_chats ADD COLUMN disappearing_at BIGINT NOT NULL DEFAULT 0;
-- Groups have theirs in the directory; what stands here came from single messages.
UPDATE messages_chats SET disappearing=0 WHERE kind='group';
