package bridge

import "context"

// Delete removes a session with its device keys, quarantined ones included,
// and its journal. With logout the device is unlinked first where that is
// possible; a failure to do so does not stop the deletion. Stored messages
// stay.
func (b *Bridge) Delete(ctx context.Context, id string, logout bool) error {
	return b.remove(ctx, id, logout, false)
}

// DeleteWithData is Delete for the stored messages too.
func (b *Bridge) DeleteWithData(ctx context.Context, id string, logout bool) error {
	return b.remove(ctx, id, logout, true)
}

func (b *Bridge) remove(ctx context.Context, id string, logout, data bool) error {
	s, err := b.Session(id)
	if err != nil {
		return err
	}
	if err = s.takeTurn(ctx); err != nil {
		return err
	}
	defer s.endTurn()
	if s.isDeleted() {
		return newError(ReasonNotFound, "there is no such session")
	}
	if logout {
		if err := s.unlink(ctx); err != nil {
			s.log().Warn("session is deleted although its device could not be unlinked", "error", err)
		}
	}
	s.markDeleted()
	s.halt(ctx, InputStop, Details{})
	if err = b.erase(ctx, s); err != nil {
		s.unmarkDeleted()
		return storageError("delete the session", err)
	}
	if b.storage != nil {
		if err = b.storage.DropSession(ctx, id, data); err != nil {
			return storageError("forget the session's stored files", err)
		}
	}
	if data && b.project.messages != nil {
		if err = b.project.messages.Purge(ctx, id); err != nil {
			return storageError("delete the session's messages", err)
		}
	}
	b.forget(id)
	if err = b.journal.Purge(ctx, id); err != nil {
		return storageError("drop the session's journal", err)
	}
	return nil
}

// erase deletes the keys and the row of a session.
func (b *Bridge) erase(ctx context.Context, s *Session) error {
	devices, err := b.store.quarantines(ctx, s.id)
	if err != nil {
		return err
	}
	for _, q := range devices {
		if err = b.deleteKeys(ctx, q.Device); err != nil {
			return err
		}
	}
	if device := s.device(); !device.IsEmpty() {
		if err = b.deleteKeys(ctx, device); err != nil {
			return err
		}
	}
	if err = b.people.Purge(ctx, s.id); err != nil {
		return err
	}
	return b.store.drop(ctx, s.id)
}

func (b *Bridge) forget(id string) {
	b.mu.Lock()
	delete(b.sessions, id)
	b.mu.Unlock()
}
