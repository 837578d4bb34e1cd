package signal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/store"

	"github.com/waystation/waystation/transports/kit/database"
)

// recordStore keeps session records in memory. err is the answer to each call.
type recordStore struct {
	store.SessionStore
	mu      sync.Mutex
	records map[string][]byte
	err     error
}

func (m *recordStore) GetSession(_ context.Context, address string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.records[address], m.err
}

func (m *recordStore) GetManySessions(_ context.Context, addresses []string) (map[string][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string][]byte{}
	for _, address := range addresses {
		out[address] = m.records[address]
	}
	return out, m.err
}

func (m *recordStore) PutSession(_ context.Context, address string, session []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.records[address] = session
	return m.err
}

func (m *recordStore) DeleteSession(_ context.Context, address string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.records, address)
	return m.err
}

func guardedRecords(t *testing.T, records map[string][]byte) (store.SessionStore, *recordStore) {
	t.Helper()
	db, err := database.Open(t.Context(), filepath.Join(t.TempDir(), "test.db"), database.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	inner := &recordStore{records: records}
	device := &store.Device{Sessions: inner}
	GuardRatchets(db, device, nil)
	return device.Sessions, inner
}

func counterOf(t *testing.T, session []byte) uint32 {
	t.Helper()
	structure, err := decodeRecord(session)
	if err != nil {
		t.Fatal(err)
	}
	return structure.SessionState.SenderChain.ChainKey.Index
}

// stepped returns the record as an encryption with it writes it.
func stepped(t *testing.T, session []byte) []byte {
	t.Helper()
	next, err := reserveCounters(session, 1)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// TestEncryptionsUseEachCounterOnce encrypts for the same devices in sends, which take several devices, in answers to retry
// receipts, which take one, and in operations that fail between read and write, all at the same time. No operation may wait for
// another or fail, and no two may use the same counter.
func TestEncryptionsUseEachCounterOnce(t *testing.T) {
	addresses := []string{"1:0", "1:1", "2:0"}
	records := map[string][]byte{}
	for i, address := range addresses {
		records[address] = encoded(state(byte(10+i), chainAt(20, 0)))
	}
	sessions, _ := guardedRecords(t, records)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var mu sync.Mutex
	used := map[string]int{}
	use := func(address string, session []byte) []byte {
		mu.Lock()
		defer mu.Unlock()
		used[fmt.Sprint(address, " ", counterOf(t, session))]++
		return stepped(t, session)
	}
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			order := slices.Clone(addresses)
			if worker%2 == 0 {
				slices.Reverse(order)
			}
			for range 25 {
				ctx, _, cancel := NewEncryption(ctx)
				read, err := sessions.GetManySessions(ctx, order)
				if err != nil {
					t.Error(err)
				}
				for _, address := range order {
					read[address] = use(address, read[address])
				}
				if err = sessions.PutManySessions(ctx, read); err != nil {
					t.Error(err)
				}
				cancel()
			}
		})
		all.Go(func() {
			for i := range 25 {
				address := addresses[(worker+i)%len(addresses)]
				read, err := sessions.GetSession(ctx, address)
				if err != nil {
					t.Error(err)
					continue
				}
				next := use(address, read)
				if i%5 == 0 {
					continue // the operation fails after it has encrypted
				}
				if err = sessions.PutSession(ctx, address, next); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for _, counter := range slices.Sorted(maps.Keys(used)) {
		if used[counter] != 1 {
			t.Errorf("counter %s was used %d times", counter, used[counter])
		}
	}
	if len(used) != 4*25*(len(addresses)+1) {
		t.Errorf("%d counters were used", len(used))
	}
}

// TestReservesOneCounterPerEncryption: an address that is listed twice is encrypted for twice.
func TestReservesOneCounterPerEncryption(t *testing.T) {
	sessions, inner := guardedRecords(t, map[string][]byte{
		"1:0": encoded(state(10, chainAt(20, 4))), "2:0": encoded(state(11, nil)), "3:0": {0xff},
	})
	read, err := sessions.GetManySessions(t.Context(), []string{"1:0", "2:0", "1:0", "3:0", "4:0"})
	if err != nil {
		t.Fatal(err)
	}
	if counterOf(t, read["1:0"]) != 4 || counterOf(t, inner.records["1:0"]) != 6 {
		t.Errorf("reserved up to %d", counterOf(t, inner.records["1:0"]))
	}
	if len(read["3:0"]) != 1 || read["4:0"] != nil {
		t.Errorf("other records are %v, %v", read["3:0"], read["4:0"])
	}
	inner.err = errStoreAway
	if _, err = sessions.GetManySessions(t.Context(), []string{"1:0"}); !errors.Is(err, errStoreAway) {
		t.Errorf("a store that is away: %v", err)
	}
}

// TestDeletedSessionAnswersRetry deletes a record between the steps of an answer to a retry receipt.
func TestDeletedSessionAnswersRetry(t *testing.T) {
	ctx := t.Context()
	old := encoded(state(10, chainAt(20, 4)))
	begin := func(t *testing.T) (store.SessionStore, *recordStore) {
		sessions, inner := guardedRecords(t, map[string][]byte{"1:0": old})
		if has, err := sessions.HasSession(ctx, "1:0"); !has || err != nil {
			t.Fatal(has, err)
		}
		if err := sessions.DeleteSession(ctx, "1:0"); err != nil {
			t.Fatal(err)
		}
		return sessions, inner
	}
	t.Run("answered with the deleted session", func(t *testing.T) {
		sessions, inner := begin(t)
		if has, err := sessions.HasSession(ctx, "1:0"); !has || err != nil {
			t.Errorf("before the encryption: %v, %v", has, err)
		}
		for want := uint32(4); want < 7; want++ {
			read, err := sessions.GetSession(ctx, "1:0")
			if err != nil || len(read) == 0 || counterOf(t, read) != want {
				t.Fatalf("counter %d: %v", want, err)
			}
			if err = sessions.PutSession(ctx, "1:0", stepped(t, read)); err != nil || inner.records["1:0"] != nil {
				t.Errorf("the deleted session is stored again, %v", err)
			}
		}
	})
	t.Run("answered with a new session", func(t *testing.T) {
		sessions, inner := begin(t)
		fresh := state(12, chainAt(23, 0))
		if err := sessions.PutSession(ctx, "1:0", encoded(fresh, state(10, chainAt(20, 5)))); err != nil {
			t.Fatal(err)
		}
		stored, err := decodeRecord(inner.records["1:0"])
		if err != nil || !sameSession(stored.SessionState, fresh) || len(stored.PreviousStates) != 0 {
			t.Errorf("stored %+v, %v", stored, err)
		}
		if err = sessions.DeleteSession(ctx, "1:0"); err != nil {
			t.Fatal(err)
		}
		if read, err := sessions.GetSession(ctx, "1:0"); err != nil || len(read) == 0 || counterOf(t, read) != 0 {
			t.Errorf("the new session deleted before the encryption: %v", err)
		}
	})
	t.Run("unknown device", func(t *testing.T) {
		sessions, _ := begin(t)
		has, err := sessions.HasSession(ctx, "9:0")
		read, readErr := sessions.GetSession(ctx, "9:0")
		if has || read != nil || err != nil || readErr != nil {
			t.Errorf("%v, %v, %v, %v", has, read, err, readErr)
		}
	})
	t.Run("bounded", func(t *testing.T) {
		r := &recentSessions{}
		for i := range maxRecent + 5 {
			r.note(fmt.Sprint(i), old)
		}
		if len(r.byAddress) != maxRecent || r.get("0") != nil || r.get(fmt.Sprint(maxRecent+4)) == nil {
			t.Errorf("%d records are remembered", len(r.byAddress))
		}
		r.byAddress["late"] = recentSession{old, time.Now().Add(-recentWindow)}
		if r.get("late") != nil {
			t.Error("a record is remembered beyond the window")
		}
	})
}
