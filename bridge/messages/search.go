package messages

import (
	"context"
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

const (
	maxFolded      = 16 << 10 // bytes of a message that are searched
	maxSearchWords = 16       // words of a query that count
)

// foldText brings a text into the form it is searched in: compatibility forms and
// case folded, any run of white space one blank.
func foldText(text string) string {
	text = strings.Join(strings.FieldsFunc(strings.ToLower(norm.NFKC.String(text)), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
	if len(text) > maxFolded {
		text = strings.ToValidUTF8(text[:maxFolded], "")
	}
	return text
}

var likeEscape = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// SearchQuery selects messages of a session. Every word of Text must occur in a
// message, as a word or as part of one.
type SearchQuery struct {
	Text   string // "" = all messages
	Chat   Address
	Type   string
	FromMe *bool
	Limit  int
	Offset int
}

// Search returns a page of matches, newest first, and how many there are in all.
func (s *Store) Search(ctx context.Context, session string, q SearchQuery) (rows []*Row, total int, err error) {
	from, where, args := fromMessages, ` WHERE c.session=$1 AND NOT m.placeholder AND m.deleted_at=0`, []any{session}
	add := func(format string, value any) {
		args = append(args, value)
		where += fmt.Sprintf(format, len(args))
	}
	words := strings.Fields(foldText(q.Text))
	if len(words) > 0 {
		from = ` FROM messages_search t JOIN messages_messages m ON m.row_id=t.row_id JOIN messages_chats c ON c.chat_id=m.chat_id`
		where += ` AND t.session=$1`
	}
	for _, word := range words[:min(len(words), maxSearchWords)] {
		add(` AND t.folded LIKE $%d ESCAPE '\'`, "%"+likeEscape.Replace(word)+"%")
	}
	if q.Chat.JID != "" || q.Chat.Alt != "" {
		chat, err := s.findChat(ctx, session, q.Chat)
		if err != nil {
			return nil, 0, fmt.Errorf("messages: search: %w", err)
		}
		add(` AND m.chat_id=$%d`, chat)
	}
	if q.Type != "" {
		add(` AND m.type=$%d`, q.Type)
	}
	if q.FromMe != nil {
		add(` AND m.from_me=$%d`, *q.FromMe)
	}
	if err := s.db.QueryRow(ctx, `SELECT COUNT(*)`+from+where, args...).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("messages: search: %w", err)
	}
	add(` ORDER BY m.sent_at DESC, m.row_id DESC LIMIT $%d`, q.Limit)
	add(` OFFSET $%d`, q.Offset)
	rows, err = scanRow.NewRowIter(s.db.Query(ctx, `SELECT `+rowColumns+from+where, args...)).AsList()
	if err != nil {
		return nil, 0, fmt.Errorf("messages: search: %w", err)
	}
	return rows, total, s.completeRows(ctx, rows)
}
