package messages

import "sync"

// maxHints bounds the chats remembered; about 200 bytes each.
const maxHints = 4096

// hints remember the numbers of chats that messages were saved to, to save the
// look-up. A hint may be wrong (its chat was merged, or its transaction undone): who
// uses one lets the statement check it.
type hints struct {
	mu    sync.Mutex
	chats map[hint]int64
}

type hint struct{ session, jid, lid string }

func (h *hints) getChat(key hint) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.chats[key]
}

func (h *hints) putChat(key hint, chat int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.chats == nil || len(h.chats) >= maxHints {
		h.chats = map[hint]int64{}
	}
	h.chats[key] = chat
}
