package bridge

import (
	"context"
	"time"

	"github.com/waystation/waystation/bridge/wa"
)

// Delete removes a session with its device keys, quarantined ones included,
// and its journal. With logout the device is unlinked first where that is
// possible; a failure to do so does not stop the deletion. Messages, media and
// contact keys stay for Config.KeepDeleted: a session that is created with
// CreateParams.Restore takes them over, no other reads them.
func (b *Bridge) Delete(ctx context.Context, id string, logout bool) error {
	return b.remove(ctx, id, logout, false)
}

// DeleteWithData is Delete for the stored messages too.
func (b *Bridge) DeleteWithData(ctx context.Context, id string, logout bool) error {
	return b.remove(ctx, id, logout, true)
}

// drainTimeout bounds the wait for calls on a session that is deleted. Those
// that wait for WhatsApp have failed by then; what one that takes longer stores
// elsewhere may be left.
const drainTimeout = 5 * time.Second

// remove may be repeated when it failed: it goes on where it was.
func (b *Bridge) remove(ctx context.Context, id string, logout, data bool) error {
	s, err := b.Session(id)
	if err != nil {
		return err
	}
	if err = s.end(ctx, logout, data); err != nil {
		return err
	}
	s.drain(ctx)
	return b.sweep(ctx, s, data)
}

// end ends a session's connection and deletes what makes it one.
func (s *Session) end(ctx context.Context, logout, data bool) error {
	if err := s.takeTurn(ctx); err != nil {
		return err
	}
	defer s.endTurn()
	if s.erased {
		return nil
	}
	if logout {
		if err := s.unlink(ctx); err != nil {
			s.log().Warn("session is deleted although its device could not be unlinked", "error", err)
		}
	}
	s.markDeleted()
	s.halt(ctx, InputStop, Details{})
	if err := s.b.erase(ctx, s, data); err != nil {
		s.unmarkDeleted()
		return wa.StorageError("delete the session", err)
	}
	s.erased = true
	return nil
}

// drain waits for what works on the session. The turn is free meanwhile, as
// calls may wait for it.
func (s *Session) drain(ctx context.Context) {
	ended := make(chan struct{})
	go func() {
		s.work.wait()
		close(ended)
	}()
	timer := time.NewTimer(drainTimeout)
	defer timer.Stop()
	select {
	case <-ended:
		return
	case <-timer.C:
	case <-ctx.Done():
	}
	s.log().Warn("calls on a deleted session do not end")
}

// sweep deletes what is stored of a session elsewhere, and gives its id free.
func (b *Bridge) sweep(ctx context.Context, s *Session, data bool) error {
	if err := s.takeTurn(ctx); err != nil {
		return err
	}
	defer s.endTurn()
	if current, err := b.Session(s.id); err != nil || current != s {
		return wa.NewError(wa.ReasonNotFound, "there is no such session")
	}
	if err := b.wipe(ctx, deletion{session: s.id, owner: s.owner, data: data}); err != nil {
		return err
	}
	b.forget(s.id)
	return nil
}

// wipe deletes what is stored of a session elsewhere, with data what earlier sessions of its id left too.
func (b *Bridge) wipe(ctx context.Context, d deletion) error {
	id, data := d.session, d.data
	if b.storage != nil {
		if err := b.storage.DropSession(ctx, id, data); err != nil {
			return wa.StorageError("forget the session's stored files", err)
		}
	}
	if err := b.lids.Purge(ctx, d.owner); err != nil {
		return wa.StorageError("delete the session's phone number pairs", err)
	}
	if data {
		owners, err := b.store.keptOwners(ctx, id)
		if err != nil {
			return wa.StorageError("look for kept data", err)
		}
		for _, owner := range append(owners, d.owner, id) {
			if err := b.purgeData(ctx, owner); err != nil {
				return wa.StorageError("delete the session's data", err)
			}
		}
	}
	if b.elsewhere != nil {
		if err := b.elsewhere(ctx, d.owner); err != nil {
			return wa.StorageError("forget the session's kept replies", err)
		}
	}
	if err := b.store.forgetShared(ctx); err != nil {
		return wa.StorageError("delete shared contact keys", err)
	}
	if err := b.outlets.Remove(ctx, id); err != nil {
		return wa.StorageError("forget where the session's events go", err)
	}
	if err := b.journal.Purge(ctx, id); err != nil {
		return wa.StorageError("drop the session's journal", err)
	}
	if err := b.store.endDeletion(ctx, id); err != nil {
		return wa.StorageError("end the deletion of the session", err)
	}
	return nil
}

// wipeDeleted goes on with deletions that the end of an earlier process cut
// off: a session of the same id, made anew, must find nothing of the old one.
func (b *Bridge) wipeDeleted(ctx context.Context) error {
	list, err := b.store.deletions(ctx)
	if err != nil {
		return err
	}
	for _, d := range list {
		if err := b.wipe(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// erase deletes the keys and the row of a session.
func (b *Bridge) erase(ctx context.Context, s *Session, data bool) error {
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
	if err = b.people.Purge(ctx, s.owner); err != nil {
		return err
	}
	return b.store.drop(ctx, s.id, s.owner, data)
}

func (b *Bridge) forget(id string) {
	b.mu.Lock()
	delete(b.sessions, id)
	b.mu.Unlock()
}
