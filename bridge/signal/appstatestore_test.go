package signal

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"go.mau.fi/whatsmeow/store"

	"github.com/waystation/waystation/transports/kit/database"
)

// steps is a store that remembers what was written and can fail.
type steps struct {
	store.AppStateStore
	log  []string
	fail bool
}

func (s *steps) PutAppStateVersion(context.Context, string, uint64, [128]byte) error {
	s.log = append(s.log, "version")
	return nil
}

func (s *steps) DeleteAppStateMutationMACs(_ context.Context, _ string, macs [][]byte) error {
	for _, mac := range macs {
		s.log = append(s.log, "gone "+string(mac))
	}
	return nil
}

func (s *steps) PutAppStateMutationMACs(ctx context.Context, _ string, _ uint64, macs []store.AppStateMutationMAC) error {
	for _, mac := range macs {
		s.log = append(s.log, "came "+string(mac.IndexMAC))
	}
	if s.fail {
		return errors.New("disk full")
	}
	return nil
}

func TestAppStateStepIsWrittenAsOne(t *testing.T) {
	db, err := database.Open(t.Context(), filepath.Join(t.TempDir(), "test.db"), database.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	inner := &steps{}
	guarded := NewAppStateStore(db, inner, func(string) {})
	ctx := t.Context()
	step := func(version uint64, gone string, came ...store.AppStateMutationMAC) error {
		if err := guarded.PutAppStateVersion(ctx, "regular", version, [128]byte{}); err != nil {
			t.Fatal(err)
		}
		if err := guarded.DeleteAppStateMutationMACs(ctx, "regular", [][]byte{[]byte(gone)}); err != nil {
			t.Fatal(err)
		}
		if len(inner.log) != 0 {
			t.Fatalf("half a step was written: %v", inner.log)
		}
		return guarded.PutAppStateMutationMACs(ctx, "regular", version, came)
	}
	if err := step(1, "a", store.AppStateMutationMAC{IndexMAC: []byte("b")}); err != nil {
		t.Fatal(err)
	}
	if got := len(inner.log); got != 3 || inner.log[0] != "version" || inner.log[1] != "gone a" || inner.log[2] != "came b" {
		t.Errorf("written: %v", inner.log)
	}
	// A patch that only removes has no entries to store, and still is a step.
	inner.log = nil
	if err := step(2, "b"); err != nil || len(inner.log) != 2 {
		t.Errorf("a removal wrote %v, %v", inner.log, err)
	}
	inner.log, inner.fail = nil, true
	if err := step(3, "c"); err == nil {
		t.Error("a failure must come out")
	}
	// Without a version there is nothing to hold back.
	inner.log, inner.fail = nil, false
	if err := guarded.DeleteAppStateMutationMACs(ctx, "regular", [][]byte{[]byte("d")}); err != nil || len(inner.log) != 1 {
		t.Errorf("a lone deletion wrote %v, %v", inner.log, err)
	}
}
