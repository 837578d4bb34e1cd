package files

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/wa"
)

// TestFileOfAnEvent checks the name of a stored file and which problems a later attempt may solve.
func TestFileOfAnEvent(t *testing.T) {
	raw, err := proto.Marshal(&waE2E.Message{ImageMessage: &waE2E.ImageMessage{DirectPath: proto.String("/v/x")}})
	must(t, err)
	picture := &messages.Row{Raw: raw}
	s := newTestService(t, picture)
	problem := func(ctx context.Context, s *Service) *Problem {
		t.Helper()
		file, err := s.GetOfEvent(ctx, "1@broadcast", "15550000002@s.whatsapp.net", "M1")
		var p *Problem
		if !errors.As(err, &p) || file != nil {
			t.Fatalf("%+v, %v", file, err)
		}
		if p.Message == "" || p.Error() != p.Message || !errors.Is(err, p.Err) {
			t.Errorf("problem %+v", p)
		}
		return p
	}
	if p := problem(t.Context(), s); p.Reason != wa.ReasonNotConnected || p.Final || p.Skipped {
		t.Errorf("without a connection: %+v", p)
	}
	*s.conn.(fakeConn).ended = true
	if p := problem(t.Context(), s); p.Reason != wa.ReasonNotConnected || !p.Final {
		t.Errorf("of a session that stays disconnected: %+v", p)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if p := problem(ctx, s); p.Final {
		t.Errorf("after the time ran out: %+v", p)
	}
	if p := problem(t.Context(), newTestService(t, nil)); p.Reason != wa.ReasonNotFound || !p.Final {
		t.Errorf("of an unknown message: %+v", p)
	}
	kept, err := s.KeepUpload(t.Context(), strings.NewReader("plain"), Upload{})
	must(t, err)
	picture.MediaID = kept.MediaID
	file, err := s.GetOfEvent(t.Context(), "15550000002@s.whatsapp.net", "", "M1")
	must(t, err)
	defer file.Content.Close()
	if data, err := io.ReadAll(file.Content); err != nil || string(data) != "plain" || file.Filename != "M1.txt" {
		t.Errorf("the stored file: %q, %q, %v", file.Filename, data, err)
	}
}

// TestLostFiles checks the errors after which no later attempt can succeed.
func TestLostFiles(t *testing.T) {
	s := newTestService(t, nil)
	for _, err := range []error{
		whatsmeow.ErrInvalidMediaSHA256, whatsmeow.ErrInvalidMediaEncSHA256, whatsmeow.ErrInvalidMediaHMAC, whatsmeow.ErrNoURLPresent,
		wa.NewError(wa.ReasonNotSupported, "x"), wa.NewError(wa.ReasonTooLarge, "x"), wa.NewError(wa.ReasonForbidden, "x"),
	} {
		if !s.isLost(err) {
			t.Errorf("%v may be solved", err)
		}
	}
	for _, err := range []error{io.ErrUnexpectedEOF, wa.NewError(wa.ReasonTimeout, "x"), wa.NewError(wa.ReasonNotConnected, "x")} {
		if s.isLost(err) {
			t.Errorf("%v is final", err)
		}
	}
	if text := PublicText(errors.New("secret address")); text != "the file could not be fetched" {
		t.Errorf("the text of an internal error: %q", text)
	}
}
