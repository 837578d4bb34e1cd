-- v1 -> v2: Fewer indexes, as each is a page more to write for every message
DROP INDEX messages_messages_key;
DROP INDEX messages_messages_by_id;
DROP INDEX messages_messages_in_session;
DROP INDEX messages_messages_unread;
DROP INDEX messages_chats_by_activity;
-- One for both: a message of a known chat, and the id alone, which hardly ever occurs twice.
CREATE UNIQUE INDEX messages_messages_key ON messages_messages (id, chat_id);
CREATE INDEX messages_chats_in_session ON messages_chats (session);
-- No message sent before this is unread, so that nobody looks through the whole chat.
ALTER TABLE messages_chats ADD COLUMN unread_since BIGINT NOT NULL DEFAULT 0;
