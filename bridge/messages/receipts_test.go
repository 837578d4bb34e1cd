package messages

import (
	"testing"
	"time"
)

func TestStatus(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store, session string) {
		ctx, chat := t.Context(), Address{JID: group}
		begun, err := s.Begin(ctx, session, own("A", group, 2))
		must(t, err)
		if !begun || get(t, s, session, group, "A").Status != StatusPending {
			t.Fatal("not pending")
		}
		must(t, s.Acknowledge(ctx, session, Ack{Chat: chat, ID: "A", Time: start.Add(time.Second)}))
		if begun, err = s.Begin(ctx, session, own("A", group, 2)); begun || err != nil {
			t.Errorf("a sent message may be sent again: %v, %v", begun, err)
		}
		step := func(who string, status, want Status) {
			t.Helper()
			must(t, s.SaveReceipt(ctx, session, &Receipt{Chat: chat, IDs: []string{"A"}, Recipient: who, Status: status, At: start.Add(time.Minute)}))
			if got := get(t, s, session, group, "A").Status; got != want {
				t.Errorf("after %s %s: %s, want %s", who, status, got, want)
			}
		}
		step(alicePN, StatusDelivered, StatusSent)
		step(alicePN, StatusRead, StatusSent)
		step(bobPN, StatusDelivered, StatusDelivered)
		step(bobPN, StatusDelivered, StatusDelivered)
		step(bobPN, StatusRead, StatusRead)
		must(t, s.Acknowledge(ctx, session, Ack{Chat: chat, ID: "A"}))
		must(t, s.Fail(ctx, session, chat, "A", 463, "late"))
		row := get(t, s, session, group, "A")
		if row.Status != StatusRead || row.FailCode != 0 {
			t.Errorf("went back to %s", row.Status)
		}
		receipts, err := s.Receipts(ctx, row)
		must(t, err)
		if len(receipts) != 2 || receipts[0].Delivered.IsZero() || receipts[0].Read.IsZero() || !receipts[0].Played.IsZero() {
			t.Errorf("receipts %+v", receipts)
		}
	})
}

func TestFailedMaySendAgain(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store, session string) {
		ctx, chat := t.Context(), Address{JID: alicePN}
		_, err := s.Begin(ctx, session, own("A", alicePN, 1))
		must(t, err)
		must(t, s.Fail(ctx, session, chat, "A", 463, "refused"))
		if row := get(t, s, session, alicePN, "A"); row.Status != StatusFailed || row.FailCode != 463 || row.FailReason != "refused" {
			t.Errorf("stored %+v", row)
		}
		begun, err := s.Begin(ctx, session, own("A", alicePN, 1))
		must(t, err)
		if row := get(t, s, session, alicePN, "A"); !begun || row.Status != StatusPending || row.FailCode != 0 {
			t.Errorf("begun %v, %+v", begun, row)
		}
		// An early receipt proves that it went out.
		must(t, s.SaveReceipt(ctx, session, &Receipt{Chat: chat, IDs: []string{"A"}, Recipient: alicePN, Status: StatusDelivered, At: start}))
		must(t, s.Save(ctx, session, text("O", alicePN, alicePN, "theirs", 1)))
		if begun, err := s.Begin(ctx, session, own("O", alicePN, 1)); begun || err != nil {
			t.Errorf("somebody else's message was replaced: %v, %v", begun, err)
		}
		if got := get(t, s, session, alicePN, "A").Status; got != StatusDelivered {
			t.Errorf("status %s", got)
		}
	})
}
