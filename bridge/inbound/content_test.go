package inbound

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/objectstore"
)

// TestVotesAreDecrypted checks the answers of a vote in a stored poll, and a vote in a poll that is not stored.
func TestVotesAreDecrypted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	direct := types.MessageSource{Chat: ada, Sender: ada}
	poll := w.cli.BuildPollCreation("Tea?", []string{"yes", "no", "maybe"}, 2)
	if err := w.Keys.MsgSecrets.PutMessageSecret(t.Context(), ada, ada, "P1", poll.MessageContextInfo.MessageSecret); err != nil {
		t.Fatal(err)
	}
	vote := func(id string, answers ...string) string {
		content, err := w.cli.BuildPollVote(t.Context(), &types.MessageInfo{MessageSource: direct, ID: "P1"}, answers)
		if err != nil {
			t.Fatal(err)
		}
		return w.record(received(types.MessageSource{Chat: ada, Sender: own, IsFromMe: true}, id, content))
	}
	if got := vote("V0", "yes"); !strings.Contains(got, `"action":"poll_vote","message_id":"P1"`) || strings.Contains(got, `"options"`) {
		t.Errorf("a vote in an unknown poll:\n%s", got)
	}
	w.record(received(direct, "P1", poll))
	if got := vote("V1", "yes", "maybe"); !strings.Contains(got, `"options":["yes","maybe"]`) {
		t.Errorf("a vote:\n%s", got)
	}
	row := w.stored(ada, "P1")
	if len(row.Votes) != 1 || !slices.Equal(row.Votes[0].Options, []string{"yes", "maybe"}) || row.Votes[0].Voter != own.String() {
		t.Errorf("stored votes: %+v", row.Votes)
	}
	vote("V2")
	if row = w.stored(ada, "P1"); len(row.Votes) > 0 && len(row.Votes[0].Options) > 0 {
		t.Errorf("stored votes after a withdrawal: %+v", row.Votes)
	}
	broken := &waE2E.Message{PollUpdateMessage: &waE2E.PollUpdateMessage{
		PollCreationMessageKey: &waCommon.MessageKey{RemoteJID: proto.String(ada.String()), ID: proto.String("P1")}, Vote: &waE2E.PollEncValue{EncPayload: []byte("noise"), EncIV: make([]byte, 12)},
	}}
	if got := w.record(received(direct, "V3", broken)); !strings.HasPrefix(got, "Message\n") || strings.Contains(got, `"options"`) {
		t.Errorf("a vote that cannot be decrypted:\n%s", got)
	}
}

// TestSecretContentIsOpened checks reactions, comments, edits and options of polls that are encrypted under the secret of
// another message: they become their plain form, or stay as they are without the secret.
func TestSecretContentIsOpened(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ownLID := types.NewJID("100000000000001", types.HiddenUserServer)
	w.Keys.LID = ownLID
	root := &types.MessageInfo{MessageSource: types.MessageSource{Chat: team, Sender: adaLID, IsGroup: true}, ID: "M1"}
	target := &waCommon.MessageKey{RemoteJID: proto.String(team.String()), Participant: proto.String(adaLID.String()), ID: proto.String("M1"), FromMe: proto.Bool(false)}
	from := types.MessageSource{Chat: team, Sender: ownLID, IsFromMe: true, IsGroup: true}
	w.record(received(root.MessageSource, "M1", text("announcement")))
	unknown := &waE2E.Message{EncReactionMessage: &waE2E.EncReactionMessage{TargetMessageKey: target, EncPayload: []byte("noise"), EncIV: make([]byte, 12)}}
	if got := w.record(received(from, "S0", unknown)); !strings.HasPrefix(got, "Message\n") || !strings.Contains(got, "encReactionMessage") || strings.Contains(got, `"emoji"`) {
		t.Errorf("without the secret:\n%s", got)
	}
	if err := w.Keys.MsgSecrets.PutMessageSecret(t.Context(), team, adaLID, "M1", []byte(strings.Repeat("s", 32))); err != nil {
		t.Fatal(err)
	}
	reaction, err := w.cli.EncryptReaction(t.Context(), root, &waE2E.ReactionMessage{Key: target, Text: proto.String("👍")})
	if err != nil {
		t.Fatal(err)
	}
	got := w.record(received(from, "S1", &waE2E.Message{EncReactionMessage: reaction}))
	if !strings.Contains(got, `"action":"reaction","message_id":"M1"`) || !strings.Contains(got, `"emoji":"👍"`) {
		t.Errorf("a reaction:\n%s", got)
	}
	if row := w.stored(team, "M1"); len(row.Reactions) != 1 || row.Reactions[0].Emoji != "👍" {
		t.Errorf("stored reactions: %+v", row.Reactions)
	}
	comment, err := w.cli.EncryptComment(t.Context(), root, text("well done"))
	if err != nil {
		t.Fatal(err)
	}
	if got := w.record(received(from, "S2", comment)); !strings.Contains(got, `text = "well done"`) || !strings.Contains(got, `"action":"comment","message_id":"M1"`) {
		t.Errorf("a comment:\n%s", got)
	}
	if row := w.stored(team, "S2"); row.Text != "well done" {
		t.Errorf("the stored comment: %+v", row)
	}
}

