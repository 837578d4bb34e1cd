package signal

import (
	"context"

	"go.mau.fi/util/dbutil"
)

const (
	// maxKnownRecords bounds the session records remembered to save a read a message:
	// those of the peers a device just heard from.
	maxKnownRecords = 4
	// maxKnownRecord (bytes) is several times a usual record. One with many skipped keys
	// is read each time.
	maxKnownRecord = 8 << 10
	// maxKnownPlaintexts bounds the hashes remembered of stored plaintexts; with more,
	// each message is looked up.
	maxKnownPlaintexts = 512
)

// knownRecords are a device's session records as they are stored, of the peers it
// heard from last.
type knownRecords map[string][]byte

// put notes what a commit stored; a nil record was deleted.
func (k knownRecords) put(address string, session []byte) {
	delete(k, address)
	if session == nil || len(session) > maxKnownRecord {
		return
	}
	if len(k) >= maxKnownRecords {
		clear(k)
	}
	k[address] = session
}

// knownPlaintexts is a filter of messages that may have a stored plaintext: a hash
// that is not in it has none.
type knownPlaintexts struct {
	loaded bool
	many   bool // too many to remember
	hashes map[[8]byte]struct{}
}

func (k *knownPlaintexts) add(hash []byte) {
	if k.many {
		return
	}
	if len(k.hashes) >= maxKnownPlaintexts {
		k.many, k.hashes = true, nil
		return
	}
	if k.hashes == nil {
		k.hashes = map[[8]byte]struct{}{}
	}
	k.hashes[[8]byte(hash)] = struct{}{}
}

func (k *knownPlaintexts) mayHave(hash []byte) bool {
	if !k.loaded || k.many {
		return true
	}
	_, ok := k.hashes[[8]byte(hash)]
	return ok
}

// mayBeBuffered reports whether a plaintext of the message may be stored. Most are
// not, because they are handled before.
func (d *Decryptions) mayBeBuffered(ctx context.Context, hash [sha256Size]byte) (bool, error) {
	d.mu.Lock()
	loaded := d.plaintexts.loaded
	d.mu.Unlock()
	if !loaded {
		if err := d.loadPlaintexts(ctx); err != nil {
			return false, err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.plaintexts.mayHave(hash[:]), nil
}

// storedPlaintexts lists the messages a device has a plaintext of, or had; whatsmeow's
// store can look one up but not list them.
func storedPlaintexts(db *dbutil.Database, device string) func(context.Context, int) ([][]byte, error) {
	return func(ctx context.Context, limit int) ([][]byte, error) {
		const query = `SELECT ciphertext_hash FROM whatsmeow_event_buffer WHERE our_jid=$1 LIMIT $2`
		rows, err := db.Query(ctx, query, device, limit)
		return dbutil.NewRowIterWithError(rows, dbutil.ScanSingleColumn[[]byte], err).AsList()
	}
}

// loadPlaintexts learns what an earlier process left. Only this process adds to it.
func (d *Decryptions) loadPlaintexts(ctx context.Context) error {
	hashes, err := d.stored(ctx, maxKnownPlaintexts+1)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, hash := range hashes {
		if len(hash) == sha256Size {
			d.plaintexts.add(hash)
		}
	}
	d.plaintexts.loaded = true
	return nil
}

// notePlaintext says that a plaintext is about to be stored.
func (d *Decryptions) notePlaintext(hash [sha256Size]byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.plaintexts.add(hash[:])
}

// record returns a session record as it is stored, if it is known.
func (d *Decryptions) record(address string) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.records[address]
}

// forgetRecords makes session records be read again.
func (d *Decryptions) forgetRecords() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.records)
}
