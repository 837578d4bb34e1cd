package bridge

import (
	"context"
	"time"

	"github.com/waystation/waystation/bridge/wa"
)

// Delete removes a session with its device keys, including quarantined ones, and its journal. With logout, the device
// is unlinked first if possible; a failure to unlink does not stop the deletion. Messages, media and contact keys are
// kept for Config.KeepDeleted: a session created with CreateParams.Restore takes them over, and no other session can
// read them.
func (b *Bridge) Delete(ctx context.Context, id string, logout bool) error {
	return b.remove(ctx, id, logout, false)
}

// DeleteWithData is Delete including the stored messages.
func (b *Bridge) DeleteWithData(ctx context.Context, id string, logout bool) error {
	return b.remove(ctx, id, logout, true)
}

// drainTimeout bounds the wait for calls on a session that is being deleted. Calls that wait for WhatsApp have failed
// by then; data stored elsewhere by a call that takes longer may remain.
const drainTimeout = 5 * time.Second

// remove deletes a session. After a failure it may be repeated and resumes where it stopped.
func (b *Bridge) remove(ctx context.Context, id string, logout, data bool) error {
	s, err := b.Session(id)
	if err != nil {
		return err
	}
	if err = s.end(ctx, logout, data); err != nil {
		return err
	}
	s.drainCalls(ctx)
	return b.sweep(ctx, s, data)
}

// end closes a session's connection and deletes its keys and row.
func (s *Session) end(ctx context.Context, logout, data bool) error {
	if err := s.beginCommand(ctx); err != nil {
		return err
	}
	defer s.endCommand()
	if s.erased {
		return nil
	}
	if logout {
		if err := s.unlink(ctx); err != nil {
			s.log().Warn("session is deleted although its device could not be unlinked", "error", err)
		}
	}
	s.markDeleted()
	s.haltConnection(ctx, InputStop, Details{})
	if err := s.b.erase(ctx, s, data); err != nil {
		s.unmarkDeleted()
		return wa.StorageError("delete the session", err)
	}
	s.erased = true
	return nil
}

// drainCalls waits for calls, events and files of the session. The command has ended meanwhile, as calls may wait for it.
func (s *Session) drainCalls(ctx context.Context) {
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

// sweep deletes the session's data in other stores and frees its id.
func (b *Bridge) sweep(ctx context.Context, s *Session, data bool) error {
	if err := s.beginCommand(ctx); err != nil {
		return err
	}
	defer s.endCommand()
	if current, err := b.Session(s.id); err != nil || current != s {
		return wa.NewError(wa.ReasonNotFound, "there is no such session")
	}
	if err := b.wipe(ctx, deletion{session: s.id, owner: s.owner, data: data}); err != nil {
		return err
	}
	b.forget(s.id)
	return nil
}

// wipe deletes a session's data in other stores; with data, also the data left by earlier sessions of its id.
func (b *Bridge) wipe(ctx context.Context, d deletion) error {
	id, data := d.session, d.data
	if b.storage != nil {
		if err := b.storage.DropSession(ctx, id, data); err != nil {
			return wa.StorageError("forget the session's stored files", err)
		}
	}
	if err := b.outbox.Purge(ctx, d.owner); err != nil {
		return wa.StorageError("delete the session's automatic messages", err)
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

// wipeDeleted resumes deletions that the end of an earlier process interrupted: a new session of the same id must not
// find data of the old one.
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