// TestAddedPollOption checks that an option that a person adds to a poll is an edit of the stored poll.
func TestAddedPollOption(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.record(received(fromAda, "P1", w.cli.BuildPollCreation("Tea?", []string{"yes", "no"}, 1)))
	added := received(fromAda, "E1", protocol(&waE2E.ProtocolMessage{
		Type: waE2E.ProtocolMessage_MESSAGE_EDIT.Enum(), Key: &waCommon.MessageKey{ID: proto.String("P1")},
		EditedMessage: &waE2E.Message{PollAddOptionMessage: &waE2E.PollAddOptionMessage{AddOption: &waE2E.PollCreationMessage_Option{OptionName: proto.String("maybe")}}},
	}))
	if err := w.events.New(t.Context(), w.cli).applyAddedOption(added); err != nil {
		t.Fatal(err)
	}
	options := added.Message.GetProtocolMessage().GetEditedMessage().GetPollCreationMessage().GetOptions()
	if len(options) != 3 || options[2].GetOptionName() != "maybe" {
		t.Errorf("options: %v", options)
	}
}

// storage is an object storage that records its calls.
type storage struct {
	places, full []objectstore.Place
	added, woken []string
	notes        [][]byte
}

func (s *storage) Plan(string) (places, full []objectstore.Place) { return s.places, s.full }

func (s *storage) Add(_ context.Context, session string, place objectstore.Place, ref, extension string, about []byte) error {
	s.added = append(s.added, session+" "+string(place)+" "+ref+" "+extension)
	s.notes = append(s.notes, about)
	return nil
}

func (s *storage) Wake(_ string, place objectstore.Place) { s.woken = append(s.woken, string(place)) }

// TestFilesAreQueued checks which files of messages go to which object storage.
func TestFilesAreQueued(t *testing.T) {
	image := &waE2E.Message{ImageMessage: &waE2E.ImageMessage{
		URL: proto.String("https://mmg.whatsapp.net/v/t62.7118-24/1"), DirectPath: proto.String("/v/t62.7118-24/1"), MediaKey: make([]byte, 32),
		FileSHA256: make([]byte, 32), FileEncSHA256: make([]byte, 32), Mimetype: proto.String("image/jpeg"), FileLength: proto.Uint64(100),
	}}
	const key = "message|100000000000002@lid|100000000000002@lid|M1"
	both := []objectstore.Place{objectstore.PlaceSession, objectstore.PlaceGlobal}
	for _, c := range []struct {
		name        string
		storage     storage
		settings    Settings
		staysOut    bool
		skip        bool
		content     *waE2E.Message
		want, woken []string
		busy        int // events about full queues
	}{
		{name: "both", storage: storage{places: both}, content: image, want: []string{"session session " + key + " .jpg", "session global " + key + " .jpg"}, woken: []string{"session", "global"}},
		{name: "stays out of the shared one", storage: storage{places: both}, content: image, staysOut: true, want: []string{"session session " + key + " .jpg"}, woken: []string{"session"}},
		{name: "no storage planned", content: image},
		{name: "text", storage: storage{places: both}, content: text("hello")},
		{name: "skipped by the session", storage: storage{places: both}, settings: Settings{SkipMedia: true}, content: image},
		{name: "skipped by the server", storage: storage{places: both}, skip: true, content: image},
		{name: "full", storage: storage{full: both}, content: image, busy: 2},
		{name: "full and out of the shared one", storage: storage{full: both}, settings: Settings{SkipGlobal: []string{"media_storage"}}, content: image, busy: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.events.shared.Storage, w.events.shared.SkipMedia, w.settings, w.staysOut = &c.storage, c.skip, c.settings, c.staysOut
			got := w.record(received(fromAda, "M1", c.content))
			if !slices.Equal(c.storage.added, c.want) || !slices.Equal(c.storage.woken, c.woken) {
				t.Errorf("added %q, woken %q", c.storage.added, c.storage.woken)
			}
			if n := strings.Count(got, "MessageMedia\n"); n != c.busy || strings.Count(got, `"reason":"busy"`) != c.busy || strings.Count(got, "origin: server") != c.busy {
				t.Errorf("%d events about files:\n%s", n, got)
			}
			for _, about := range c.storage.notes {
				var note FileNote
				if err := json.Unmarshal(about, &note); err != nil || note.Key != key || note.Data.MessageID != "M1" || note.Data.Media == nil || note.Data.Media.Keys != nil {
					t.Errorf("note %s: %v", about, err)
				}
				if data := note.Event(objectstore.PlaceGlobal); data.Storage != objectstore.PlaceGlobal || data.MessageID != "M1" || note.Data.Storage != "" {
					t.Errorf("event of the note: %+v", data)
				}
			}
		})
	}
}

