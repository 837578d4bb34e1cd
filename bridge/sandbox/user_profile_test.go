package sandbox

import (
	"errors"
	"strings"
	"testing"
	"time"

	"go.mau.fi/util/jsontime"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"
)

func TestAboutKeepsEmojiAndDuration(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a, b := w.pair(alice), w.pair(bob)
	for name, test := range map[string]struct {
		in   types.SetStatusInput
		want About
	}{
		"text":  {types.SetStatusInput{Text: proto.String("busy")}, About{Text: "busy"}},
		"emoji": {types.SetStatusInput{Emoji: &types.SetStatusEmoji{Content: "🌴"}}, About{Emoji: "🌴"}},
		"both for a day": {
			types.SetStatusInput{Text: proto.String("away"), Emoji: &types.SetStatusEmoji{Content: "👩‍👩‍👧‍👦"}, Duration: jsontime.S(24 * time.Hour)},
			About{Text: "away", Emoji: "👩‍👩‍👧‍👦", Duration: 24 * time.Hour},
		},
		"empty": {types.SetStatusInput{Text: proto.String("")}, About{}},
	} {
		if err := a.SetStatusMessage(w.ctx(), test.in); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := alice.FullAbout(); got != test.want {
			t.Errorf("%s: kept %+v", name, got)
		}
		if info, err := b.GetUserInfo(w.ctx(), []types.JID{alice.JID()}); err != nil || info[alice.JID()].Status != test.want.Text && info[alice.LID()].Status != test.want.Text {
			t.Errorf("%s: shown %+v, %v", name, info, err)
		}
	}
	for name, in := range map[string]types.SetStatusInput{
		"nothing":      {},
		"long text":    {Text: proto.String(strings.Repeat("x", 140))},
		"long emoji":   {Emoji: &types.SetStatusEmoji{Content: strings.Repeat("x", 65)}},
		"negative age": {Text: proto.String("x"), Duration: jsontime.S(-time.Second)},
	} {
		if err := a.SetStatusMessage(w.ctx(), in); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestAbout(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a := w.pair(alice)
	a.send(bob.JID(), text1("so that we know each other"))
	about := "Away until Monday"
	if err := a.SetStatusMessage(w.ctx(), types.SetStatusInput{Text: &about}); err != nil {
		t.Fatal(err)
	}
	if alice.About() != about {
		t.Errorf("about %q", alice.About())
	}
	if err := bob.SetAbout("I changed"); err != nil {
		t.Fatal(err)
	}
	await(a, func(e *events.UserAbout) bool { return e.JID == bob.LID() && e.Status == "I changed" })
	long := strings.Repeat("x", 140)
	var refused types.GraphQLError
	if err := a.SetStatusMessage(w.ctx(), types.SetStatusInput{Text: &long}); !errors.As(err, &refused) || refused.Extensions.ErrorCode != 406 {
		t.Errorf("long about: %v", err)
	}
	if err := bob.SetAbout(long); !errors.Is(err, ErrAboutTooLong) {
		t.Errorf("long about: %v", err)
	}
}