// TestWholeMessage checks that the data of a shortened event is completed from the stored message.
func TestWholeMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.events.shared.DataLimit = 1500
	long := strings.Repeat("long text ", 400)
	if err := w.events.Record(w.cli, received(fromAda, "M1", text(long))); err != nil {
		t.Fatal(err)
	}
	short := w.records[0].Data
	if len(short) > 1500 || !strings.Contains(string(short), `"truncated":true`) {
		t.Fatalf("the event is not shortened: %s", short)
	}
	complete := func(data json.RawMessage, limit int) (out struct {
		Text         string          `json:"text"`
		Raw          json.RawMessage `json:"raw"`
		Truncated    bool            `json:"truncated"`
		RawTruncated bool            `json:"raw_truncated"`
		MessageID    string          `json:"message_id"`
		Sender       string          `json:"sender"`
	},
	) {
		t.Helper()
		whole, err := WholeMessage(t.Context(), w.Messages, "owner", data, limit)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(whole, &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	whole := complete(short, 1<<20)
	if whole.Text != long || whole.Truncated || whole.RawTruncated || !strings.Contains(string(whole.Raw), long) || whole.MessageID != "M1" || whole.Sender != ada.String() {
		t.Errorf("completed: %+v", whole)
	}
	if whole = complete(short, 6000); whole.Text != long || whole.Raw != nil && string(whole.Raw) != "null" {
		t.Errorf("with room for the text alone: %+v", whole)
	}
	if whole = complete(short, 100); !whole.Truncated || len(whole.Text) >= len(long) {
		t.Errorf("without room: %+v", whole)
	}
	other := json.RawMessage(`{"message_id":"M9","chat":"15550000002@s.whatsapp.net","sender":"15550000002@s.whatsapp.net","truncated":true}`)
	for name, data := range map[string]json.RawMessage{
		"complete": json.RawMessage(`{"text":"a"}`), "not stored": other, "no message": json.RawMessage(`[{"truncated":true}]`),
		"another text": json.RawMessage(strings.Replace(string(short), "long text", "other", 1)),
	} {
		if got, err := WholeMessage(t.Context(), w.Messages, "owner", data, 1<<20); err != nil || string(got) != string(data) {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}

// TestWholeEdit checks that the raw part of a shortened edit is an edit again.
func TestWholeEdit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.record(received(fromAda, "M1", text("first")))
	w.events.shared.DataLimit = 1700
	long := strings.Repeat("long text ", 400)
	edit := protocol(&waE2E.ProtocolMessage{
		Type: waE2E.ProtocolMessage_MESSAGE_EDIT.Enum(), Key: &waCommon.MessageKey{ID: proto.String("M1")}, EditedMessage: text(long), TimestampMS: proto.Int64(at.UnixMilli()),
	})
	if err := w.events.Record(w.cli, received(fromAda, "M2", edit)); err != nil {
		t.Fatal(err)
	}
	whole, err := WholeMessage(t.Context(), w.Messages, "owner", w.records[0].Data, 1<<20)
	if err != nil || !strings.Contains(string(whole), `"MESSAGE_EDIT"`) || strings.Count(string(whole), long) != 2 {
		t.Errorf("the edit: %v, %d bytes", err, len(whole))
	}
}

// TestNewsletterRevocationIsFilled checks which messages of a newsletter become revocations.
func TestNewsletterRevocationIsFilled(t *testing.T) {
	t.Parallel()
	inChannel := types.MessageSource{Chat: channel, Sender: channel}
	for name, c := range map[string]struct {
		source types.MessageSource
		edit   types.EditAttribute
		want   bool
	}{
		"revocation":         {inChannel, types.EditAttributeAdminRevoke, true},
		"post":               {inChannel, types.EditAttributeEmpty, false},
		"revocation by chat": {fromAda, types.EditAttributeAdminRevoke, false},
	} {
		evt := received(c.source, "M1", &waE2E.Message{})
		evt.Info.Edit = c.edit
		fillNewsletterRevoke(evt)
		if p := evt.Message.GetProtocolMessage(); (p != nil) != c.want || c.want && (p.GetKey().GetID() != "M1" || p.GetType() != waE2E.ProtocolMessage_REVOKE) {
			t.Errorf("%s: %v", name, evt.Message)
		}
	}
}
